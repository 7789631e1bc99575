"""Trimaps: a band on both sides of the border of a mask, and the limits of its width."""

import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.masks import Mask
from promptseg.matting import make_trimap
from promptseg.matting.trimap import usual_band


def _square(size=(20, 20)):
    inside = np.zeros(size, bool)
    inside[5:15, 5:15] = True
    return inside


def test_the_band_lies_on_both_sides_of_the_border():
    middle = make_trimap(_square(), 2)[10]
    assert middle.tolist() == [0] * 3 + [128] * 4 + [255] * 6 + [128] * 4 + [0] * 3


def test_of_a_strand_thinner_than_the_band_nothing_is_certain():
    strand = np.zeros((9, 9), bool)
    strand[4] = True
    assert set(make_trimap(strand, 2)[4].tolist()) == {128}


def test_the_border_of_the_image_is_no_border_of_the_object():
    cut_off = np.zeros((20, 20), bool)
    cut_off[:, :10] = True
    assert make_trimap(cut_off, 3)[0].tolist() == [255] * 7 + [128] * 6 + [0] * 7


@pytest.mark.parametrize(("filled", "value"), [(True, 255), (False, 0)])
def test_without_a_border_everything_is_certain(filled, value):
    assert (make_trimap(np.full((4, 5), filled), 3) == value).all()


@pytest.mark.parametrize("band", [0, -1, 257, 2.5, True, None, "4", float("nan")])
def test_a_band_that_is_no_width_is_refused(band):
    with pytest.raises(InputError, match="band is a whole number of pixels from 1 to 256"):
        make_trimap(_square(), band)


@pytest.mark.parametrize("inside", [None, _square().astype(np.uint8), np.zeros((2, 2, 2), bool), np.zeros((0, 3), bool), [[True]]])
def test_what_is_no_mask_is_refused(inside):
    with pytest.raises(InputError, match="a mask is an array of booleans"):
        make_trimap(inside, 2)


@pytest.mark.parametrize(
    ("size", "side", "band"), [((600, 600), 300, 4), ((6000, 4000), 3000, 40), ((600, 600), 12, 3), ((600, 600), 1, 2)]
)
def test_the_usual_band_grows_with_the_image_and_is_less_for_a_small_object(size, side, band):
    assert usual_band(Mask.from_crop(np.ones((side, side), bool), (0, 0), size)) == band
