import numpy as np
import pytest

from promptseg.datasets.formats.label_studio.brush import decode_brush, encode_brush
from promptseg.errors import InputError
from promptseg.masks import Mask


def test_the_bytes_are_those_that_label_studio_would_write():
    # 4 values: 32 bits of how many, 8 bits a value, widths 3, 4, 8, 16; then one run of 4 with the first width, each value 255.
    expected = f"{4:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "1" + "00" + f"{3:03b}" + "1" * 8
    data = encode_brush(Mask.from_array(np.ones((1, 1), bool)))
    assert "".join(f"{byte:08b}" for byte in data) == expected.ljust(len(data) * 8, "0")


def test_values_that_are_not_repeated_are_read():
    bits = f"{4:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "0" + "00" + f"{3:03b}" + f"{9:08b}{8:08b}{7:08b}{1:08b}"
    data = [int(bits.ljust(96, "0")[at : at + 8], 2) for at in range(0, 96, 8)]
    assert decode_brush(data, (1, 1)).area == 1
    assert decode_brush([*data[:-2], 0, 0, 0], (1, 1)).area == 0


@pytest.mark.parametrize("side", [127, 128, 129, 200])  # 128 x 128 pixels have as many values as the longest block.
def test_a_run_longer_than_a_length_can_say_is_written_in_pieces(side):
    mask = Mask.from_array(np.ones((side, side), bool))
    assert decode_brush(encode_brush(mask), mask.size) == mask


def test_ragged_masks_come_back_whatever_their_runs():
    random = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.5, 0.98, 1.0):
        mask = Mask.from_array(random.random((37, 53)) < share)
        assert decode_brush(encode_brush(mask), mask.size) == mask


def test_a_stroke_that_states_more_values_than_the_image_has_is_not_unpacked():
    header = f"{2**32 - 1:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}".ljust(56, "0")
    data = [int(header[at : at + 8], 2) for at in range(0, 56, 8)]
    with pytest.raises(InputError, match="have 4294967295 values, an image of 6 x 8 has 192"):
        decode_brush(data, (6, 8))


def packed(*blocks, count):
    bits = "".join([f"{count:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}", *blocks])
    return [int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8)]


def test_a_stroke_that_goes_on_after_its_end_or_ends_early_is_refused():
    eight = "100111" + "11111111"
    assert decode_brush(packed(eight, count=8), (1, 2)).area == 2
    with pytest.raises(InputError, match="go on after their 4 values"):
        decode_brush(packed(eight, count=4), (1, 1))
    with pytest.raises(InputError, match="end after 8 of 16 values"):
        decode_brush(packed(eight, count=16), (1, 4))
    with pytest.raises(InputError, match="end after 0 of 8 values"):
        decode_brush(packed(eight, count=8)[:-1], (1, 2))


def test_pixels_of_a_stroke_may_begin_within_a_block():
    # Alpha is every fourth value: 7 values of 0 with 255 at the end, then 1.
    literal = "000" + "110" + "00000000" * 6 + "11111111"
    assert decode_brush(packed(literal, "100000" + "11111111", count=8), (1, 2)).array.tolist() == [[False, True]]
    assert decode_brush(packed("100110" + "11111111", "100000" + "00000000", count=8), (1, 2)).array.tolist() == [[True, False]]


@pytest.mark.parametrize("seed", range(3))
def test_a_noisy_stroke_comes_back(seed):
    mask = Mask.from_array(np.random.default_rng(seed).random((37, 23)) < 0.5)
    assert decode_brush(encode_brush(mask), (37, 23)) == mask
