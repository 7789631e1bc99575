"""Which images the studio shows as rasters."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("rasterio")

import rasterio

from promptseg.errors import InputError, InputWarning
from promptseg.studio_server.rasters.files import RasterFiles


def write_tiff(path, bands=3, overviews=(), size=(300, 400), dtype="uint8"):
    profile = {"driver": "GTiff", "height": size[0], "width": size[1], "count": bands, "dtype": dtype, "tiled": True, "blockxsize": 128}
    with rasterio.open(path, "w", **profile, blockysize=128, transform=rasterio.Affine(0.5, 0, 400000, 0, -0.5, 5000000)) as file:
        file.write(np.full((bands, *size), 90, dtype))
        if overviews:
            file.build_overviews(list(overviews))
    return path


def write_header(path, width, height):
    """Write the beginning of an image of any size."""
    path.write_bytes(f"P6 {width} {height} 255\n".encode())
    return path


@pytest.fixture
def files(monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.rasters.files.LARGE", 400 * 300)
    return RasterFiles()


def test_a_large_tiff_with_copies_is_a_raster_and_a_small_one_an_image(files, tmp_path):
    assert files.has(write_tiff(tmp_path / "copies.tif", overviews=[2, 4]))
    assert not files.has(write_tiff(tmp_path / "plain.tif"))
    assert not files.has(write_tiff(tmp_path / "small.tif", overviews=[2], size=(200, 400)))


def test_copies_in_a_file_beside_it_count(files, tmp_path):
    path = write_tiff(tmp_path / "plain.tif")
    path.with_name("plain.tif.ovr").write_bytes(b"II*\0")
    assert files.has(path)


def test_an_image_of_more_pixels_than_an_image_may_have_is_a_raster(files, tmp_path):
    assert files.has(write_header(tmp_path / "huge.ppm", 20_000, 10_000))
    assert not files.has(write_header(tmp_path / "large.ppm", 10_000, 10_000))


def test_a_tiff_that_is_no_image_is_a_raster(files, tmp_path):
    path = write_tiff(tmp_path / "bands.tif", bands=12, dtype="float32")
    assert files.has(path)
    with pytest.raises(InputError, match="12 bands"):
        files.open(path)
    with RasterFiles(bands=(4, 3, 2)).open(path) as raster:
        assert raster.size == (300, 400)


def write_elevation(path, lowest=-9999, highest=1000):
    """Write a small GeoTIFF of floats, with a band of no data."""
    values = np.linspace(0, highest, 60 * 80, dtype="float32").reshape(1, 60, 80)
    values[:, :10] = lowest
    with rasterio.open(path, "w", driver="GTiff", height=60, width=80, count=1, dtype="float32", nodata=-9999) as file:
        file.write(values)
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
class TestSamples:
    """What a file is by its samples."""

    def test_a_small_file_of_samples_that_no_image_has_is_a_raster(self, files, tmp_path):
        path = write_elevation(tmp_path / "dem.tif")
        assert files.has(path)
        assert files.pyramid(path).size == (60, 80)
        with pytest.warns(InputWarning, match="0 is read as black and 1 as white"):
            assert not files.has(write_elevation(tmp_path / "positive.tif", lowest=0, highest=1))

    def test_without_data_it_says_so(self, files, tmp_path):
        path = write_elevation(tmp_path / "empty.tif", highest=-9999)
        with rasterio.open(path, "r+") as file:
            file.write(np.full((1, 60, 80), -9999, "float32"))
        assert "no pixel with data" in files.why_unreadable(path)

    @pytest.mark.parametrize("how", [{"bands": (1,)}, {"stretch": (2, 98)}])
    def test_how_rasters_are_shown_makes_a_raster_of_every_file_that_can_be_one(self, tmp_path, how):
        path = write_tiff(tmp_path / "small.tif")
        assert RasterFiles(**how).has(path)
        assert not RasterFiles().has(path)
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
        assert not RasterFiles(**how).has(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore:.*overviews of")
def test_a_truncated_tiff_says_where_it_ends_without_a_warning_of_pillow(files, tmp_path, recwarn):
    path = write_tiff(tmp_path / "cut.tif", overviews=[2])
    path.write_bytes(path.read_bytes()[:200_000])
    told = files.why_unreadable(path)
    assert "truncated or damaged" in told
    assert "Get the file again" in told
    assert not [each for each in recwarn if "PIL" in each.filename]


def test_what_is_no_image_is_no_raster(files, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    assert not files.has(tmp_path / "text.png")
    assert not files.has(tmp_path / "absent.tif")


def test_the_size_is_that_of_the_file_as_it_is_now(files, tmp_path):
    path = write_tiff(tmp_path / "scene.tif", overviews=[2])
    assert files.size(path) == (300, 400)
    write_tiff(path, overviews=[2], size=(500, 600))
    assert files.size(path) == (500, 600)
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
    assert files.size(tmp_path / "a.png") == (20, 30)


def test_a_raster_of_too_many_pixels_is_refused(files, tmp_path, monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.rasters.files.MOST_PIXELS", 100_000)
    with pytest.raises(InputError, match="400 x 300 pixels, and the studio shows at most 100000"):
        files.open(write_tiff(tmp_path / "scene.tif", overviews=[2]))


def test_16_bits_are_stretched_alike_each_time(files, tmp_path):
    path = write_tiff(tmp_path / "deep.tif", bands=1, overviews=[2], dtype="uint16")
    with files.open(path) as one, files.open(path) as other:
        assert one.description == other.description
        assert one.description["limits"]
