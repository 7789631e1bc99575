"""Graphs of a decoder with random weights, in one block and in several."""

import numpy as np
import onnxruntime
import pytest

from promptseg.models.sam.onnx import context, decoder, upscaling
from reference_decoder import GRID, LOW_RES, WIDTH, Reference, random_weights

MAKERS = {
    "context": context.context_graph,
    "mask_context": context.mask_context_graph,
    "decoder": decoder.decoder_graph,
    "upscaling": upscaling.upscaling_graph,
}


class Graphs:
    """The graphs, run one after the other."""

    def __init__(self, weights):
        self.serialized = {name: make(weights, GRID) for name, make in MAKERS.items()}
        cpu = ["CPUExecutionProvider"]
        self.sessions = {name: onnxruntime.InferenceSession(graph, providers=cpu) for name, graph in self.serialized.items()}

    def run(self, graph, **inputs):
        """Return the outputs of a graph by name. Inputs that it does not have are ignored."""
        session = self.sessions[graph]
        outputs = [value.name for value in session.get_outputs()]
        taken = {value.name: inputs[value.name] for value in session.get_inputs()}
        return dict(zip(outputs, session.run(outputs, taken), strict=True))

    def context(self, embedding, mask=None):
        alone = self.run("context", embedding=embedding[None])
        if mask is None:
            return alone
        image = {f"image_{name}": value for name, value in alone.items()}
        return self.run("mask_context", embedding=embedding[None], mask=mask[None, None], **image)

    def decode(self, context, *prompts):
        """Return scores (N, 4) and everything that `logits` takes."""
        points, labels = zip(*prompts, strict=True)
        decoded = self.run("decoder", points=np.array(points, np.float32), labels=np.array(labels, np.int64), **context)
        return decoded["scores"], {**context, **decoded}

    def logits(self, decoded, prompt=0, candidates=(0, 1, 2, 3), grid=(GRID, GRID)):
        hyper = decoded["hyper"][prompt, list(candidates)]
        inputs = {**decoded, "prompt": np.array([prompt]), "hyper": hyper, "grid": np.array(grid)}
        return self.run("upscaling", **inputs)["logits"]


@pytest.fixture(scope="session")
def weights():
    return random_weights()


@pytest.fixture(scope="session")
def graphs_of():
    """``graphs_of(weights)`` returns the graphs of other weights."""
    return Graphs


@pytest.fixture(scope="session", params=[256, 64], ids=["one block", "four blocks"])
def graphs(request, weights):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "_BLOCK", request.param)
        return Graphs(weights)


@pytest.fixture(scope="session")
def reference(weights):
    return Reference(weights)


@pytest.fixture(scope="session")
def embedding():
    return np.random.default_rng(1).normal(size=(WIDTH, GRID, GRID)).astype(np.float32)


@pytest.fixture(scope="session")
def no_mask(weights):
    return np.broadcast_to(weights["no_mask_embed"][:, None, None], (WIDTH, GRID, GRID))


@pytest.fixture(scope="session")
def earlier_mask():
    return np.random.default_rng(2).normal(size=(LOW_RES, LOW_RES), scale=8).astype(np.float32)


@pytest.fixture(scope="session")
def assert_close():
    def check(found, expected):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-4 * max(1.0, float(np.abs(expected).max()) / 10))

    return check
