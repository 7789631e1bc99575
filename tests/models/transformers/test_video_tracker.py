"""SAM 3's tracker on long videos: memory that does not grow, resuming in the middle, number types, and no work on the host per object."""

import copy
import gc

import numpy as np
import pytest

from promptseg.errors import BackendError, InputError, PromptError
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402
from promptseg.models.transformers.video_tracker import TransformersTracker  # noqa: E402 - They need torch.

BOX, OTHER = Prompt.box(8, 8, 30, 30), Prompt.box(30, 10, 50, 36)


def moving_square(count):
    for index in range(count):
        image = np.full((48, 64, 3), 40, np.uint8)
        image[10:28, 8 + index % 20 : 28 + index % 20] = 200
        yield image


@pytest.fixture(scope="module")
def model(tiny_sam3_tracker_video):
    return tiny_sam3_tracker_video(seed=1)


def make(model, dtype="float32", **arguments):
    settings = TorchSettings(torch.device("cpu"), getattr(torch, dtype))
    tracker = TransformersTracker(copy.deepcopy(model), Provenance("tiny-sam3", "sam3_tracker_video", "1"), settings)
    return SamVideoSegmenter(tracker, **arguments)


def count_tensors():
    gc.collect()
    return sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())


def test_sixty_frames_are_tracked_in_constant_memory(model):
    segmenter = make(model)
    session = SamVideoSegmenter(segmenter.model, memory=2 * segmenter.model.span.of_object(1)).open(moving_square(60))
    session.frame_buffer.kept = 2
    session.add(0, 1, BOX)
    session.add(0, 2, OTHER)
    held, tensors = [], []
    for at in session.propagate():
        held.append(session.nbytes)
        if at.frame in (30, 59):
            tensors.append(count_tensors())
    assert at.object_ids == (1, 2)
    assert held[59] == held[20] == max(held)
    assert tensors[1] == tensors[0]


def test_a_session_that_is_resumed_in_the_middle_gives_the_same_masks(model, tmp_path):
    segmenter, frames = make(model, keep_logits=True), list(moving_square(24))
    session = segmenter.open(frames)
    session.add(0, 1, BOX)
    session.add(3, 2, OTHER)
    assert len(list(session.propagate(stop=18))) == 18
    session.add(16, 1, Prompt.point(20, 18))
    session.save(tmp_path / "session.npz")
    resumed = segmenter.resume(tmp_path / "session.npz", (frame for frame in frames))
    for one, other in zip(session.propagate(start=16), resumed.propagate(start=16), strict=True):
        assert one.object_ids == other.object_ids == (1, 2)
        assert one.masks.scores.tolist() == other.masks.scores.tolist()
        assert all(np.array_equal(mask.logits, same.logits) for mask, same in zip(one.masks, other.masks, strict=True))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_tracks_and_is_resumed(model, dtype, tmp_path):
    session = make(model, dtype).open(moving_square(2))
    session.add(0, 1, BOX)
    assert [at.object_ids for at in session.propagate()] == [(1,), (1,)]
    session.save(tmp_path / "session.npz")
    resumed = make(model, dtype).resume(tmp_path / "session.npz", moving_square(2))
    assert [at.object_ids for at in resumed.propagate()] == [(1,), (1,)]


def test_a_saved_session_with_tensors_of_another_model_is_refused(model, tmp_path, monkeypatch):
    session = make(model).open(moving_square(1))
    session.add(0, 1, BOX)
    output = session._memory_bank.objects[1].pending[0]
    monkeypatch.setitem(session._memory_bank.objects[1].pending, 0, type(output)(output.mask, output.pointer[:, :9], 0.5, output.memory))
    session.save(tmp_path / "session.npz")
    with pytest.raises(InputError, match=r"a pointer is torch.float32 \(1, 9\), expected real numbers \(1, 128\)"):
        make(model).resume(tmp_path / "session.npz", moving_square(1))


def test_logits_of_another_model_are_refused(model):
    session = make(model, keep_logits=True).open(moving_square(1))
    mask = session.add(0, 1, BOX)
    assert mask.logits.shape == (16, 16)
    assert session.add(0, 2, Prompt.mask(mask) + Prompt.point(20, 18)).size == (48, 64)
    with pytest.raises(PromptError, match=r"this model's mask logits have shape \(16, 16\)"):
        session.add(0, 4, Prompt.mask(np.zeros((14, 14), np.float32)))
    assert session.object_ids == (1, 2)


def test_a_failure_of_transformers_is_reported_with_its_cause(model, monkeypatch):
    session = make(model).open(moving_square(1))
    monkeypatch.setattr(session._model._model, "get_image_features", lambda *_, **__: 1 / 0)
    with pytest.raises(BackendError, match="torch failed: division by zero"):
        session.add(0, 1, BOX)
    assert session.object_ids == ()
