"""A step of training on a device that computes nothing: no tensors meet that lie on two devices, and one wait a step."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")
pytest.importorskip("safetensors", reason="writing fine-tuned decoders needs safetensors")

from promptseg.datasets.reading import open_dataset  # noqa: E402 - They need torch.
from promptseg.finetuning.data import read_examples  # noqa: E402 - They need torch.
from promptseg.finetuning.decoder import TrainableDecoder  # noqa: E402
from promptseg.finetuning.train import Training, TrainingConfig  # noqa: E402

CUDA = torch.device("cuda")


class Memory:
    """A state file in memory."""

    def __init__(self):
        self.state = None

    def read(self):
        return None


@pytest.fixture
def training(tiny_sam, toy):
    """A function that returns a training of a tiny decoder on the device."""
    images, masks = toy(2)

    examples, _ = read_examples(open_dataset(images, masks=masks))

    def make():
        decoder = TrainableDecoder(tiny_sam(width=64, heads=8), CUDA)
        features = [{"embedding": np.zeros((1, 64, 4, 4), np.float32)} for _ in examples]
        return Training(decoder, examples, features, [0], [1], TrainingConfig(tokens=8), Memory())

    return make


def test_a_step_waits_once(training, fake_cuda, monkeypatch):
    with fake_cuda() as cuda:
        made = training()

        def backward(loss):
            """Make gradients as torch would. Its engine asks the driver for streams, of which there is none."""
            assert loss.requires_grad
            assert loss.device.type == "cuda"
            for parameter in made._parameters:
                parameter.grad = torch.zeros_like(parameter)

        monkeypatch.setattr(made._devices, "backward", backward)
        cuda.waits.clear()
        made._learn_from(0, 0, 0)
        assert cuda.waits == ["copy"]


def test_a_validated_image_runs_on_the_device(training, fake_cuda):
    with fake_cuda() as cuda:
        made = training()
        cuda.waits.clear()
        with torch.no_grad():
            made._validated(1)
        assert cuda.waits == ["copy"] * 3 * 2  # For boxes and for points: the scores, the logits, and the IoU of what is selected.
