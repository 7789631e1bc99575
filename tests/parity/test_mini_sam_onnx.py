"""The prepared graphs give the masks of the published decoder file."""

import numpy as np
import onnx
import onnxruntime
import pytest

from promptseg import registry
from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING, PointPrompts
from promptseg.samples import coffee

pytestmark = pytest.mark.weights

LOGITS, SCORES = "/Reshape_9_output_0", "/iou_prediction_head/layers.2/Gemm_output_0"
INPUTS = ["image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input"]

PROMPTS = {
    "point": ([(500, 270), (0, 0)], [FOREGROUND, PADDING]),
    "background point": ([(60.5, 40.25), (0, 0)], [BACKGROUND, PADDING]),
    "points with background": ([(500, 270), (640, 333), (60, 40), (0, 0)], [FOREGROUND, FOREGROUND, BACKGROUND, PADDING]),
    "box": ([(549, 106), (734, 563)], [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]),
    "box and point": ([(500, 270), (549, 106), (734, 563)], [FOREGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]),
}


@pytest.fixture(scope="module")
def published(mini_sam):
    """The published decoder without its selection of a mask: all four low-resolution masks and their scores."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(registry.fetch("mini-sam").files["sam.onnx"])))
    cut = onnx.utils.Extractor(model).extract_model(INPUTS, [LOGITS, SCORES])
    session = onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])

    def decode(embedding, points, labels, mask=None):
        inputs = {
            "image_embeddings": embedding.features["embedding"],
            "point_coords": np.array(points, np.float32)[None],
            "point_labels": np.array(labels, np.float32)[None],
            "mask_input": np.zeros((1, 1, 256, 256), np.float32) if mask is None else mask[None, None],
            "has_mask_input": np.array([mask is not None], np.float32),
        }
        logits, scores = session.run([LOGITS, SCORES], inputs)
        return logits[0], scores[0]

    return decode


@pytest.fixture(scope="module")
def embedding(mini_sam):
    return mini_sam.model.encode([coffee()])[0]


@pytest.fixture(scope="module")
def earlier(embedding, published):
    """An earlier mask, from a point on the cup."""
    return published(embedding, *PROMPTS["point"])[0][2]


def prompts(*each, mask=None):
    points, labels = zip(*each, strict=True)
    return PointPrompts(np.array(points, np.float32), np.array(labels, np.int64), mask)


def assert_equal(decoded, row, expected):
    logits, scores = expected
    np.testing.assert_allclose(decoded.scores[row], scores, atol=1e-4, rtol=0)
    np.testing.assert_allclose(decoded.logits([(row, candidate) for candidate in range(4)]), logits, atol=2e-4, rtol=1e-5)


@pytest.mark.parametrize("one_thread", [False, True])
@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("kind", PROMPTS)
def test_logits_and_scores_are_those_of_the_published_decoder(kind, with_mask, one_thread, mini_sam, embedding, earlier, published):
    mask = earlier if with_mask else None
    expected = published(embedding, *PROMPTS[kind], mask)
    assert np.ptp(expected[0]) > 10
    assert_equal(mini_sam.model.decode(embedding, prompts(PROMPTS[kind], mask=mask), one_thread=one_thread), 0, expected)


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (2, 1), (2, 2), (5, 4)])
def test_prompts_decoded_together_are_answered_as_each_alone(batch, length, mini_sam, embedding, published):
    random = np.random.default_rng(10 * batch + length)
    each = [
        (random.uniform((0, 0), (1023, 682), (length + 1, 2)), [FOREGROUND, *random.choice([BACKGROUND, FOREGROUND], length - 1), PADDING])
        for _ in range(batch)
    ]
    decoded = mini_sam.model.decode(embedding, prompts(*each))
    assert decoded.scores.shape == (batch, 4)
    for row, prompt in enumerate(each):
        assert_equal(decoded, row, published(embedding, *prompt))


@pytest.mark.parametrize(
    ("region", "candidates"), [((256, 256), [0]), ((171, 256), [1, 2, 3]), ((172, 99), [3, 1]), ((1, 1), [0]), ((5, 250), [1, 2, 3])]
)
def test_a_region_of_the_logits_is_that_part_of_them_all(region, candidates, mini_sam, embedding):
    decoded = mini_sam.model.decode(embedding, prompts(PROMPTS["point"], ([(200, 400), (0, 0)], [FOREGROUND, PADDING])))
    everything = decoded.logits([(1, candidate) for candidate in range(4)])
    part = decoded.logits([(1, candidate) for candidate in candidates], region)
    (height, width), (rows, columns) = region, part.shape[1:]
    assert everything.shape == (4, 256, 256)
    assert height <= rows < height + 4
    assert width <= columns < width + 4
    np.testing.assert_allclose(part, everything[candidates, :rows, :columns], atol=1e-4)


def test_the_mask_of_one_prompt_does_not_reach_the_next(mini_sam, embedding, earlier, published):
    before = mini_sam.model.decode(embedding, prompts(PROMPTS["box"]))
    mini_sam.model.decode(embedding, prompts(PROMPTS["box"], mask=earlier))
    after = mini_sam.model.decode(embedding, prompts(PROMPTS["box"]))
    assert np.array_equal(before.scores, after.scores)
    assert_equal(after, 0, published(embedding, *PROMPTS["box"]))


def test_two_images_in_turn_are_answered_each_for_itself(mini_sam, embedding, published):
    (other,) = mini_sam.model.encode([np.ascontiguousarray(coffee()[:, ::-1])])
    for image in (embedding, other, embedding):
        assert_equal(mini_sam.model.decode(image, prompts(PROMPTS["point"])), 0, published(image, *PROMPTS["point"]))
