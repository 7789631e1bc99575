"""The device part of SAM 2 on videos, on a device that computes nothing: no tensors meet that lie on two devices, and few waits."""

import numpy as np
import pytest

from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.model import TorchSettings  # noqa: E402
from promptseg.models.sam.video.model import TorchSam2Video  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402 - They need torch.

CUDA = torch.device("cuda")


@pytest.fixture
def load(tiny_sam2_video):
    model = tiny_sam2_video()
    for encoding in (model.image_encoder.neck.position_encoding, model.memory_encoder.position_encoding):
        encoding.cache.clear()  # Filled on the CPU by the constructor. promptseg builds models without it.

    def load(dtype=torch.float32):
        return SamVideoSegmenter(TorchSam2Video(model, Provenance("tiny", "tests", "1"), TorchSettings(CUDA, dtype)))

    return load


@pytest.fixture
def frames(photo):
    return [photo(seed=seed) for seed in range(3)]


def test_a_prompt_waits_once_and_a_frame_once_for_all_objects(load, fake_cuda, frames):
    with fake_cuda() as cuda:
        session = load(torch.bfloat16).open(frames[:2])
        for object_id, prompt in enumerate([Prompt.box(5, 5, 60, 50), Prompt.point(30, 30) + Prompt.point(9, 9, foreground=False)]):
            session.add(0, object_id, prompt)
        assert cuda.waits == ["copy"] * 2
        cuda.waits.clear()
        waits = []
        for _ in session.propagate():
            waits.append([*cuda.waits])
            cuda.waits.clear()
        assert waits == [[], ["copy"]]  # The first frame has its masks from the prompts.


def test_a_mask_a_correction_and_the_way_back_run_on_the_device(load, fake_cuda, frames):
    with fake_cuda() as cuda:
        session = load().open(frames)
        session.add(2, 0, Prompt.mask(np.ones(frames[0].shape[:2], bool)))
        list(session.propagate(start=2, reverse=True))
        assert cuda.waits == ["copy"] * 3
        cuda.waits.clear()
        session.add(1, 0, Prompt.point(30, 30))
        session.add(1, 0, Prompt.point(20, 30))
        assert cuda.waits == ["copy"] * 2


def test_a_saved_session_goes_on_on_the_device(load, fake_cuda, frames, tmp_path):
    with fake_cuda() as cuda:
        segmenter = load()
        session = segmenter.open(frames)
        session.add(0, 0, Prompt.box(5, 5, 60, 50))
        next(session.propagate())
        cuda.waits.clear()
        session.save(tmp_path / "session.npz")
        assert cuda.waits == ["copy"] * 2  # The pointer and the memory of one frame. Masks are on the host.
        resumed = segmenter.resume(tmp_path / "session.npz", frames)
        cuda.waits.clear()
        assert [at.frame for at in resumed.propagate()][-1] == 2
        assert cuda.waits == ["copy"] * 2
