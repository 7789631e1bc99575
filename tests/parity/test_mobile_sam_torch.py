"""MobileSAM on the torch engine gives the masks of its original code, with mini-sam's published weights."""

import numpy as np
import pytest

import promptseg
from promptseg.models.sam.session import SamSession
from promptseg.prompts import Prompt
from shown_logits import shown

pytestmark = [pytest.mark.shared, pytest.mark.slow]

torch = pytest.importorskip("torch", reason="MobileSAM's own code needs torch")

POINT, BESIDE, BOX = (500, 375), (1125, 625), (425, 600, 700, 875)


@pytest.fixture(scope="module")
def segmenter(weights, mobile_sam):
    return promptseg.load("mini-sam", engine="torch", weights=weights, device="cpu", cache=None)


@pytest.fixture(scope="module")
def session(segmenter, truck):
    return segmenter.open(truck)


def iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_the_embedding_is_upstreams(session, predictor):
    assert np.abs(session.embedding.features["embedding"] - predictor.features.numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [
        (Prompt.point(*POINT), {"point_coords": [POINT], "point_labels": [1]}),
        (Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False), {"point_coords": [POINT, BESIDE], "point_labels": [1, 0]}),
        (Prompt.box(*BOX), {"box": BOX}),
        (Prompt.box(*BOX) + Prompt.point(575, 750, foreground=False), {"box": BOX, "point_coords": [(575, 750)], "point_labels": [0]}),
    ],
    ids=["point", "points with background", "box", "box and background"],
)
def test_masks_scores_and_logits_are_upstreams(session, predictor, prompt, arguments):
    arguments = {name: np.array(value) for name, value in arguments.items()}
    masks, scores, logits = predictor.predict(**arguments, multimask_output=True)
    found = session.segment([prompt], candidates=True)
    # Logits reach into the tens here, and upstream's own, in float32, lie up to 1.2e-4 from what they are in float64.
    assert np.abs(shown(np.array([mask.logits for mask in found]) - logits, session)).max() < max(1e-4, 1e-5 * np.abs(logits).max())
    assert np.abs(found.scores - scores).max() < 1e-4
    assert all(iou(mask.array, expected) >= 0.999 for mask, expected in zip(found, masks, strict=True))


def test_a_mask_refined_with_a_point_is_upstreams(session, predictor):
    _, _, first = predictor.predict(np.array([POINT]), np.array([1]), multimask_output=False)
    arguments = {"point_coords": np.array([POINT, BESIDE]), "point_labels": np.array([1, 0]), "mask_input": first}
    masks, scores, _ = predictor.predict(**arguments, multimask_output=False)
    prompt = Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False) + Prompt.mask(first[0])
    found = session.segment([prompt])[0]
    assert abs(found.score - scores[0]) < 1e-4
    assert iou(found.array, masks[0]) >= 0.999


def test_everything_finds_upstreams_masks_and_no_others(segmenter, small_truck, everything):
    ours = segmenter.open(small_truck).everything(Prompt.everything(8))
    assert len(everything) > 10
    overlap = ours.iou_matrix(everything)
    assert (overlap.max(axis=0) >= 0.98).mean() >= 0.99
    assert (overlap.max(axis=1) >= 0.98).mean() >= 0.99
    assert ours.scores == pytest.approx(everything.scores[overlap.argmax(axis=1)], abs=1e-3)


def test_bfloat16_gives_nearly_the_same_masks(weights, truck, session):
    lower = promptseg.load("mini-sam", engine="torch", weights=weights, device="cpu", cache=None, dtype="bfloat16", allow_slow=True)
    # The encoder is left out: processors that do not know the type take a minute for it.
    prompts = [Prompt.point(*POINT), Prompt.box(*BOX)]
    found = SamSession(lower, truck, session.embedding).segment(prompts)
    for mask, expected in zip(found, session.segment(prompts), strict=True):
        assert not np.array_equal(mask.logits, expected.logits)
        assert iou(mask.array, expected.array) >= 0.99


def test_what_it_says_of_itself(weights):
    provenance = promptseg.load("mini-sam", engine="torch", weights=weights, device="cpu", dtype="bfloat16", allow_slow=True).provenance
    assert (provenance.backend, provenance.device, provenance.dtype) == ("mobile_sam", "cpu", "bfloat16")
    assert list(provenance.weights) == ["mobile_sam.pt"]
