"""Crops and cutouts: what of the image they show, and what they hide."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.results import Result

SIZE = (20, 30)
IMAGE = np.random.default_rng(0).integers(1, 255, (*SIZE, 3), dtype=np.uint8)


def _triangle():
    pixels = np.zeros(SIZE, bool)
    for row in range(6):
        pixels[4 + row, 10 : 11 + row] = True
    return Mask.from_array(pixels, label="dog")


EMPTY = Mask.from_array(np.zeros(SIZE, bool))


def test_a_cutout_shows_the_object_alone_in_its_box():
    mask = _triangle()
    cut = mask.cutout(IMAGE)
    assert (cut.mode, cut.size) == ("RGBA", (6, 6))
    pixels, inside = np.asarray(cut), mask.array[4:10, 10:16]
    assert np.array_equal(pixels[..., 3], np.where(inside, 255, 0))
    assert np.array_equal(pixels[inside][:, :3], IMAGE[mask.array])


def test_what_is_cut_away_is_not_in_the_cutout():
    assert not np.asarray(_triangle().cutout(IMAGE, margin=3))[..., :3][~np.pad(_triangle().array[4:10, 10:16], 3)].any()


def test_a_margin_ends_at_the_border_of_the_image():
    assert _triangle().cutout(IMAGE, margin=2).size == (10, 10)
    assert _triangle().cutout(IMAGE, margin=np.int64(1000)).size == (30, 20)
    assert np.array_equal(np.asarray(_triangle().cutout(IMAGE, margin=1000)), np.asarray(_triangle().cutout(IMAGE, crop=False)))


def test_without_crop_the_cutout_has_the_size_of_the_image():
    whole = np.asarray(_triangle().cutout(IMAGE, crop=False))
    assert whole.shape == (*SIZE, 4)
    assert np.array_equal(whole[..., 3] > 0, _triangle().array)
    assert not np.asarray(EMPTY.cutout(IMAGE, crop=False)).any()


def test_any_image_can_be_cut(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    for image in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(IMAGE), (tmp_path / "a.png").read_bytes()):
        assert np.array_equal(np.asarray(_triangle().cutout(image)), np.asarray(_triangle().cutout(IMAGE)))


def test_nothing_is_cut_by_an_empty_mask():
    with pytest.raises(InputError, match="the mask is empty"):
        EMPTY.cutout(IMAGE)
    result = Result(Masks([_triangle(), EMPTY]), image=IMAGE)
    assert [each and each.size for each in result.crops()] == [(6, 6), None]
    assert [each and each.size for each in result.cutouts()] == [(6, 6), None]


def test_crops_show_the_image_around_each_mask():
    result = Result(Masks([_triangle(), EMPTY, _triangle()]), image=IMAGE)
    first, none, _ = result.crops(margin=1)
    assert none is None
    assert (first.mode, first.size) == ("RGB", (8, 8))
    assert np.array_equal(np.asarray(first), IMAGE[3:11, 9:17])


def test_the_image_does_not_change_with_a_crop():
    result = Result(Masks([_triangle()]), image=IMAGE.copy())
    result.crops()[0].putpixel((0, 0), (0, 0, 0))
    assert np.array_equal(result.image, IMAGE)


def test_cutouts_are_those_of_the_masks():
    result = Result(Masks([_triangle()]), image=IMAGE)
    for style in ({}, {"margin": 2}, {"crop": False}):
        assert np.array_equal(np.asarray(result.cutouts(**style)[0]), np.asarray(_triangle().cutout(IMAGE, **style)))


@pytest.mark.parametrize("margin", [-1, 1.5, True, "2", None], ids=repr)
def test_a_margin_is_a_whole_number_of_pixels(margin):
    result = Result(Masks([_triangle()]), image=IMAGE)
    for cut in (result.crops, lambda margin: result.cutouts(margin=margin), lambda margin: _triangle().cutout(IMAGE, margin=margin)):
        with pytest.raises(InputError, match="margin is a whole number of pixels of at least 0"):
            cut(margin)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"masks of size \(20, 30\) do not fit an image of size \(9, 9\)"):
        _triangle().cutout(IMAGE[:9, :9])


def test_a_result_without_its_image_says_what_to_do():
    for cut in (Result(Masks([_triangle()])).crops, Result(Masks([_triangle()])).cutouts):
        with pytest.raises(InputError, match=r"use mask\.cutout\(image\)"):
            cut()
