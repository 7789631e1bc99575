"""The device part of the engine on transformers, on a device that computes nothing: no tensors meet that lie on two devices, and few waits.

The original code cannot run there: it reads special tokens and sizes of feature maps from the device and branches by them.
"""

import numpy as np
import pytest

from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the engines need torch")

from promptseg.models.grounding_dino.torch_model import TorchGrounding  # noqa: E402 - It needs torch.

TOKENS = (101, 2417, 2482, 1012, 102)


def test_an_image_runs_on_the_device(engines, tiny, random_state, tmp_path, fake_cuda):
    module = engines.transformers.from_original(tmp_path, random_state(), tiny, "tiny")
    with fake_cuda() as cuda:
        model = TorchGrounding(module, Provenance("tiny", "tests", "1"), torch.device("cuda"), torch.bfloat16)
        logits, boxes = model(np.zeros((3, 67, 107), np.float32), TOKENS)
        assert logits.shape == (30, len(TOKENS))
        assert boxes.shape == (30, 4)
        # transformers reads the size of each of the four feature maps.
        assert cuda.waits == [*["_local_scalar_dense"] * 4, "copy"]
