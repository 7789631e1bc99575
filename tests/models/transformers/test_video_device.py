"""The device part of SAM 3's tracker, on a device that computes nothing: no tensors meet that lie on two devices, and few waits."""

import numpy as np
import pytest

from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402
from promptseg.models.transformers.video_tracker import TransformersTracker  # noqa: E402 - They need torch.


@pytest.fixture
def load(tiny_sam3_tracker_video):
    model = tiny_sam3_tracker_video()

    def load(dtype=torch.float32):
        return SamVideoSegmenter(TransformersTracker(model, Provenance("tiny", "tests", "1"), TorchSettings(torch.device("cuda"), dtype)))

    return load


@pytest.fixture
def frames(photo):
    return [photo(seed=seed) for seed in range(3)]


def test_a_prompt_waits_once_and_a_frame_once_for_all_objects(load, fake_cuda, frames):
    with fake_cuda() as cuda:
        session = load(torch.bfloat16).open(frames[:2])
        cuda.waits.clear()
        for object_id, prompt in enumerate([Prompt.box(5, 5, 60, 50), Prompt.point(30, 30) + Prompt.point(9, 9, foreground=False)]):
            session.add(0, object_id, prompt)
        assert cuda.waits == ["copy"] * 2
        cuda.waits.clear()
        waits = []
        for _ in session.propagate():
            waits.append([*cuda.waits])
            cuda.waits.clear()
        assert waits == [[], ["copy"]]  # The first frame has its masks from the prompts.


def test_a_mask_a_correction_the_way_back_and_a_saved_session_run_on_the_device(load, fake_cuda, frames, tmp_path):
    with fake_cuda() as cuda:
        segmenter = load()
        session = segmenter.open(frames)
        session.add(2, 0, Prompt.mask(np.ones(frames[0].shape[:2], bool)))
        list(session.propagate(start=2, reverse=True))
        session.add(1, 0, Prompt.point(30, 30))
        session.save(tmp_path / "session.npz")
        resumed = segmenter.resume(tmp_path / "session.npz", frames)
        cuda.waits.clear()
        assert [at.frame for at in resumed.propagate(start=1, reverse=True)] == [1, 0]
        assert cuda.waits == ["copy"]
