"""Features of masks, measured on shapes whose features are known."""

import numpy as np
import pytest

from promptseg import Mask, Prompt
from promptseg.calibration.features import FEATURES, MaskFeatures, prompt_class

SIZE = (40, 80)


def square(x=10, y=10, side=10, **values):
    return Mask.from_crop(np.ones((side, side), bool), (x, y), SIZE, **{"score": 0.9, "logits": logits(), **values})


def logits(sure=100, unsure=0):
    """Return logits with so many pixels above 1 and so many between -1 and 1."""
    values = np.full(256 * 256, -8.0, np.float32)
    values[:sure] = 5
    values[sure : sure + unsure] = 0.5
    return values.reshape(256, 256)


def image(inside=(255, 255, 255), outside=(0, 0, 0)):
    pixels = np.full((*SIZE, 3), outside, np.uint8)
    pixels[10:20, 10:20] = inside
    return pixels


def features(mask, prompt=None, pixels=None):
    return dict(zip(FEATURES, MaskFeatures(image() if pixels is None else pixels).of(mask, prompt or Prompt.point(15, 15)), strict=True))


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        (Prompt.point(1, 1), "point"),
        (Prompt.point(1, 1, foreground=False), "point"),
        (Prompt.points([(1, 1), (2, 2)]), "points"),
        (Prompt.box(0, 0, 5, 5), "box"),
        (Prompt.box(0, 0, 5, 5) + Prompt.point(1, 1), "box+point"),
        (Prompt.mask(square()), "mask"),
        (Prompt.mask(square(logits=None)) + Prompt.box(0, 0, 5, 5) + Prompt.point(1, 1), "mask"),
    ],
)
def test_a_prompt_is_of_the_kind_that_says_most(prompt, kind):
    assert prompt_class(prompt) == kind


def test_a_square_has_the_features_of_a_square():
    found = features(square())
    assert found["score"] == 0.9
    assert found["stability"] == 1
    assert found["area"] == pytest.approx(np.log(100 / 3200 + 1e-4))
    assert found["parts"] == pytest.approx(np.log(2))
    assert found["contrast"] == pytest.approx(np.log1p(100), abs=0.01)  # White has a lightness of 100, black of 0.
    assert found["box_agreement"] == found["mask_agreement"] == 0


def test_stability_is_the_iou_of_two_thresholds():
    assert features(square(logits=logits(60, 40)))["stability"] == pytest.approx(0.6)


def test_an_outline_on_no_edge_has_no_contrast():
    assert features(square(40, 10), pixels=image(inside=(0, 0, 0)))["contrast"] == 0


def test_parts_are_counted():
    two = square().array | square(40, 20, 5).array
    assert features(Mask.from_array(two, score=0.5, logits=logits()))["parts"] == pytest.approx(np.log(3))


def test_agreement_is_the_iou_with_the_prompt():
    assert features(square(), Prompt.box(10, 10, 20, 20))["box_agreement"] == 1
    assert features(square(), Prompt.box(10, 10, 20, 30))["box_agreement"] == pytest.approx(0.5)
    assert features(square(), Prompt.mask(square(15, 10, logits=None)))["mask_agreement"] == pytest.approx(50 / 150)
    assert features(square(), Prompt.mask(square(logits=logits(50))))["mask_agreement"] == pytest.approx(0.5)


@pytest.mark.parametrize("values", [{"score": None}, {"logits": None}, {"score": float("nan")}])
def test_a_mask_without_score_or_logits_has_no_features(values):
    assert MaskFeatures(image()).of(square(**values), Prompt.point(15, 15)) is None


def test_an_empty_mask_has_none():
    assert MaskFeatures(image()).of(Mask.from_array(np.zeros(SIZE, bool), score=0.5, logits=logits()), Prompt.point(1, 1)) is None


def test_a_mask_too_small_to_be_seen_and_one_of_everything_have_features():
    pixels = np.zeros((2000, 3000, 3), np.uint8)
    speck = Mask.from_crop(np.ones((1, 1), bool), (5, 5), (2000, 3000), score=0.5, logits=logits())
    every = Mask.from_array(np.ones(SIZE, bool), score=0.5, logits=logits())
    for found in (MaskFeatures(pixels).of(speck, Prompt.point(5, 5)), MaskFeatures(image()).of(every, Prompt.point(5, 5))):
        assert np.isfinite(found).all()
        assert found[FEATURES.index("contrast")] == 0
