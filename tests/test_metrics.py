import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco

from promptseg import Mask, metrics
from promptseg.errors import InputError

ALL = (metrics.iou, metrics.dice, metrics.precision, metrics.recall, metrics.boundary_iou, metrics.boundary_f)

pairs = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


def band_by_hand(pixels, steps):
    """The pixels from which the outside is at most `steps` king's moves away."""
    height, width = pixels.shape
    outside = [
        (r, c) for r in range(-1, height + 1) for c in range(-1, width + 1) if not (0 <= r < height and 0 <= c < width and pixels[r, c])
    ]
    band = np.zeros_like(pixels)
    for r, c in np.argwhere(pixels):
        band[r, c] = min(max(abs(r - a), abs(c - b)) for a, b in outside) <= steps
    return band


def outline_by_hand(pixels):
    height, width = pixels.shape
    beside = ((0, 1), (1, 0), (1, 1))
    return [
        (r, c)
        for r in range(height)
        for c in range(width)
        if any(r + a < height and c + b < width and pixels[r, c] != pixels[r + a, c + b] for a, b in beside)
    ]


def f_by_hand(first, second, reach):
    outlines = outline_by_hand(first), outline_by_hand(second)
    if not all(outlines):
        return float(not any(outlines))
    near = [
        sum(any((r - a) ** 2 + (c - b) ** 2 <= reach**2 for a, b in other) for r, c in outline) / len(outline)
        for outline, other in (outlines, outlines[::-1])
    ]
    return 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0


@given(pairs)
def test_pixel_metrics_are_those_of_a_table_of_hits_and_misses(pair):
    prediction, truth = pair
    hits = int((prediction & truth).sum())
    invented, missed = int((prediction & ~truth).sum()), int((truth & ~prediction).sum())
    if not hits + invented + missed:
        expected = (1, 1, 1, 1)
    else:
        expected = (
            hits / (hits + invented + missed),
            2 * hits / (2 * hits + invented + missed),
            hits / max(1, hits + invented),
            hits / max(1, hits + missed),
        )
    assert [metric(prediction, truth) for metric in ALL[:4]] == pytest.approx(expected, abs=1e-12)


@given(pairs.filter(lambda pair: pair[0].any() and pair[1].any()))
def test_pixel_metrics_are_those_of_scikit_learn_where_both_masks_have_pixels(pair):
    reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    prediction, truth = pair
    scores = (reference.jaccard_score, reference.f1_score, reference.precision_score, reference.recall_score)
    expected = [score(truth.ravel(), prediction.ravel()) for score in scores]
    assert [metric(prediction, truth) for metric in ALL[:4]] == pytest.approx(expected, abs=1e-12)


@given(pairs.filter(lambda pair: pair[0].any() or pair[1].any()))
def test_iou_is_that_of_pycocotools_where_a_mask_has_pixels(pair):
    encoded = [coco.encode(np.asfortranarray(pixels.astype(np.uint8))) for pixels in pair]
    assert metrics.iou(*pair) == pytest.approx(coco.iou(encoded[:1], encoded[1:], [0])[0, 0], abs=1e-12)


@given(pairs, st.integers(1, 6))
def test_boundary_iou_is_that_of_bands_made_by_hand(pair, steps):
    first, second = (band_by_hand(pixels, steps) for pixels in pair)
    union = (first | second).sum()
    width = steps / math.hypot(*pair[0].shape)
    assert metrics.boundary_iou(*pair, width=width) == pytest.approx((first & second).sum() / union if union else 1, abs=1e-12)


def test_the_band_of_boundary_iou_is_two_percent_of_the_diagonal():
    truth = np.zeros((300, 400), bool)
    truth[50:250, 50:350] = True  # A diagonal of 500: a band of 10 pixels.
    hollow = truth.copy()
    hollow[60:240, 60:340] = False
    assert metrics.boundary_iou(hollow, truth) == 1
    hollow[59:241, 60:340] = False
    assert metrics.boundary_iou(hollow, truth) < 1


