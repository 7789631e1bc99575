import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from promptseg import image_formats, images
from promptseg.annotation.sources import open_source
from promptseg.errors import InputError
from promptseg.image_files import files_under
from promptseg.image_formats import FORMATS
from promptseg.images import IMAGE_SUFFIXES, load_image
from promptseg.video.frames import open_frames

EXIF_ORIENTATION = 0x0112


def encode(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_of_size(width, height):
    """A PNG file whose header claims a size, with almost no data behind it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


class TestSources:
    @pytest.fixture
    def rgb(self, photo):
        return photo(30, 40)

    def test_every_kind_of_source_gives_the_same_pixels(self, rgb, tmp_path):
        path = tmp_path / "image.png"
        path.write_bytes(encode(Image.fromarray(rgb)))
        with path.open("rb") as file:
            loaded = [load_image(source) for source in (str(path), path, path.read_bytes(), io.BytesIO(path.read_bytes()), file)]
        with Image.open(path) as image:
            loaded.append(load_image(image))
        loaded.append(load_image(rgb))
        for pixels in loaded:
            assert np.array_equal(pixels, rgb)
            assert pixels.dtype == np.uint8
            assert pixels.flags.c_contiguous

    def test_a_foreign_path_object_serves(self, rgb, tmp_path):
        class Entry:
            def __fspath__(self):
                return os.fspath(tmp_path / "image.png")

        Image.fromarray(rgb).save(tmp_path / "image.png")
        assert np.array_equal(load_image(Entry()), rgb)

    def test_a_file_that_cannot_seek_serves(self, rgb):
        reader, writer = os.pipe()
        data = encode(Image.fromarray(rgb))
        assert len(data) < 60_000  # It fits into the pipe.
        with os.fdopen(writer, "wb") as out:
            out.write(data)
        with os.fdopen(reader, "rb") as file:
            assert np.array_equal(load_image(file), rgb)

    def test_a_pil_image_is_left_as_it_was(self):
        image = Image.new("LA", (4, 3), (100, 50))
        load_image(image)
        assert image.mode == "LA"
        assert image.getpixel((0, 0)) == (100, 50)

    @pytest.mark.parametrize("source", [None, 3, [[1, 2]], object()], ids=lambda source: type(source).__name__)
    def test_anything_else_is_refused_by_its_type(self, source):
        with pytest.raises(InputError, match=f"got {type(source).__name__}"):
            load_image(source)


class TestUnreadable:
    def test_an_absent_file_is_named(self, tmp_path):
        with pytest.raises(InputError, match=r"absent\.jpg: No such file"):
            load_image(tmp_path / "absent.jpg")

    def test_a_folder_is_named(self, tmp_path):
        with pytest.raises(InputError, match="it is a folder, and one image is expected"):
            load_image(tmp_path)

    def test_an_empty_file_is_called_empty(self, tmp_path):
        path = tmp_path / "empty.jpg"
        path.touch()
        with pytest.raises(InputError, match=r"empty\.jpg is empty"):
            load_image(path)
        with pytest.raises(InputError, match="0 bytes is empty"):
            load_image(b"")

    @pytest.mark.parametrize("data", [b"hello, this is text", b"\xff\xd8", b"%PDF-1.7 and so on", b"\0" * 64])
    def test_a_file_that_is_no_image_is_refused_by_name(self, data, tmp_path):
        path = tmp_path / "notes.jpg"
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"notes\.jpg"):
            load_image(path)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
    def test_a_truncated_file_is_refused(self, kind, photo, tmp_path):
        data = encode(Image.fromarray(photo(60, 80)), kind)
        path = tmp_path / f"cut.{kind.lower()}"
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match=r"cut\.\w+ (is truncated or corrupt|is not an image)"):
            load_image(path)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "DDS", "AVIF"])
    def test_a_damaged_file_gives_an_image_or_a_refusal_and_never_another_error(self, kind, photo):
        random = np.random.default_rng(7)
        try:
            data = encode(Image.fromarray(photo(24, 32)), kind)
        except (KeyError, OSError):
            pytest.skip(f"this Pillow was built without {kind}")
        refused = 0
        for _ in range(120):
            damaged = bytearray(data)
            for position in random.integers(0, len(data), 3):
                damaged[position] = random.integers(0, 256)
            # Some damage is in metadata alone: Pillow then warns and reads the pixels.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    assert load_image(bytes(damaged[: random.integers(1, len(data) + 1)])).dtype == np.uint8
                except InputError:
                    refused += 1
        assert refused

    def test_the_original_error_is_the_cause(self):
        with pytest.raises(InputError) as caught:
            load_image(encode(Image.new("RGB", (50, 50)), "JPEG")[:-200])
        assert caught.value.__cause__ is not None

    def test_an_image_whose_header_claims_a_bombs_size_is_refused_before_its_pixels_are_made(self):
        with pytest.raises(InputError, match="decompression bomb"):
            load_image(png_of_size(60_000, 60_000))

    def test_between_pillows_warning_and_the_limit_there_is_no_warning(self):
        # 95 million pixels: over Pillow's level for a warning, which here is an error, and under the limit.
        with pytest.raises(InputError, match="truncated or corrupt") as caught:
            load_image(png_of_size(10_000, 9_500))
        assert "bomb" not in str(caught.value)

    def test_the_limit_holds_for_pil_images_and_arrays_too(self, monkeypatch):
        monkeypatch.setattr(image_formats, "MAX_PIXELS", 100)
        for source in (np.zeros((10, 11, 3), np.uint8), Image.new("RGB", (10, 11)), encode(Image.new("RGB", (10, 11)))):
            with pytest.raises(InputError, match=r"(more|larger) than 100"):
                load_image(source)
        assert load_image(np.zeros((10, 10), np.uint8)).shape == (10, 10, 3)

    @pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
    def test_a_pil_image_without_pixels_is_refused(self, size):
        with pytest.raises(InputError, match="has no pixels"):
            load_image(Image.new("RGB", size))


class TestModes:
    def test_one_pixel_is_an_image(self):
        assert load_image(encode(Image.new("RGB", (1, 1), (1, 2, 3)))).tolist() == [[[1, 2, 3]]]

    def test_gray_becomes_rgb(self):
        assert load_image(encode(Image.new("L", (3, 2), 77))).tolist() == [[[77] * 3] * 3] * 2

    def test_black_and_white_becomes_0_and_255(self):
        image = Image.new("1", (2, 1))
        image.putpixel((1, 0), 1)
        assert load_image(encode(image)).tolist() == [[[0] * 3, [255] * 3]]

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bit_samples_are_scaled_by_their_full_range(self, kind):
        values = np.uint16([[0, 257, 32768, 65535]])
        assert load_image(encode(Image.fromarray(values), kind))[0, :, 0].tolist() == [0, 1, 128, 255]

    def test_a_palette_gives_its_colors(self):
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.putpixel((1, 0), 1)
        assert load_image(encode(image)).tolist() == [[[10, 20, 30], [200, 100, 50]]]

    def test_the_transparent_color_of_a_palette_becomes_white(self):
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.putpixel((1, 0), 1)
        assert load_image(encode(image, transparency=0)).tolist() == [[[255] * 3, [200, 100, 50]]]

    @pytest.mark.parametrize(
        ("mode", "color", "expected"),
        [
            ("RGBA", (200, 100, 0, 255), [200, 100, 0]),
            ("RGBA", (200, 100, 0, 0), [255, 255, 255]),
            ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
            ("LA", (80, 255), [80, 80, 80]),
            ("LA", (80, 0), [255, 255, 255]),
        ],
    )
    def test_transparent_pixels_are_laid_on_white(self, mode, color, expected):
        assert load_image(encode(Image.new(mode, (2, 2), color)))[0, 0].tolist() == expected

    def test_an_rgba_array_is_laid_on_white_as_a_file_is(self):
        rgba = np.random.default_rng(0).integers(0, 256, (6, 7, 4), dtype=np.uint8)
        assert np.array_equal(load_image(rgba), load_image(encode(Image.fromarray(rgba))))

    def test_cmyk_is_converted(self):
        pixels = load_image(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
        assert pixels.shape == (8, 8, 3)
        assert pixels[4, 4, 0] > 200
        assert pixels[4, 4, 1:].max() < 60

    def test_16_bit_samples_that_pillow_opens_with_32_bits_are_scaled_alike(self):
        assert load_image(Image.fromarray(np.int32([[0, 65535]])))[0, :, 0].tolist() == [0, 255]

    @pytest.mark.parametrize("values", [np.int32([[-1, 5]]), np.float32([[-0.5, 1]])], ids=str)
    def test_negative_samples_are_refused_with_their_range(self, values):
        with pytest.raises(InputError, match=f"samples from {values.min():g} to {values.max():g}"):
            load_image(Image.fromarray(values))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_is_applied(self, orientation):
        upright = np.zeros((16, 32, 3), np.uint8)
        upright[:8, :16] = 255  # White at the top left.
        turn = {
            1: lambda a: a,
            2: lambda a: a[:, ::-1],
            3: lambda a: a[::-1, ::-1],
            4: lambda a: a[::-1],
            5: lambda a: a.transpose(1, 0, 2),
            6: lambda a: np.rot90(a, 1),
            7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
            8: lambda a: np.rot90(a, -1),
        }[orientation]
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        stored = Image.fromarray(np.ascontiguousarray(turn(upright)))
        assert np.array_equal(load_image(encode(stored, "PNG", exif=exif)), upright)

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
    def test_a_file_of_several_images_is_refused_with_their_number(self, kind):
        frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue", "lime")]
        what = "pages" if kind == "TIFF" else "frames"
        with pytest.raises(InputError, match=f"has 3 {what}, and an image has one: .*open_frames"):
            load_image(encode(frames[0], kind, save_all=True, append_images=frames[1:]))

    def test_a_pil_image_gives_the_frame_at_which_it_is(self):
        frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
        image = Image.open(io.BytesIO(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])))
        image.seek(1)
        assert load_image(image)[0, 0].tolist() == [0, 0, 255]

    def test_the_preview_in_the_file_of_a_phone_is_passed_over(self):
        frames = [Image.new("RGB", size, color) for size, color in (((16, 8), "red"), ((4, 2), "blue"))]
        pixels = load_image(encode(frames[0], "MPO", save_all=True, append_images=frames[1:]))
        assert pixels.shape == (8, 16, 3)
        assert pixels[0, 0, 0] > 200

    def test_the_smaller_copies_of_a_tiff_file_are_passed_over(self):
        out = io.BytesIO()
        with TiffImagePlugin.AppendingTiffWriter(out) as pages:
            Image.new("RGB", (16, 8), "red").save(pages, "TIFF")
            pages.newFrame()
            Image.new("RGB", (8, 4), "blue").save(pages, "TIFF", tiffinfo={254: 1})
            pages.newFrame()
        assert load_image(out.getvalue()).shape == (8, 16, 3)


class TestArrays:
    @pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)])
    def test_gray_and_rgb_arrays_become_rgb(self, shape):
        array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        pixels = load_image(array)
        assert pixels.shape == (4, 5, 3)
        assert np.array_equal(pixels, np.broadcast_to(array.reshape(4, 5, -1), (4, 5, 3)))

    def test_uint16_arrays_are_scaled_and_bool_arrays_become_0_and_255(self):
        assert load_image(np.uint16([[0, 65535, 257]]))[0, :, 0].tolist() == [0, 255, 1]
        assert load_image(np.array([[False, True]]))[0, :, 2].tolist() == [0, 255]

    @pytest.mark.parametrize("view", [lambda a: a[::2, ::3], lambda a: a[:, ::-1], lambda a: a[..., ::-1], np.asfortranarray])
    def test_an_array_that_is_not_contiguous_is_copied_into_order(self, view, photo):
        array = view(photo(20, 30))
        pixels = load_image(array)
        assert pixels.flags.c_contiguous
        assert np.array_equal(pixels, array)

    def test_an_array_of_a_derived_kind_serves(self):
        pixels = load_image(np.ma.masked_array(np.uint8([[1, 2, 3]])))
        assert type(pixels) is np.ndarray
        assert pixels[..., 0].tolist() == [[1, 2, 3]]

    def test_a_read_only_array_serves(self, photo):
        array = photo(5, 6)
        array.setflags(write=False)
        assert np.array_equal(load_image(array), array)

    @pytest.mark.parametrize("dtype", [complex, object, "S1", "M8[s]"])
    def test_any_other_dtype_is_refused_by_name(self, dtype):
        with pytest.raises(InputError, match="the image array must hold integers or floats") as caught:
            load_image(np.zeros((4, 5, 3), dtype))
        assert str(np.dtype(dtype)) in str(caught.value)

    @pytest.mark.parametrize("shape", [(3, 40, 50), (1, 40, 50), (4, 40, 50)])
    def test_channels_that_come_first_are_refused_with_what_to_do(self, shape):
        with pytest.raises(InputError, match="channels come last: transpose it"):
            load_image(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("shape", [(), (5,), (4, 5, 2), (4, 5, 5), (1, 4, 5, 3)])
    def test_an_array_of_another_shape_is_refused_with_it(self, shape):
        with pytest.raises(InputError, match="an image array has shape") as caught:
            load_image(np.zeros(shape, np.uint8))
        assert str(shape) in str(caught.value)

    @pytest.mark.parametrize("shape", [(0, 5), (5, 0, 3), (0, 0, 4)])
    def test_an_array_without_pixels_is_refused(self, shape):
        with pytest.raises(InputError, match="has no pixels"):
            load_image(np.zeros(shape, np.uint8))


def test_suffixes_of_images_have_one_meaning_wherever_folders_are_listed(tmp_path):
    for name in ("a.JPG", "b.jp2", "c.webp", "d.gif"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    (tmp_path / "e.txt").write_text("no image")
    listed = ["a.JPG", "b.jp2", "c.webp", "d.gif"]
    assert list(files_under(tmp_path)) == listed
    assert [image.name for image in open_source(tmp_path)] == listed
    assert sum(1 for _ in open_frames(tmp_path)) == len(listed)


def test_every_suffix_of_an_image_is_one_that_pillow_knows():
    newer = {*FORMATS["AVIF"], *FORMATS["HEIF"], ".pfm"}  # Pillow 11.3, package pillow-heif, Pillow 10.3.
    assert set(Image.registered_extensions()) >= IMAGE_SUFFIXES - newer


class TestLargeImages:
    """The pixels of a large image are taken from Pillow in strips."""

    @pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
    @pytest.mark.parametrize("size", [(30, 40), (41, 7), (1, 100)])
    def test_its_pixels_are_those_of_a_small_one(self, mode, size, tmp_path, monkeypatch):
        random = np.random.default_rng(0)
        Image.fromarray(random.integers(0, 255, (*size, 4), np.uint8)).convert("RGB" if mode == "P" else mode).convert(mode).save(
            tmp_path / "a.png"
        )
        small = load_image(tmp_path / "a.png")
        monkeypatch.setattr(images, "_LARGE", 64)
        large = load_image(tmp_path / "a.png")
        assert np.array_equal(large, small)
        assert (large.flags.writeable, large.flags.c_contiguous) == (small.flags.writeable, True)

    @pytest.mark.parametrize("orientation", range(10))
    def test_it_stands_upright(self, orientation, tmp_path, monkeypatch):
        monkeypatch.setattr(images, "_LARGE", 64)
        pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
        with Image.open(tmp_path / "a.png") as image:
            assert np.array_equal(load_image(tmp_path / "a.png"), np.asarray(ImageOps.exif_transpose(image)))
