import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from promptseg.errors import InputError, OutputError
from promptseg.images import load_image
from promptseg.rasters import plain
from promptseg.rasters.opening import reopen_raster
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp

pytest.importorskip("rasterio", reason="decoding row by row needs rasterio")


def whole(raster):
    return Window(0, 0, *raster.size)


@pytest.fixture(params=["in memory", "in a file"])
def room(request, monkeypatch):
    """Both places where decoded pixels lie, and several strips."""
    monkeypatch.setattr(plain, "_AT_ONCE", 7 * 130 * 3)
    if request.param == "in a file":
        monkeypatch.setattr(plain, "_IN_MEMORY", 0)
    return request.param


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_is_read_by_windows(suffix, room, tmp_path):
    Image.fromarray(ramp(100, 130) // 64 * 64).save(tmp_path / f"scan.{suffix}", quality=95, subsampling=0)
    pixels = load_image(tmp_path / f"scan.{suffix}")
    with ps.open_raster(tmp_path / f"scan.{suffix}") as raster:
        assert raster.size == (100, 130)
        found = raster.read(Window(3, 5, 90, 120))
        assert np.abs(found.astype(int) - pixels[3:93, 5:125]).max() <= (0 if suffix == "png" else 3)
        with reopen_raster(raster.description) as again:
            assert np.array_equal(again.read(Window(3, 5, 90, 120)), found)
        assert np.abs(raster.read(Window(0, 0, 100, 128), (25, 32)) - mean_of(pixels[:, :128], 4)).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright_as_load_image_makes_it(orientation, room, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(ramp(100, 130) // 64 * 64).save(tmp_path / "scan.jpg", quality=95, subsampling=0, exif=exif)
    pixels = load_image(tmp_path / "scan.jpg")
    with ps.open_raster(tmp_path / "scan.jpg") as raster:
        assert raster.size == pixels.shape[:2]
        assert np.abs(raster.read(whole(raster)).astype(int) - pixels).max() <= 3


def test_transparent_pixels_have_no_data(room, tmp_path):
    array = ramp(100, 130, 4)
    array[..., 3] = 255
    array[:10, :, 3] = 0
    Image.fromarray(array).save(tmp_path / "scan.png")
    with ps.open_raster(tmp_path / "scan.png") as raster:
        assert raster.valid(whole(raster))[:, 0].tolist() == [False] * 10 + [True] * 90
        assert np.array_equal(raster.read(whole(raster))[10:], array[10:, :, :3])


@pytest.mark.parametrize("mode", ["RGB", "P", "L"])
def test_a_color_that_stands_for_nothing_has_no_data(mode, room, tmp_path):
    gray = ramp(100, 130, 1)[..., 0] // 64
    image = Image.fromarray(gray * 60).convert(mode)
    image.save(tmp_path / "scan.png", transparency=(120, 120, 120) if mode == "RGB" else int(np.asarray(image)[gray == 2][0]))
    with ps.open_raster(tmp_path / "scan.png") as raster:
        assert np.array_equal(raster.valid(whole(raster)), gray != 2)
        assert np.array_equal(raster.read(whole(raster))[..., 0], np.where(gray == 2, 0, gray * 60))


def test_gray_palette_and_sixteen_bits_are_read(room, tmp_path):
    gray = ramp(100, 130, 1)[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(gray).convert("P", palette=Image.Palette.WEB).save(tmp_path / "palette.png")
    Image.fromarray(gray.astype(np.uint16) * 40).save(tmp_path / "deep.png")
    for name in ("gray", "palette"):
        with ps.open_raster(tmp_path / f"{name}.png") as raster:
            assert np.array_equal(raster.read(whole(raster)), load_image(tmp_path / f"{name}.png"))
    with ps.open_raster(tmp_path / "deep.png", limits=(0, 10_000)) as raster:
        assert np.abs(raster.read(whole(raster))[..., 0] - gray * (40 * 255 / 10_000)).max() <= 0.51


def test_a_world_file_places_it(tmp_path):
    Image.fromarray(ramp(100, 130)).save(tmp_path / "scan.jpg")
    (tmp_path / "scan.jgw").write_text("0.5\n0\n0\n-0.5\n1000.25\n1999.75\n")
    with ps.open_raster(tmp_path / "scan.jpg") as raster:
        assert raster.georeference.matrix == (0.5, 0.0, 1000.0, 0.0, -0.5, 2000.0)


def test_the_file_of_pixels_is_removed_with_the_raster(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "_IN_MEMORY", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    Image.fromarray(ramp(100, 130)).save(tmp_path / "scan.png")
    with ps.open_raster(tmp_path / "scan.png") as raster:
        assert raster.read(whole(raster)).any()
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(InputError, match=r"scan\.png is closed"):
        raster.read(Window(0, 0, 1, 1))


def test_an_image_too_large_to_be_decoded_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "MAX_PLAIN_PIXELS", 12_999)
    Image.fromarray(ramp(100, 130)).save(tmp_path / "scan.png")
    with pytest.raises(InputError, match=r"scan\.png has 130 x 100 pixels, more than 12999 .*gdal_translate -of COG"):
        ps.open_raster(tmp_path / "scan.png")


def test_a_disk_without_room_is_named_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "_IN_MEMORY", 0)
    monkeypatch.setattr(plain, "_SPARE", 1 << 60)
    Image.fromarray(ramp(100, 130)).save(tmp_path / "scan.png")
    with pytest.raises(InputError, match=r"the pixels of .*scan\.png take 0 MB of .*, which has \d+ MB free: make room"):
        ps.open_raster(tmp_path / "scan.png")


def test_a_disk_that_gets_full_is_named(tmp_path, monkeypatch):
    class Full:
        closed = False

        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            self.closed = True

    full = Full()
    monkeypatch.setattr(plain, "_IN_MEMORY", 0)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    Image.fromarray(ramp(100, 130)).save(tmp_path / "scan.png")
    with pytest.raises(OutputError, match=r"cannot write the pixels of .*scan\.png to .*: No space left on device"):
        ps.open_raster(tmp_path / "scan.png")
    assert full.closed


def test_a_truncated_image_is_named(room, tmp_path):
    Image.fromarray(ramp(100, 130)).save(tmp_path / "scan.png")
    whole_file = (tmp_path / "scan.png").read_bytes()
    (tmp_path / "scan.png").write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(InputError, match=r"scan\.png cannot be read .*truncated or damaged"):
        ps.open_raster(tmp_path / "scan.png")


def test_without_rasterio_it_is_decoded_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "find_spec", lambda _: None)
    monkeypatch.setattr("promptseg.rasters.kinds.find_spec", lambda _: None)
    array = ramp(100, 130)
    Image.fromarray(array).save(tmp_path / "scan.png")
    (tmp_path / "scan.pgw").write_text("0.5\n0\n0\n-0.5\n1000.25\n1999.75\n")
    with ps.open_raster(tmp_path / "scan.png") as raster:
        assert np.array_equal(raster.read(Window(3, 5, 90, 120)), array[3:93, 5:125])
        assert raster.georeference.matrix == (0.5, 0.0, 1000.0, 0.0, -0.5, 2000.0)
    (tmp_path / "scan.img").write_bytes(b"of another format")
    with pytest.raises(InputError, match=r"is not an image .*need rasterio: pip install .*geo"):
        ps.open_raster(tmp_path / "scan.img")
