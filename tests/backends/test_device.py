"""The device part of adapters whose layers are another package's, on a device that computes nothing."""

import copy
import warnings

import numpy as np
import pytest

from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the backends need torch")

from promptseg.models.sam.torch.model import TorchSam, TorchSettings  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.tinyvit import TinyVitEncoder  # noqa: E402

CUDA = torch.device("cuda")


@pytest.fixture(scope="module")
def mobile_sam():
    """MobileSAM with a narrow encoder and decoder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modeling = pytest.importorskip("mobile_sam.modeling", reason="MobileSAM's own code is not installed")
    widths = {"embed_dims": [8, 8, 16, 320], "depths": [2, 1, 1, 1], "num_heads": [1, 2, 2, 5], "window_sizes": [7, 7, 14, 7]}
    encoder = modeling.TinyViT(img_size=1024, num_classes=0, mlp_ratio=1.0, **widths)
    prompts = modeling.PromptEncoder(256, (64, 64), (1024, 1024), mask_in_chans=16)
    transformer = modeling.TwoWayTransformer(1, 256, 4, mlp_dim=64)
    decoder = modeling.MaskDecoder(transformer_dim=256, transformer=transformer, iou_head_hidden_dim=32)
    return modeling.Sam(encoder, prompts, decoder).eval().requires_grad_(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_mobile_sam_encodes_without_a_wait_and_waits_by_the_batch(mobile_sam, dtype, fake_cuda, photo):
    sam = copy.deepcopy(mobile_sam)
    sam.image_encoder = TinyVitEncoder(sam.image_encoder)
    with fake_cuda() as cuda:
        session = SamSegmenter(TorchSam(sam, Provenance("tiny", "tests", "1"), TorchSettings(CUDA, dtype))).open(photo())
        assert cuda.waits == []
        session.segment([Prompt.box(5 + i, 5, 60 + i, 70) for i in range(17)])
        assert cuda.waits == ["copy", "nonzero", "copy", "copy"]  # Scores, run lengths, logits.


@pytest.mark.parametrize(
    ("architecture", "dtype"),
    [("yolo11n", torch.float32), ("yolo11n", torch.bfloat16), ("yolov8n-seg", torch.bfloat16), ("yolov8n-seg", torch.float16)],
    ids=str,
)
def test_yolo_waits_for_its_outputs_alone(architecture, dtype, tiny_yolo, fake_cuda):
    from promptseg.backends.yolo import TorchNetwork, read_model

    module, metadata = read_model(tiny_yolo(architecture), "any")
    with fake_cuda() as cuda:
        network = TorchNetwork(module, metadata, CUDA, dtype, "tiny")
        network(np.zeros((64, 96, 3), np.uint8))
        cuda.waits.clear()
        network(np.zeros((64, 96, 3), np.uint8))
        assert cuda.waits == ["copy"] * (2 if architecture.endswith("-seg") else 1)  # Boxes, and prototypes of masks.
