"""A pair of SAM's full size, quantized like those of labelme, gives nearly the masks of its float model, mini-sam."""

import numpy as np
import onnx
import onnxruntime
import pytest

import promptseg
from promptseg import registry
from promptseg.models.sam.model import FOREGROUND, PADDING, PointPrompts
from promptseg.prompts import Prompt
from promptseg.samples import coffee

pytestmark = [pytest.mark.weights, pytest.mark.slow]

# The coffee, the cup and the saucer by a point, where no two candidates are all but equally good; the spoon, the cup, the saucer by a box.
PROMPTS = [Prompt.point(290, 160), Prompt.point(240, 215), Prompt.point(130, 270)]
PROMPTS += [Prompt.box(322, 62, 430, 330), Prompt.box(150, 90, 400, 260), Prompt.box(80, 80, 480, 370)]

CANDIDATES = [(0, candidate) for candidate in range(4)]


@pytest.fixture(scope="module")
def folder(mini_sam, quantized, tmp_path_factory):
    (published,) = {path.parent for path in registry.fetch("mini-sam").files.values()}
    return quantized(published, tmp_path_factory.mktemp("int8"))


@pytest.fixture(scope="module")
def session(mini_sam):
    return mini_sam.open(coffee())


@pytest.fixture(scope="module")
def int8(folder):
    return promptseg.load("onnx-sam", weights=folder, cache=None)


def test_masks_are_nearly_those_of_the_float_model(session, int8):
    expected, found = (each.segment(PROMPTS) for each in (session, int8.open(coffee())))
    overlaps = [mask.iou(other) for mask, other in zip(found, expected, strict=True)]
    print("IoU with the float model:", np.round(overlaps, 4))
    assert min(overlaps) > 0.9


def test_the_decoder_answers_closer_to_the_float_model_than_its_own_file_does(mini_sam, session, int8, folder):
    """Decoders on the same embedding: they show why the weights of the file are converted back to float (decision 8)."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(folder / "sam.quantized.onnx")))
    names = ["image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input"]
    logits = "/Reshape_9_output_0"
    cut = onnx.utils.Extractor(model).extract_model(names, [logits])
    published = onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])
    embedding = session.embedding
    points = np.random.default_rng(0).uniform((50, 50), (1000, 630), (6, 1, 2)).astype(np.float32)
    apart = {"ours": [], "published": []}
    for point in points:
        prompt = PointPrompts(np.concatenate([point, np.zeros((1, 2), np.float32)])[None], np.array([[FOREGROUND, PADDING]]))
        expected = mini_sam.model.decode(embedding, prompt).logits(CANDIDATES)
        inputs = [embedding.features["embedding"], prompt.points, prompt.labels.astype(np.float32)]
        inputs += [np.zeros((1, 1, 256, 256), np.float32), np.zeros(1, np.float32)]
        (found,) = published.run([logits], dict(zip(names, inputs, strict=True)))
        apart["published"].append(np.abs(found[0] - expected).mean())
        apart["ours"].append(np.abs(int8.model.decode(embedding, prompt).logits(CANDIDATES) - expected).mean())
    means = {name: float(np.mean(differences)) for name, differences in apart.items()}
    print("mean difference of a logit from the float model:", means)
    assert means["ours"] < means["published"]
