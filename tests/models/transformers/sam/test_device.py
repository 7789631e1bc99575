"""The device part of the SAM family of transformers, on a device that computes nothing: no tensors of two devices meet, and few waits."""

import numpy as np
import pytest

from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the SAM family of transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="the SAM family of transformers needs transformers")

from promptseg.backends.hf_sam import _ENGINES  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.sam.video.inputs import model_input  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402
from promptseg.models.transformers.video_tracker import TransformersTracker  # noqa: E402

CUDA, PROVENANCE = torch.device("cuda"), Provenance("tiny", "tests", "1")


def good(zeros):
    """Return values by which all is found: scores of 1 in the middle of the image."""
    return zeros + 0.5 if zeros.dtype == np.float32 else zeros


@pytest.mark.parametrize(("variant", "dtype"), [("sam_hq", "bfloat16"), ("sam2", "float16"), ("edgetam", "float32")])
def test_segmenters_wait_by_the_batch(variant, dtype, tiny_hf_sam, fake_cuda, photo):
    name, engine = _ENGINES[variant]
    model = tiny_hf_sam(variant)
    with fake_cuda(good) as cuda:
        session = SamSegmenter(engine(name(model), PROVENANCE, TorchSettings(CUDA, getattr(torch, dtype)))).open(photo())
        assert cuda.waits == []  # SAM is in SAM-HQ.
        session.segment([Prompt.box(5 + i, 5, 60 + i, 70) for i in range(2)])
        stable = ["copy"] if variant in ("sam2", "edgetam") else []
        assert cuda.waits == ["copy", *stable, "nonzero", "copy", "copy"]  # Scores, stability, run lengths, logits.


def test_a_tracker_waits_once_a_prompt_and_once_a_frame_for_all_objects(tiny_hf_video, fake_cuda, photo):
    """EdgeTAM has all of SAM 2's steps, and resamples its memories."""
    model, frames = tiny_hf_video("edgetam"), [photo(seed=seed) for seed in range(2)]
    with fake_cuda() as cuda:
        segmenter = SamVideoSegmenter(TransformersTracker(model, PROVENANCE, TorchSettings(CUDA), None, model_input, 8))
        session = segmenter.open(frames)
        cuda.waits.clear()
        mask = Prompt.mask(np.ones(frames[0].shape[:2], bool))
        for object_id, prompt in enumerate([Prompt.box(5, 5, 60, 50), mask]):
            session.add(1, object_id, prompt)
        assert cuda.waits == ["copy"] * 2
        cuda.waits.clear()
        list(session.propagate(start=1, reverse=True))
        assert cuda.waits == ["copy"]
