import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError, InputWarning
from promptseg.images import load_image

RAMP = np.arange(256).reshape(8, 32)


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def told(source):
    """Return the gray pixels of an image, and the notes about it."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        pixels = load_image(source)
    assert {note.category for note in notes} <= {InputWarning}
    return pixels[..., 0], [str(note.message) for note in notes]


def with_significant_bits(png, bits):
    """Return a PNG file that states its bits in a chunk ``sBIT``."""
    body = b"sBIT" + bytes([bits])
    chunk = struct.pack(">I", 1) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]  # After the header.


class TestOwnRange:
    @pytest.mark.parametrize(
        ("samples", "white"),
        [
            (RAMP.astype(np.uint16), 255),
            (RAMP.astype(np.uint16) * 4, 1023),
            (RAMP.astype(np.uint16) * 16, 4095),
            (RAMP.astype(np.uint16) * 64, 16383),
            (RAMP.astype(np.int16) * 16, 4095),
            (RAMP.astype(np.int32), 255),
            (RAMP.astype(np.int64) * 16, 4095),
            (RAMP.astype(np.uint32) * 4, 1023),
            (RAMP.astype(">u2") * 16, 4095),
            (RAMP.astype(">f4"), 255),
            (RAMP / 255, 1),
            ((RAMP / 255).astype(np.float16), 1),
            (RAMP.astype(np.float32) * 16, 4095),
        ],
        ids=lambda value: str(getattr(value, "dtype", value)),
    )
    def test_samples_are_read_by_the_first_usual_range_that_holds_them(self, samples, white):
        pixels, (note,) = told(samples)
        assert np.abs(pixels.astype(int) - RAMP).max() <= 1
        assert note.startswith("the image array has ")
        assert f"from 0 to {samples.max():g} and does not state their range: 0 is read as black and {white} as white" in note

    def test_the_whole_of_16_bits_needs_no_note(self):
        assert (told(RAMP.astype(np.uint16) * 257)[0] == RAMP).all()
        assert told(RAMP.astype(np.uint16) * 257)[1] == []

    def test_just_more_than_a_range_is_in_the_next(self):
        assert told(np.uint16([[0, 4095]]))[0].tolist() == [[0, 255]]
        assert told(np.uint16([[0, 4096]]))[0].tolist() == [[0, 64]]

    def test_samples_in_less_than_a_quarter_of_a_range_are_stretched(self):
        pixels, (note,) = told(RAMP.astype(np.uint16) + 7000)
        assert (pixels == RAMP).all()
        assert "7000 is read as black and 7255 as white" in note
        assert told(np.uint16([[0, 16383 // 4 + 1], [0, 4096]]))[0].max() == 64  # A quarter, and so the range of 14 bits.

    @pytest.mark.parametrize(
        "samples", [np.int32([[0, 70000]]), np.uint32([[0, 2**32 - 1]]), np.float64([[0, 1e300]]), np.float32([[0, 3e38]])], ids=str
    )
    def test_samples_beyond_16_bits_are_stretched(self, samples):
        assert told(samples)[0].tolist() == [[0, 255]]

    @pytest.mark.parametrize("samples", [np.float64([[0.5, 0.5 + 1e-9]]), np.float64([[0, 5e-324]]), np.float32([[0, 1e-45]])], ids=str)
    def test_samples_that_differ_little_are_stretched_exactly(self, samples):
        assert told(samples)[0].tolist() == [[0, 255]]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(np.uint16(0), 0), (np.uint16(255), 255), (np.uint16(2048), 128), (np.float32(0.5), 128), (np.int32(10**6), 0)],
    )
    def test_an_image_of_one_value_is_read_by_the_usual_range(self, value, expected):
        assert (told(np.full((3, 4), value))[0] == expected).all()

    def test_colors_have_one_range_and_alpha_has_its_own(self):
        rgba = np.zeros((1, 2, 4), np.uint16)
        rgba[0] = [[4095, 1024, 0, 65535], [4095, 1024, 0, 0]]
        with pytest.warns(InputWarning, match="4095 as white"):
            pixels = load_image(rgba)
        assert pixels.tolist() == [[[255, 64, 0], [255, 255, 255]]]


class TestRefused:
    @pytest.mark.parametrize("values", [np.int16([[-1, 5]]), np.int8([[-1, 5]]), np.float32([[-1e-3, 1]])], ids=str)
    def test_negative_samples_are_named_with_their_range(self, values):
        with pytest.raises(
            InputError, match=f"{values.dtype} samples from {values.min():g} to {values.max():g}, and an image's are at least 0"
        ):
            load_image(values)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_nan_and_infinities_are_counted(self, value):
        with pytest.raises(InputError, match=r"has 2 samples of 4 that are NaN or infinite.*annotate --tile 1024"):
            load_image(np.array([[value, 1], [0, value]]))

    def test_they_are_refused_in_files_too(self):
        with pytest.raises(InputError, match="1 samples of 2 that are NaN"):
            load_image(encode(Image.fromarray(np.float32([[np.nan, 1]])), "TIFF"))


class TestFiles:
    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bit_files_are_read_by_the_range_of_their_samples(self, kind):
        pixels, (note,) = told(encode(Image.fromarray(RAMP.astype(np.uint16) * 16), kind))
        assert np.abs(pixels.astype(int) - RAMP).max() <= 1
        assert "4095 as white" in note

    @pytest.mark.parametrize("dtype", [np.int32, np.float32])
    def test_32_bit_files_of_8_bit_values_are_read_as_these(self, dtype):
        assert (told(encode(Image.fromarray(RAMP.astype(dtype)), "TIFF"))[0] == RAMP).all()

    @pytest.mark.parametrize(("suffix", "orientation"), [(".png", 1), (".png", 6), (".tiff", 1), (".ppm", 1)])
    def test_16_bit_colors_keep_their_low_bytes(self, tmp_path, suffix, orientation):
        samples = np.random.default_rng(0).integers(0, 4096, (6, 8, 3), np.uint16)
        samples[0, 0] = 4095
        data = cv2.imencode(suffix, samples)[1].tobytes()
        if orientation == 6:
            exif = Image.Exif()
            exif[0x0112] = orientation
            body = b"eXIf" + exif.tobytes()[6:]
            data = data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
        with pytest.warns(InputWarning, match="4095 as white"):
            pixels = load_image(data)
        expected = samples[..., ::-1] if orientation == 1 else np.rot90(samples[..., ::-1], -1)
        assert np.abs(pixels - expected / 4095 * 255).max() <= 0.51

    def test_16_bit_colors_of_the_whole_range_need_no_note(self):
        samples = np.repeat(RAMP.astype(np.uint16)[..., None] * 257, 3, axis=2)
        pixels, notes = told(cv2.imencode(".png", samples)[1].tobytes())
        assert (pixels == RAMP).all()
        assert notes == []

    @pytest.mark.parametrize("bits", [10, 12])
    def test_the_significant_bits_of_png_are_believed(self, bits):
        dark = (RAMP // 4).astype(np.uint16)  # At most 63.
        pixels, notes = told(with_significant_bits(encode(Image.fromarray(dark), "PNG"), bits))
        assert pixels.max() == round(63 * 255 / (2**bits - 1))
        assert notes == []

    def test_significant_bits_that_are_the_upper_ones_mean_16_bits(self):
        pixels, notes = told(with_significant_bits(encode(Image.fromarray(RAMP.astype(np.uint16) * 64), "PNG"), 12))
        assert pixels.max() == round(255 * 64 * 255 / 65535)
        assert notes == []

    def test_the_greatest_value_that_a_tiff_file_states_is_believed(self):
        dark = (RAMP // 4).astype(np.uint16)
        pixels, notes = told(encode(Image.fromarray(dark), "TIFF", tiffinfo={281: 1023}))
        assert (pixels.max(), notes) == (round(63 * 255 / 1023), [])

    @pytest.mark.parametrize("stated", [10, 65535])
    def test_a_stated_value_that_does_not_fit_is_not_believed(self, stated):
        pixels, notes = told(encode(Image.fromarray(RAMP.astype(np.uint16) * 16), "TIFF", tiffinfo={281: stated}))
        assert pixels.max() >= 254
        assert len(notes) == 1

    def test_the_maximum_of_a_pgm_file_is_believed(self):
        pixels, notes = told(b"P5 2 1 4095\n" + np.array([0, 1024], ">u2").tobytes())
        assert (pixels.tolist(), notes) == ([[0, 64]], [])

    def test_the_note_names_the_file_and_is_told_once(self, tmp_path):
        Image.fromarray(RAMP.astype(np.uint16)).save(tmp_path / "deep.png")
        notes = [note for _ in range(3) for note in told(tmp_path / "deep.png")[1]]
        assert len(notes) == 1
        assert notes[0].startswith(f"{tmp_path / 'deep.png'} has uint16 samples")

    def test_a_note_that_the_user_made_an_error_stays_a_note(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(InputWarning):
                load_image(encode(Image.fromarray(RAMP.astype(np.uint16)), "PNG"))
