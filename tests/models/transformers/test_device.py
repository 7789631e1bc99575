"""The device part of the engines on transformers, on a device that computes nothing: no tensors of two devices meet, and few waits."""

import numpy as np
import pytest

from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="models of transformers need torch")
pytest.importorskip("transformers", reason="transformers is not installed")

from promptseg.models.grounding_dino import mm_engine  # noqa: E402
from promptseg.models.grounding_dino.torch_model import TorchGrounding  # noqa: E402
from promptseg.models.transformers.omdet.model import OmDetTurbo  # noqa: E402
from promptseg.models.transformers.omdet.prompts import Task  # noqa: E402
from promptseg.models.transformers.owlv2.model import Owlv2  # noqa: E402
from promptseg.runtime.torch_runner import TorchRunner  # noqa: E402

PROVENANCE = Provenance("tiny", "tests", "1")


@pytest.fixture
def on_device():
    """Function that moves an engine to the fake device, within its block."""

    def move(engine):
        engine._runner = TorchRunner("tiny", "tests 1", torch.device("cuda"), torch.bfloat16)
        engine._model = engine._runner.place(engine._model)

    return move


def make(engine, folder):
    return engine(folder, PROVENANCE, torch.device("cpu"))


def test_owlv2_encodes_an_image_and_answers_queries(on_device, saved_models, fake_cuda):
    model = make(Owlv2, saved_models("owlv2")[1])
    with fake_cuda() as cuda:
        on_device(model)
        assert model.encode(np.zeros((3, 48, 48), np.float32)).shape == (36, 24)
        seen = model.boxes(np.zeros((36, 24), np.float32))
        assert (seen.boxes.shape, seen.embeddings.shape) == ((36, 4), (36, 24))
        assert model.texts(["cat", "a dog"]).shape == (2, 24)
        assert model.scores(np.zeros((36, 24), np.float32), np.zeros((2, 24), np.float32)).shape == (36, 2)
        assert set(cuda.waits) <= {"copy", "_local_scalar_dense"}


def test_omdet_answers_a_task(on_device, saved_models, fake_cuda):
    model = make(OmDetTurbo, saved_models("omdet")[1])
    with fake_cuda():
        on_device(model)
        scores, boxes = model(np.zeros((3, 64, 64), np.float32), Task((516, 3, 4, 517), ((516, 3, 517), (516, 4, 5, 517)), (0, 1)))
        assert (scores.shape, boxes.shape) == ((12, 2), (12, 4))


def test_mm_grounding_dino_answers_a_caption(saved_models, fake_cuda):
    module = mm_engine.from_folder(saved_models("mm_grounding")[1], "tiny")
    with fake_cuda():
        model = TorchGrounding(module, PROVENANCE, torch.device("cuda"))
        logits, boxes = model(np.zeros((3, 64, 96), np.float32), (101, 2417, 2482, 1012, 102))
        assert (logits.shape, boxes.shape) == ((12, 5), (12, 4))
