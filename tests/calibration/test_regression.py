import numpy as np
import pytest
from pydantic import ValidationError

from promptseg.calibration.features import FEATURES
from promptseg.calibration.regression import Regression, fit


def made(count=400, seed=0):
    """Return features, of which the first two decide about the IoU, with the IoU."""
    random = np.random.default_rng(seed)
    features = random.normal(0.5, 0.2, (count, len(FEATURES)))
    features[:, 5:] = 0  # As without a box and a mask.
    return features, 1 / (1 + np.exp(-(4 * features[:, 0] - 6 * features[:, 1]))), np.arange(count)


def test_what_decides_about_the_iou_is_found_and_holds_elsewhere():
    regression = fit(*made())
    features, ious, _ = made(seed=1)
    assert np.abs(regression.expected(features) - ious).mean() < 0.03 < 0.2 < np.abs(features[:, 0] - ious).mean()
    assert regression.error_after < 0.03 < regression.error_before == pytest.approx(np.abs(made()[0][:, 0] - made()[1]).mean(), abs=1e-4)
    assert regression.objects == 400


def test_the_same_values_give_the_same_weights():
    assert fit(*made()) == fit(*made())


def test_a_feature_that_does_not_vary_has_no_weight():
    assert fit(*made()).weights[-2:] == (0, 0)


@pytest.mark.parametrize("iou", [0.0, 1.0])
def test_equal_ious_are_expected_again(iou):
    features, _, images = made(40)
    expected = fit(features, np.full(40, iou), images).expected(features)
    assert np.isfinite(expected).all()
    assert np.abs(expected - iou).max() < 0.05


def test_one_image_is_its_own_test():
    features, ious, _ = made(40)
    assert fit(features, ious, np.zeros(40, np.int64)).error_after < 0.2


def test_a_mask_unlike_all_others_has_a_share_as_its_score():
    regression = fit(*made())
    far = regression.expected(np.full((1, len(FEATURES)), 1e30))
    assert 0 <= far[0] <= 1
    assert far == regression.expected(np.full((1, len(FEATURES)), 1e3))


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [1.0]},
        {"mean": [float("nan")] * len(FEATURES)},
        {"scale": [0.0] * len(FEATURES)},
        {"weights": [1e300] * (len(FEATURES) + 1)},
        {"objects": 0},
        {"more": 1},
        {"error_after": -1.0},
    ],
)
def test_values_of_no_regression_are_refused(change):
    with pytest.raises(ValidationError):
        Regression.model_validate({**fit(*made()).model_dump(), **change})
