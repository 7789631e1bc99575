"""The device part of RF-DETR and D-FINE, on a device that computes nothing: no tensors of two devices meet, and few waits."""

import numpy as np
import pytest

from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="models of transformers need torch")
pytest.importorskip("transformers", reason="transformers is not installed")

from promptseg.models.detr.torch_network import TorchDetr  # noqa: E402 - It needs torch.
from promptseg.runtime.torch_runner import TorchRunner  # noqa: E402


@pytest.mark.parametrize(
    ("name", "family", "dtype"), [("rf_detr_seg", "rf_detr", torch.bfloat16), ("d_fine", "d_fine", torch.float32)], ids=str
)
def test_only_what_was_found_leaves_the_device(name, family, dtype, saved_models, fake_cuda):
    network = TorchDetr(saved_models(name)[1], family, Provenance("tiny", "tests", "1"), torch.device("cpu"))
    with fake_cuda() as cuda:
        network._runner = TorchRunner("tiny", "tests 1", torch.device("cuda"), dtype)
        network._model = network._runner.place(network._model)
        found = network(np.zeros((3, 64, 64), np.float32))
        assert found.boxes.shape == (12, 4)
        assert set(cuda.waits) <= {"copy", "_local_scalar_dense"}
        if name == "rf_detr_seg":
            assert found.masks(np.array([3, 5])).shape == (2, 16, 16)
            assert cuda.copied[-1] == ((2, 16, 16), "float32")
