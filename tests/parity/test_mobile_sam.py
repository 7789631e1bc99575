"""mini-sam on ONNX Runtime and on torch gives the masks of MobileSAM's original code with the same weights."""

import numpy as np
import pytest

import promptseg
from promptseg.masks import Mask
from promptseg.models.sam.session import SamSession
from promptseg.prompts import Prompt
from shown_logits import shown

pytestmark = [pytest.mark.shared, pytest.mark.weights, pytest.mark.slow]

torch = pytest.importorskip("torch", reason="MobileSAM's own code needs torch")

POINT, BESIDE, BOX, IN_BOX = (333, 250), (750, 417), (283, 400, 467, 583), (383, 500)


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
    upstream = predictor.predict(point_coords=np.array([IN_BOX]), point_labels=np.array([0]), box=np.array(BOX), multimask_output=False)
    assert_equal(session, session.segment([Prompt.box(*BOX) + Prompt.point(*IN_BOX, foreground=False)]), upstream)


def test_a_mask_that_is_refined(session, predictor):
    _, scores, logits = predictor.predict(point_coords=np.array([POINT]), point_labels=np.array([1]), multimask_output=True)
    earlier = logits[np.argmax(scores)]
    points = {"point_coords": np.array([POINT, BESIDE]), "point_labels": np.array([1, 0])}
    upstream = predictor.predict(**points, mask_input=earlier[None], multimask_output=False)
    prompt = Prompt.mask(earlier) + Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False)
    assert_equal(session, session.segment([prompt]), upstream)


def test_everything_finds_the_same_masks(mini_sam, truck, everything):
    ours = mini_sam.open(truck).everything(Prompt.everything(4))
    assert len(everything) > 5
    overlap = ours.iou_matrix(everything)
    assert (overlap.max(axis=0) >= 0.98).mean() >= 0.99
    assert (overlap.max(axis=1) >= 0.98).mean() >= 0.99
    assert ours.scores == pytest.approx(everything.scores[overlap.argmax(axis=1)], abs=1e-3)


def iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.fixture(scope="module")
def torch_segmenter(weights, mobile_sam):
    return promptseg.load("mini-sam", engine="torch", weights=weights, device="cpu", cache=None)


@pytest.fixture(scope="module")
def on_torch(torch_segmenter, truck):
    return torch_segmenter.open(truck)


class TestOnTorch:
    def test_the_embedding_is_upstreams(self, on_torch, predictor):
        assert np.abs(on_torch.embedding.features["embedding"] - predictor.features.numpy()).max() < 1e-4

    @pytest.mark.parametrize(
        ("prompt", "arguments"),
        [
            (Prompt.point(*POINT), {"point_coords": [POINT], "point_labels": [1]}),
            (Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False), {"point_coords": [POINT, BESIDE], "point_labels": [1, 0]}),
            (Prompt.box(*BOX), {"box": BOX}),
            (Prompt.box(*BOX) + Prompt.point(*IN_BOX, foreground=False), {"box": BOX, "point_coords": [IN_BOX], "point_labels": [0]}),
        ],
        ids=["point", "points with background", "box", "box and background"],
    )
    def test_masks_scores_and_logits_are_upstreams(self, on_torch, predictor, prompt, arguments):
        arguments = {name: np.array(value) for name, value in arguments.items()}
        masks, scores, logits = predictor.predict(**arguments, multimask_output=True)
        found = on_torch.segment([prompt], candidates=True)
        # Logits reach into the tens here, and upstream's own, in float32, lie up to 1.2e-4 from what they are in float64.
        assert np.abs(shown(np.array([mask.logits for mask in found]) - logits, on_torch)).max() < max(1e-4, 1e-5 * np.abs(logits).max())
        assert np.abs(found.scores - scores).max() < 1e-4
        assert all(iou(mask.array, expected) >= 0.999 for mask, expected in zip(found, masks, strict=True))

    def test_a_mask_refined_with_a_point_is_upstreams(self, on_torch, predictor):
        _, _, first = predictor.predict(np.array([POINT]), np.array([1]), multimask_output=False)
        arguments = {"point_coords": np.array([POINT, BESIDE]), "point_labels": np.array([1, 0]), "mask_input": first}
        masks, scores, _ = predictor.predict(**arguments, multimask_output=False)
        prompt = Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False) + Prompt.mask(first[0])
        found = on_torch.segment([prompt])[0]
        assert abs(found.score - scores[0]) < 1e-4
        assert iou(found.array, masks[0]) >= 0.999

    def test_everything_finds_upstreams_masks_and_no_others(self, torch_segmenter, truck, everything):
        ours = torch_segmenter.open(truck).everything(Prompt.everything(4))
        assert len(everything) > 5
        overlap = ours.iou_matrix(everything)
        assert (overlap.max(axis=0) >= 0.98).mean() >= 0.99
        assert (overlap.max(axis=1) >= 0.98).mean() >= 0.99
        assert ours.scores == pytest.approx(everything.scores[overlap.argmax(axis=1)], abs=1e-3)

    def test_bfloat16_gives_nearly_the_same_masks(self, weights, truck, on_torch):
        lower = promptseg.load("mini-sam", engine="torch", weights=weights, device="cpu", cache=None, dtype="bfloat16", allow_slow=True)
        # The encoder is left out: processors that do not know the type take a minute for it.
        prompts = [Prompt.point(*POINT), Prompt.box(*BOX)]
        found = SamSession(lower, truck, on_torch.embedding).segment(prompts)
        for mask, expected in zip(found, on_torch.segment(prompts), strict=True):
            assert not np.array_equal(mask.logits, expected.logits)
            assert iou(mask.array, expected.array) >= 0.99

    def test_what_it_says_of_itself(self, weights):
        provenance = promptseg.load("mini-sam", engine="torch", weights=weights, device="cpu", dtype="bfloat16", allow_slow=True).provenance
        assert (provenance.backend, provenance.device, provenance.dtype) == ("mobile_sam", "cpu", "bfloat16")
        assert list(provenance.weights) == ["mobile_sam.pt"]
