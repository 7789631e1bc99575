"""Run-length codec, compared with pycocotools and with the pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from promptseg import _rle

PIXELS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def compressed(pixels):
    return coco.encode(np.asfortranarray(pixels.astype(np.uint8)))["counts"]


def runs(pixels):
    """Run lengths by counting pixels one after the other."""
    lengths, value = [0], False
    for pixel in pixels.T.ravel():
        if pixel != value:
            lengths.append(0)
            value = pixel
        lengths[-1] += 1
    return lengths


@given(PIXELS)
def test_compressed_counts_decode_to_the_runs_of_the_pixels(pixels):
    assert _rle.run_lengths(compressed(pixels)).tolist() == runs(pixels)
    assert _rle.run_ends(compressed(pixels)).tolist() == np.cumsum(runs(pixels)).tolist()


@pytest.mark.parametrize("lengths", [[0, 1 << 20, 5], [3, 40, 1 << 28, 1, 9, 1 << 15], [31, 32, 1023, 1024, 15, 16]], ids=str)
def test_runs_of_many_codes_decode(lengths):
    counts = coco.frPyObjects({"size": [1, sum(lengths)], "counts": lengths}, 1, sum(lengths))["counts"]
    assert _rle.run_lengths(counts).tolist() == lengths
    assert _rle.run_ends(counts).tolist() == np.cumsum(lengths).tolist()


@pytest.mark.parametrize("counts", [b"\x00", b"\xff", b"12 3", b"Q", b"Q" * 7 + b"0", b"o" * 500 + b"0"])
def test_malformed_counts_are_a_value_error(counts):
    with pytest.raises(ValueError, match="run lengths"):
        _rle.run_lengths(counts)


@given(PIXELS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_crop_has_the_runs_of_the_whole_image(crop, left, right, above, below):
    image = np.pad(crop, ((above, below), (left, right)))
    assert _rle.encode_crop(crop, left, above, *image.shape) == runs(image)


@given(PIXELS)
def test_the_pixels_in_a_box_are_those_of_the_image(pixels):
    x, y, width, height = coco.toBbox({"size": pixels.shape, "counts": compressed(pixels)}).astype(int).tolist()
    inside = _rle.decode_box(compressed(pixels), pixels.shape[0], (x, y, x + width, y + height))
    assert np.array_equal(inside, pixels[y : y + height, x : x + width])


@given(PIXELS, st.data())
def test_sampled_pixels_are_those_at_the_rows_and_columns(pixels, data):
    rows, columns = (np.array(data.draw(st.lists(st.integers(0, side - 1), min_size=1, max_size=20)), np.int64) for side in pixels.shape)
    for together in (1, 5, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_rle, "_SAMPLED", together)
            sampled = _rle.sample(compressed(pixels), pixels.shape[0], rows, columns)
        assert np.array_equal(sampled, pixels[np.ix_(rows, columns)])


@pytest.mark.parametrize(
    ("split", "merged"),
    [([3, 2, 4], [3, 2, 4]), ([0, 2, 0, 3, 1], [0, 5, 1]), ([2, 0, 3, 4], [5, 4]), ([0, 5, 0], [0, 5]), ([2, 1, 0, 0, 4], [2, 1, 4])],
    ids=str,
)
def test_empty_runs_except_the_first_are_merged_away(split, merged):
    assert _rle.runs_between(_rle.changes(np.array(split)), sum(split)) == merged


@pytest.mark.parametrize(
    ("runs", "message"),
    [([3, -1, 2], "a run of -1 pixels"), ([1, 9, 0], "a run of 9 pixels"), ([1, 1], "cover 2 pixels"), ([], "cover 0 pixels")],
)
def test_runs_that_are_not_those_of_a_mask_are_a_value_error(runs, message):
    with pytest.raises(ValueError, match=message):
        _rle.check_runs(np.array(runs, np.int64), 4)


@given(st.data(), st.integers(1, 40), st.integers(1, 4))
def test_covered_is_the_union_of_the_pixels(data, pixels, count):
    masks = [data.draw(hnp.arrays(bool, pixels)) for _ in range(count)]
    found = _rle.covered([boundaries(mask) for mask in masks])
    assert found.tolist() == boundaries(np.logical_or.reduce(masks)).tolist()


@given(st.data(), st.integers(1, 40), st.integers(1, 3))
def test_covered_takes_the_pixels_of_others_away(data, pixels, count):
    mask, others = data.draw(hnp.arrays(bool, pixels)), [data.draw(hnp.arrays(bool, pixels)) for _ in range(count)]
    found = _rle.covered([boundaries(mask)], [boundaries(other) for other in others])
    assert found.tolist() == boundaries(mask & ~np.logical_or.reduce(others)).tolist()


def boundaries(mask):
    """Where the runs of a row of pixels begin and end."""
    return np.flatnonzero(np.diff(np.pad(mask, 1).astype(int)))