@given(pairs, st.sampled_from([0, 1, 2, 3, 5]))
def test_boundary_f_is_that_of_outlines_compared_pixel_by_pixel(pair, reach):
    assert metrics.boundary_f(*pair, tolerance=reach) == pytest.approx(f_by_hand(*pair, reach), abs=1e-12)


def test_boundary_f_lets_outlines_lie_apart_by_eight_thousandths_of_the_diagonal_rounded_up():
    truth = np.zeros((300, 400), bool)
    truth[100:200, 100:300] = True  # A diagonal of 500: 4 pixels.
    assert metrics.boundary_f(np.roll(truth, 4, axis=1), truth) == 1
    assert metrics.boundary_f(np.roll(truth, 5, axis=1), truth) < 1


@pytest.mark.parametrize("metric", ALL)
def test_two_empty_masks_agree_in_full(metric):
    assert metric(np.zeros((5, 7), bool), np.zeros((5, 7), bool)) == 1


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("which", [0, 1])
def test_an_empty_mask_agrees_in_nothing_with_one_that_is_not(metric, which):
    full = np.zeros((5, 7), bool)
    full[1:3, 2:5] = True
    pair = [full, full]
    pair[which] = np.zeros((5, 7), bool)
    assert metric(*pair) == 0


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("place", [(0, 0), (2, 3), (4, 6)])
def test_one_pixel_agrees_with_itself(metric, place):
    pixel = np.zeros((5, 7), bool)
    pixel[place] = True
    assert metric(pixel, pixel) == 1


def test_a_mask_of_the_whole_image_has_no_outline_for_boundary_f_and_one_for_boundary_iou():
    whole, part = np.ones((60, 80), bool), np.ones((60, 80), bool)
    part[:, 40:] = False
    assert metrics.boundary_f(whole, whole) == 1
    assert metrics.boundary_f(part, whole) == 0
    assert 0 < metrics.boundary_iou(part, whole) < 1


@given(pairs)
def test_measure_gives_every_metric_at_once(pair):
    measured = metrics.measure(*pair)
    assert vars(measured) == {metric.__name__: metric(*pair) for metric in ALL}
    assert all(0 <= value <= 1 for value in vars(measured).values())


def test_masks_and_pixels_can_be_mixed():
    pixels = np.eye(6, dtype=bool)
    assert metrics.iou(Mask.from_array(pixels), pixels) == 1


def test_masks_of_different_sizes_are_refused_with_both_sizes():
    with pytest.raises(InputError, match=r"\(5, 7\) and \(7, 5\)"):
        metrics.measure(np.zeros((5, 7), bool), np.zeros((7, 5), bool))


def test_settings_of_the_boundary_metrics_out_of_range_are_refused():
    mask = np.ones((3, 3), bool)
    with pytest.raises(InputError, match="above 0, got 0"):
        metrics.boundary_iou(mask, mask, width=0)
    with pytest.raises(InputError, match="at least 0, got -1"):
        metrics.boundary_f(mask, mask, tolerance=-1)


@pytest.mark.shared
def test_j_and_f_are_those_of_the_davis_evaluation_on_anothers_predictions(shared):
    with (shared / "data" / "davis_osvos_pred" / "REFERENCE.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) > 100
    for row in rows[::4]:
        prediction, truth = (
            np.asarray(Image.open(shared / "data" / folder / row["sequence"] / row["frame"])) > 0
            for folder in ("davis_osvos_pred", "davis2016/Annotations")
        )
        assert metrics.iou(prediction, truth) == pytest.approx(float(row["J"]), abs=6e-7), row
        assert metrics.boundary_f(prediction, truth) == pytest.approx(float(row["F"]), abs=6e-7), row


@pytest.mark.parametrize("value", ["0.1", None, True, 1j, [0.1], np.zeros(2), 10**400, 1e300, float("nan")], ids=repr)
def test_a_width_or_tolerance_that_is_no_number_is_refused(value):
    mask = Mask.from_array(np.eye(4, dtype=bool))
    with pytest.raises(InputError, match="the width of the boundary is"):
        metrics.boundary_iou(mask, mask, width=value)
    with pytest.raises(InputError, match="the tolerance is"):
        metrics.boundary_f(mask, mask, tolerance=value)
