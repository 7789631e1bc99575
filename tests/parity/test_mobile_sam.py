"""mini-sam on ONNX Runtime gives the masks of MobileSAM's original code with the same weights."""

import numpy as np
import pytest

from promptseg.masks import Mask
from promptseg.prompts import Prompt
from shown_logits import shown

pytestmark = [pytest.mark.shared, pytest.mark.weights, pytest.mark.slow]

torch = pytest.importorskip("torch", reason="MobileSAM's own code needs torch")

POINT, BESIDE, BOX = (500, 375), (1125, 625), (425, 600, 700, 875)


@pytest.fixture(scope="module")
def session(mini_sam, truck):
    return mini_sam.open(truck)


def assert_equal(session, masks, upstream):
    pixels, scores, logits = upstream
    assert len(masks) == len(pixels)
    for mask, array, score, low_res in zip(masks, pixels, scores, logits, strict=True):
        assert mask.area > 1000
        assert mask.iou(Mask.from_array(array)) >= 0.99
        assert mask.score == pytest.approx(float(score), abs=1e-3)
        assert np.abs(shown(mask.logits - low_res, session)).max() < 0.01


def test_the_embedding_is_the_same(session, predictor):
    np.testing.assert_allclose(session.embedding.features["embedding"], predictor.features.numpy(), atol=1e-4)


def test_the_candidates_of_a_point(session, predictor):
    upstream = predictor.predict(point_coords=np.array([POINT]), point_labels=np.array([1]), multimask_output=True)
    assert_equal(session, session.segment([Prompt.point(*POINT)], candidates=True), upstream)


def test_points_on_and_beside_the_object(session, predictor):
    upstream = predictor.predict(point_coords=np.array([POINT, BESIDE]), point_labels=np.array([1, 0]), multimask_output=False)
    assert_equal(session, session.segment([Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False)]), upstream)


def test_a_box(session, predictor):
    assert_equal(session, session.segment([Prompt.box(*BOX)]), predictor.predict(box=np.array(BOX), multimask_output=False))


def test_a_box_with_a_point_beside_the_object(session, predictor):
    upstream = predictor.predict(point_coords=np.array([(575, 750)]), point_labels=np.array([0]), box=np.array(BOX), multimask_output=False)
    assert_equal(session, session.segment([Prompt.box(*BOX) + Prompt.point(575, 750, foreground=False)]), upstream)


def test_a_mask_that_is_refined(session, predictor):
    _, scores, logits = predictor.predict(point_coords=np.array([POINT]), point_labels=np.array([1]), multimask_output=True)
    earlier = logits[np.argmax(scores)]
    points = {"point_coords": np.array([POINT, BESIDE]), "point_labels": np.array([1, 0])}
    upstream = predictor.predict(**points, mask_input=earlier[None], multimask_output=False)
    prompt = Prompt.mask(earlier) + Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False)
    assert_equal(session, session.segment([prompt]), upstream)


def test_everything_finds_the_same_masks(mini_sam, small_truck, everything):
    ours = mini_sam.open(small_truck).everything(Prompt.everything(8))
    assert len(everything) > 10
    overlap = ours.iou_matrix(everything)
    assert (overlap.max(axis=0) >= 0.98).mean() >= 0.99
    assert (overlap.max(axis=1) >= 0.98).mean() >= 0.99
    assert ours.scores == pytest.approx(everything.scores[overlap.argmax(axis=1)], abs=1e-3)
