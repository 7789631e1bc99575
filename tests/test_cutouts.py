"""Crops and cutouts: what of the image they show, and what they hide."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.matting import GuidedMatting
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


def _half(width=40):
    """Return an image whose left half is red and right half is blue, with a soft border of 8 pixels, and the mask of the left half."""
    share = np.clip((width / 2 + 4 - np.arange(width) - 0.5) / 8, 0, 1)
    row = share[:, None] * [200, 20, 20] + (1 - share[:, None]) * [20, 20, 200]
    image = np.repeat(np.round(row).astype(np.uint8)[None], 30, axis=0)
    return image, Mask.from_array(np.repeat(share[None] > 0.5, 30, axis=0)), share


def test_a_soft_border_has_the_share_and_the_color_of_the_object():
    image, mask, share = _half()
    row = np.asarray(mask.cutout(image, crop=False, matting="guided", band=6))[15]
    assert np.abs(row[:, 3] / 255 - share).max() < 0.2
    assert np.abs(row[:, 3] / 255 - share).sum() < 0.5 * np.abs((share > 0.5) - share).sum()
    seen = row[:, 3] > 25
    assert np.abs(image[15][seen].astype(int) - [200, 20, 20]).max() > 100  # Blue shines through.
    assert np.abs(row[seen, :3].astype(int) - [200, 20, 20]).max() < 40
    assert not row[row[:, 3] == 0, :3].any()


def test_a_soft_cutout_has_the_box_of_what_is_seen():
    image, mask, _ = _half()
    hard, soft = mask.cutout(image), mask.cutout(image, matting="guided", band=6)
    assert hard.size == (20, 30)
    assert 22 <= soft.size[0] <= 26
    assert soft.size[1] == 30
    whole = np.asarray(mask.cutout(image, crop=False, matting="guided", band=6))
    assert np.array_equal(np.asarray(soft), whole[:, : soft.size[0]])
    assert mask.cutout(image, matting="guided", band=6, margin=3).size == (soft.size[0] + 3, 30)


def test_a_border_is_hard_unless_matting_is_asked_for():
    image, mask, _ = _half()
    assert set(np.unique(np.asarray(mask.cutout(image, crop=False))[..., 3]).tolist()) == {0, 255}


class _Fixed:
    """Matting that returns one value everywhere, and remembers what it was given."""

    def __init__(self, value):
        self.value, self.given = value, None

    def alpha(self, image, inside, trimap):
        self.given = image, inside, trimap
        return np.full(inside.shape, self.value, np.float32)


def test_any_object_with_a_method_alpha_computes_the_band_alone():
    image, mask, _ = _half()
    matting = _Fixed(0.5)
    row = np.asarray(mask.cutout(image, crop=False, matting=matting, band=3))[15, :, 3]
    assert row.tolist() == [255] * 17 + [128] * 6 + [0] * 17
    pixels, inside, trimap = matting.given
    assert pixels.shape[:2] == inside.shape == trimap.shape == (30, 26)  # The mask, and twice the band around it.
    assert np.array_equal(pixels, image[:, :26])


@pytest.mark.parametrize("made", [np.float32("nan"), np.zeros((2, 2), np.float32), None])
def test_what_is_no_alpha_is_refused(made):
    image, mask, _ = _half()
    matting = _Fixed(made) if isinstance(made, np.float32) else type("Odd", (), {"alpha": lambda *_: made})()
    with pytest.raises(InputError, match="matting returns finite numbers for 30 x 26 pixels"):
        mask.cutout(image, matting=matting, band=3)


def test_all_of_a_result_have_soft_borders():
    image, mask, _ = _half()
    result = Result(Masks([mask, Mask.from_array(np.zeros(mask.size, bool))]), image=image)
    soft, none = result.cutouts(matting="guided", band=6)
    assert none is None
    assert np.array_equal(np.asarray(soft), np.asarray(mask.cutout(image, matting="guided", band=6)))


@pytest.mark.parametrize("matting", ["vitmatte", True, 3, "Guided", GuidedMatting])
def test_what_is_no_matting_is_refused(matting):
    image, mask, _ = _half()
    with pytest.raises(InputError, match="matting is 'guided', a model with a method alpha, or None"):
        mask.cutout(image, matting=matting)


def test_a_band_without_matting_is_refused():
    image, mask, _ = _half()
    with pytest.raises(InputError, match="band is for matting, and there is none"):
        mask.cutout(image, band=4)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (300, 3)], ids=str)
@pytest.mark.parametrize("fill", [True, False])
def test_masks_of_any_size_are_cut_softly(size, fill):
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    inside = np.full(size, fill)
    inside[0, 0] = True
    cut = Mask.from_array(inside).cutout(pixels, crop=False, matting="guided", band=256)
    assert cut.size == size[::-1]
