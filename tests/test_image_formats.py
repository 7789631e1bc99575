import io
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

from promptseg import image_formats
from promptseg.errors import InputError
from promptseg.image_formats import FORMATS, open_image
from promptseg.images import IMAGE_SUFFIXES, load_image


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64


@pytest.mark.parametrize("kind", sorted({"BMP", "DIB", "GIF", "ICO", "JPEG", "MPO", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF"}))
def test_every_format_is_read_whatever_its_suffix(kind, tmp_path):
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    try:
        (tmp_path / "image").write_bytes(encode(image, kind))
    except KeyError:
        pytest.skip(f"this Pillow was built without {kind}")
    assert np.abs(load_image(tmp_path / "image")[8, 8].astype(int) - (200, 100, 50)).max() <= 4


@pytest.mark.parametrize("kind", ["EPS", "PDF", "XBM", "SPIDER", "MSP"])
def test_formats_that_are_no_images_of_a_camera_are_not_opened(kind):
    mode = {"XBM": "1", "MSP": "1", "SPIDER": "F"}.get(kind, "RGB")
    with pytest.raises(
        InputError,
        match=r"is not an image in a format that promptseg reads, or is damaged: expected JPEG, PNG|is a PDF, and an image is exp",
    ):
        load_image(encode(Image.new(mode, (16, 16)), kind))


def test_no_program_is_started_for_an_eps_file(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(InputError, match="is not an image"):
        load_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


def test_no_suffix_belongs_to_two_formats():
    suffixes = [suffix for suffixes in FORMATS.values() for suffix in suffixes]
    assert sorted(suffixes) == sorted(IMAGE_SUFFIXES)
    assert not IMAGE_SUFFIXES & {".eps", ".ps", ".pdf", ".psd", ".wmf", ".emf", ".h5", ".mpg"}


class TestHeif:
    @pytest.fixture(autouse=True)
    def forget(self, monkeypatch):
        for function in (image_formats._register_heif, image_formats._known):
            function.cache_clear()
        monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
        monkeypatch.setattr(Image, "ID", list(Image.ID))
        yield
        for function in (image_formats._register_heif, image_formats._known):
            function.cache_clear()

    def test_without_its_package_the_package_is_named(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        (tmp_path / "IMG_1.HEIC").write_bytes(HEIC)
        with pytest.raises(InputError, match=r"IMG_1\.HEIC cannot be read .* package pillow-heif: pip install .*\[heif\]"):
            load_image(tmp_path / "IMG_1.HEIC")

    def test_the_package_is_registered_once_and_reads_the_file(self, monkeypatch):
        registered = []

        class Heif(Image.Image):
            format = "HEIF"

        def opener(file, name):
            image = Image.new("RGB", (4, 3), (1, 2, 3))
            image.format = "HEIF"
            return image

        def register():
            registered.append(True)
            Image.register_open("HEIF", opener, lambda head: head[4:8] == b"ftyp")

        package = types.ModuleType("pillow_heif")
        package.register_heif_opener = register
        monkeypatch.setitem(sys.modules, "pillow_heif", package)
        for _ in range(2):
            assert load_image(HEIC)[0, 0].tolist() == [1, 2, 3]
        assert len(registered) == 1

    def test_a_jpeg_file_with_the_suffix_of_a_phone_needs_no_package(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        (tmp_path / "a.heic").write_bytes(encode(Image.new("RGB", (4, 3)), "JPEG"))
        assert load_image(tmp_path / "a.heic").shape == (3, 4, 3)

    def test_an_older_pillow_says_which_one_reads_avif(self, monkeypatch):
        monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
        monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "AVIF"])
        with pytest.raises(InputError, match="AVIF file, which Pillow reads from version"):
            load_image(b"\0\0\0\x1cftypavif\0\0\0\0" + b"\0" * 64)


class Stream:
    """An object that can be read and nothing else, as some archives and web clients give."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, count=-1):
        return self._data.read(count)


class TestStreams:
    def test_read_alone_is_enough(self):
        assert load_image(Stream(encode(Image.new("RGB", (4, 3), (1, 2, 3)), "PNG")))[0, 0].tolist() == [1, 2, 3]

    def test_what_it_gives_must_be_an_image(self):
        with pytest.raises(InputError, match="the open file is not an image"):
            load_image(Stream(b"no image"))
        with pytest.raises(InputError, match="the open file is empty"):
            load_image(Stream(b""))

    @pytest.mark.parametrize("result", ["text", 5, [1]], ids=repr)
    def test_what_it_gives_must_be_bytes(self, result):
        class Wrong:
            def read(self, _=-1):
                return result

        with pytest.raises(InputError, match="binary"):
            load_image(Wrong())

    def test_a_text_file_is_refused_with_what_to_do(self, tmp_path):
        (tmp_path / "a.txt").write_text("text")
        with (tmp_path / "a.txt").open() as file, pytest.raises(InputError, match=r"a\.txt gives str: open the file in binary mode"):
            load_image(file)

    @pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("no"), KeyError("k"), EOFError()], ids=repr)
    def test_whatever_it_raises_becomes_one_error(self, error):
        class Failing:
            def read(self, _=-1):
                raise error

        with pytest.raises(InputError, match="the open file cannot be read") as caught:
            load_image(Failing())
        assert caught.value.__cause__ is error

    def test_an_error_after_the_first_part_becomes_one_error(self):
        class Failing(io.BytesIO):
            def read(self, count=-1):
                if self.tell() > 100:
                    raise RuntimeError("the connection was lost")
                return super().read(count)

        with pytest.raises(InputError, match="the connection was lost"):
            load_image(Failing(encode(Image.effect_noise((99, 99), 50), "PNG")))

    def test_a_closed_file_is_refused(self):
        file = io.BytesIO(encode(Image.new("L", (4, 3)), "PNG"))
        file.close()
        with pytest.raises(InputError, match="closed file"):
            load_image(file)

    def test_a_stream_without_end_is_refused(self, monkeypatch):
        monkeypatch.setattr(image_formats, "MAX_BYTES", 5 << 20)

        class Endless:
            def read(self, count):
                return bytes(count)

        with pytest.raises(InputError, match="larger than 5242880 bytes"):
            load_image(Endless())


class TestPillowImages:
    def test_a_truncated_one_is_refused(self):
        image = Image.open(io.BytesIO(encode(Image.effect_noise((99, 99), 50), "JPEG")[:2000]))
        with pytest.raises(InputError, match="the PIL image is truncated, corrupt or closed"):
            load_image(image)

    def test_a_closed_one_is_refused_by_its_file(self, tmp_path):
        Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as image:
            pass
        with pytest.raises(InputError, match=r"the PIL image .*a\.png is truncated, corrupt or closed"):
            load_image(image)


def test_errors_within_the_block_become_one_error(tmp_path):
    data = encode(Image.effect_noise((99, 99), 50), "PNG")
    (tmp_path / "cut.png").write_bytes(data[:3000])
    with (
        pytest.raises(InputError, match=r"mask .*cut\.png is truncated or corrupt"),
        open_image(tmp_path / "cut.png", "mask cut.png") as image,
    ):
        image.load()


def test_a_name_is_given_to_what_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="cannot read mask a: No such file"), open_image(tmp_path / "absent", "mask a"):
        pass


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("shape", "dtype", "what"),
    [
        ((8, 8, 12), "uint8", r"a raster of 12 bands of uint8 samples.*--tile 1024 and --bands, such as --bands 3,2,1"),
        ((8, 8, 2), "float32", r"a raster of 2 bands of float32 samples.*--bands 1"),
        ((8, 8), "float64", r"a raster of 1 band of float64 samples.*reads it with --tile 1024, and promptseg\.open_raster"),
    ],
)
def test_a_tiff_of_samples_that_no_image_has_is_told_to_be_a_raster(shape, dtype, what, big, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, dtype), photometric="minisblack", planarconfig="contig", bigtiff=big)
    with pytest.raises(InputError, match=what):
        load_image(tmp_path / "a.tif")
    (tmp_path / "damaged.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:40])
    with pytest.raises(InputError, match=r"or is damaged: expected JPEG|truncated or corrupt"):
        load_image(tmp_path / "damaged.tif")


def test_pillow_prints_nothing_about_a_tiff_that_it_does_not_read(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 12), "uint8"), photometric="minisblack", planarconfig="contig")
    code = "import sys, promptseg\ntry: promptseg.load_image(sys.argv[1])\nexcept promptseg.errors.InputError: print('told')"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("told\n", "")
