"""A pair on a device: what the graphs give stays there, and what masks need comes to the host."""

import pickle

import numpy as np
import pytest

from promptseg.models.sam.onnx.layouts import read_pair
from promptseg.models.sam.onnx.model import OnnxSam
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.runtime.onnx import Runtime


@pytest.fixture
def load(sam_pair):
    def load(device):
        pair = read_pair(sorted(sam_pair.iterdir()))
        return SamSegmenter(OnnxSam(pair, 64 * "0", Provenance("tiny", "tests", "1", device=device), Runtime(device, 1), 2))

    return load


def test_the_embedding_and_the_context_stay_on_the_device(load, fake_onnx_cuda, photo):
    segmenter = load("cuda")
    fake_onnx_cuda.clear()
    session = segmenter.open(photo())
    assert [step for step in fake_onnx_cuda if step.startswith("read")] == []
    session.segment([Prompt.point(50, 50)])
    assert "pass embedding" in fake_onnx_cuda
    assert "copy embedding" not in fake_onnx_cuda
    read = {step.removeprefix("read ") for step in fake_onnx_cuda if step.startswith("read")}
    assert read == {"scores", "hyper", "logits"}
    again = len(fake_onnx_cuda)
    session.segment([Prompt.point(20, 50)])
    assert "pass embedding" not in fake_onnx_cuda[again:]  # The context of the image is there.


def test_an_embedding_that_is_read_comes_to_the_host_once_and_masks_are_those_of_the_cpu(load, fake_onnx_cuda, photo):
    image, prompts = photo(), [Prompt.box(5, 5, 60, 50), Prompt.point(50, 50)]
    on_device, expected = load("cuda").open(image), load("cpu").open(image)
    for one, other in zip(on_device.segment(prompts), expected.segment(prompts), strict=True):
        assert (one.score, one) == (other.score, other)
    features = on_device.embedding.features
    assert (list(features), len(features)) == (["embedding"], 1)
    fake_onnx_cuda.clear()
    assert np.array_equal(features["embedding"], expected.embedding.features["embedding"])
    assert np.array_equal(pickle.loads(pickle.dumps(features))["embedding"], features["embedding"])
    assert len(fake_onnx_cuda) == 1
