import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

import promptseg as ps
from promptseg.images import load_image
from promptseg.rasters.array import ArrayReader
from promptseg.rasters.georeference import Georeference
from promptseg.rasters.opening import reopen_raster
from promptseg.rasters.upright import upright
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp

pytest.importorskip("rasterio", reason="TIFF and WebP need rasterio")

ORIENTATIONS = range(1, 9)
PLACE = Georeference((0.25, 0.05, 412_345.25, -0.03, -0.5, 5_512_345.5), 32632)


def whole(raster):
    return Window(0, 0, *raster.size)


def turned(array, orientation, **options):
    return upright(ArrayReader(array, orientation=orientation, **options))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("name", ["scan.tif", "scan.webp", "scan.png", "scan.ome.tif"])
def test_files_are_shown_as_load_image_shows_them(name, orientation, tmp_path):
    exif, options = Image.Exif(), {"lossless": True} if name.endswith("webp") else {}
    exif[0x0112] = orientation
    if name == "scan.ome.tif":  # tifffile reads it.
        about = TiffImagePlugin.ImageFileDirectory_v2()
        about[270] = '<?xml version="1.0"?><OME></OME>'
        about[0x0112] = orientation
        exif, options = about, {"tiffinfo": about}
    Image.fromarray(ramp(60, 80)).save(tmp_path / name, **({"exif": exif} if name != "scan.ome.tif" else {}), **options)
    expected = load_image(tmp_path / name)
    with ps.open_raster(tmp_path / name) as raster, reopen_raster(raster.description) as again:
        assert raster.size == expected.shape[:2]
        for each in (raster, again):
            assert np.array_equal(each.read(whole(each)), expected)
        window = Window(3, 11, 40, 20)
        assert np.array_equal(raster.read(window), expected[3:43, 11:31])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_each_pixel_stays_at_its_place_in_the_world(orientation):
    column, row = np.meshgrid(np.arange(80.0), np.arange(60.0))
    reader = turned(np.stack([column, row], 2), orientation, georeference=PLACE)
    stored = reader.read(Window(0, 0, *reader.size), reader.size, (0, 1)).values.reshape(-1, 2)
    column, row = np.meshgrid(np.arange(reader.size[1]) + 0.5, np.arange(reader.size[0]) + 0.5)
    found = reader.georeference.to_world(np.stack([column.ravel(), row.ravel()], 1))
    assert np.abs(found - PLACE.to_world(stored + 0.5)).max() < 1e-6
    assert reader.georeference.epsg == 32632


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reduced_windows_are_averages_of_upright_pixels(orientation):
    reader = turned(ramp(64, 96).astype(np.float32), orientation)
    full = reader.read(Window(0, 0, *reader.size), reader.size, (0, 1, 2)).values
    height, width = reader.size
    reduced = reader.read(Window(0, 0, height, width), (height // 4, width // 4), (0, 1, 2)).values
    assert np.abs(reduced - mean_of(full, 4)).max() < 1e-3


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_pixels_without_data_turn_with_the_others(orientation):
    array = np.ones((30, 50), np.float32)
    array[:5, :7] = np.nan
    reader = turned(array, orientation)
    values, valid = reader.read(Window(0, 0, *reader.size), reader.size, (0,))
    assert np.array_equal(valid, np.isfinite(values[..., 0]))
    assert (~valid).sum() == 35
