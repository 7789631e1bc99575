"""The device part of SAM 3, on a device that computes nothing: no tensors meet that lie on two devices, and few waits."""

import numpy as np
import pytest

from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Concept, Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="SAM 3 of transformers: torch is not installed")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402 - They need torch.
from promptseg.models.transformers.sam3.tracker import Sam3Tracker  # noqa: E402


def good(zeros):
    """Return values by which all is found: scores of 1 in the middle of the image."""
    return zeros + 0.5 if zeros.dtype == np.float32 else zeros


def with_known_size(decoder):
    """Give the decoder the size of the feature map. transformers reads it from the device, where nothing has a value."""
    bias = decoder._get_rpb_matrix
    decoder._get_rpb_matrix = lambda boxes, _: bias(boxes, (4, 4))


@pytest.mark.parametrize(("lite_text", "dtype"), [(False, "bfloat16"), (True, "float32")], ids=["sam3", "lite-text"])
def test_concepts_wait_for_scores_and_for_masks(lite_text, dtype, sam3_segmenter, fake_cuda, photo):
    phrase, box = Concept("dog"), Prompt.example(None, Prompt.box(20, 24, 90, 80))
    with fake_cuda(good) as cuda:
        segmenter = sam3_segmenter(lite_text=lite_text, dtype=dtype, device="cuda")
        with_known_size(segmenter.model._module.detr_decoder)
        session = segmenter.open(photo())
        assert cuda.waits == []
        session.find([phrase])
        cuda.waits.clear()
        session.find([phrase + box])
        assert cuda.waits == ["copy", "nonzero", "copy"]  # Scores and boxes; run lengths.
        assert not any(len(shape) == 4 for shape, _ in cuda.copied)


def test_the_tracker_waits_by_the_batch(tiny_sam3_tracker, fake_cuda, photo):
    tracker = tiny_sam3_tracker()
    with fake_cuda(good) as cuda:
        settings = TorchSettings(torch.device("cuda"), torch.bfloat16)
        session = SamSegmenter(Sam3Tracker(tracker, Provenance("tiny", "tests", "1"), settings)).open(photo())
        assert cuda.waits == []
        session.segment([Prompt.box(5 + i, 5, 60 + i, 70) for i in range(17)])
        assert cuda.waits == ["copy", "copy", "nonzero", "copy", "copy"]  # Scores, stability, run lengths, logits.
