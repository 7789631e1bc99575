"""Sessions of SAM 2 on videos: bounded memory, objects at any time, saving and resuming, errors."""

import copy

import numpy as np
import pytest

from promptseg.errors import BackendError, InputError, OutOfMemoryError, PromptError
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
pytest.importorskip("sam2", reason="sam2's own code is not installed")

from promptseg.models.sam.torch.model import TorchSettings  # noqa: E402
from promptseg.models.sam.video.memory import FrameOutput, MemoryBank, ObjectMemory, Span  # noqa: E402 - They need torch.
from promptseg.models.sam.video.model import TorchSam2Video  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402

BOX, OTHER = Prompt.box(8, 8, 30, 30), Prompt.box(30, 10, 50, 36)


def moving_square(count):
    for index in range(count):
        image = np.full((48, 64, 3), 40, np.uint8)
        image[10:28, 8 + index % 20 : 28 + index % 20] = 200
        yield image


@pytest.fixture(scope="module")
def predictor(tiny_sam2_video):
    return tiny_sam2_video(seed=2)


def make(predictor, weights="0", dtype="float32", **arguments):
    provenance = Provenance("tiny-sam2", "sam2_video", "1", {"tiny.pt": 64 * weights})
    model = TorchSam2Video(copy.deepcopy(predictor), provenance, TorchSettings(torch.device("cpu"), getattr(torch, dtype)))
    return SamVideoSegmenter(model, **arguments)


class TestSession:
    def test_a_stream_is_tracked_in_constant_memory_and_an_object_can_be_added_late(self, predictor):
        segmenter = make(predictor)
        least = 2 * segmenter.model.span.of_object(1)
        session = SamVideoSegmenter(segmenter.model, memory=least).open(moving_square(45))
        session.frame_buffer.kept = 2
        session.add(0, 1, BOX)
        held = []
        for at in session.propagate():
            held.append(session.nbytes)
            if at.frame == 20:
                session.add(20, 2, OTHER)
        assert at.object_ids == (1, 2)
        assert max(held) == held[-1] == held[-5] <= least + 2 * 48 * 64 * 3

    def test_a_session_that_is_resumed_in_the_middle_gives_the_same_masks(self, predictor, tmp_path):
        segmenter, frames = make(predictor, keep_logits=True), list(moving_square(30))
        session = segmenter.open(frames)
        session.add(0, 1, BOX)
        session.add(3, 2, OTHER)
        assert len(list(session.propagate(stop=18))) == 18
        session.add(16, 1, Prompt.point(20, 18))
        session.save(tmp_path / "session.npz")
        resumed = segmenter.resume(tmp_path / "session.npz", (frame for frame in frames))
        assert resumed.prompted_frames(1) == {0, 16}
        for one, other in zip(session.propagate(start=16), resumed.propagate(start=16), strict=True):
            assert one.object_ids == other.object_ids == (1, 2)
            assert one.masks.scores.tolist() == other.masks.scores.tolist()
            assert all(np.array_equal(mask.logits, same.logits) for mask, same in zip(one.masks, other.masks, strict=True))

    def test_a_session_of_other_weights_is_refused(self, predictor, tmp_path):
        session = make(predictor).open(moving_square(1))
        session.add(0, 1, BOX)
        session.save(tmp_path / "session.npz")
        with pytest.raises(InputError, match="was written by other weights, not by 'tiny-sam2'"):
            make(predictor, weights="1").resume(tmp_path / "session.npz", moving_square(1))

    def test_half_precision_tracks(self, predictor, tmp_path):
        session = make(predictor, dtype="bfloat16").open(moving_square(2))
        session.add(0, 1, BOX)
        assert [at.object_ids for at in session.propagate()] == [(1,), (1,)]
        session.save(tmp_path / "session.npz")
        resumed = make(predictor, dtype="bfloat16").resume(tmp_path / "session.npz", moving_square(2))
        assert [at.object_ids for at in resumed.propagate()] == [(1,), (1,)]

    def test_logits_of_a_mask_prompt_are_joined_by_points_and_those_of_another_model_are_refused(self, predictor):
        session = make(predictor, keep_logits=True).open(moving_square(1))
        mask = session.add(0, 1, BOX)
        assert mask.logits.shape == (32, 32)
        assert np.abs(mask.logits).max() <= 32
        assert session.add(0, 2, Prompt.mask(mask)).size == (48, 64)
        assert session.add(0, 3, Prompt.mask(mask) + Prompt.point(20, 18)).size == (48, 64)
        with pytest.raises(PromptError, match=r"this model's mask logits have shape \(32, 32\)"):
            session.add(0, 4, Prompt.mask(np.zeros((16, 16), np.float32)))
        assert session.object_ids == (1, 2, 3)

    def test_out_of_memory_is_reported_and_tracked_frames_stay(self, predictor, monkeypatch):
        session = make(predictor).open(list(moving_square(5)))
        session.add(0, 1, BOX)
        tracked = list(session.propagate(stop=3))

        def full(*_):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

        with monkeypatch.context() as patch:
            patch.setattr(session._model._model, "forward_image", full)
            with pytest.raises(OutOfMemoryError, match="a frame does not fit beside the model"):
                list(session.propagate(start=3))
        again = list(session.propagate(start=3))
        assert [at.frame for at in (*tracked, *again)] == [0, 1, 2, 3, 4]

    def test_another_failure_of_the_library_is_reported_with_its_cause(self, predictor, monkeypatch):
        session = make(predictor).open(moving_square(1))
        monkeypatch.setattr(session._model._model, "forward_image", lambda *_: 1 / 0)
        with pytest.raises(BackendError, match="torch failed: division by zero"):
            session.add(0, 1, BOX)
        assert session.object_ids == ()


WHOLE = 30 * 4
SPAN = Span(2, 4, {"mask": torch.zeros(1, 1, 5, 5), "pointer": torch.zeros(1, 1), "memory": torch.zeros(1, 8, 1, 1, dtype=torch.bfloat16)})


def frame_output(value=0.0):
    """Return an output of 120 bytes, of which the pointer has 4."""
    return FrameOutput(torch.full((1, 1, 5, 5), value), SPAN.tensors["pointer"], 0.5, SPAN.tensors["memory"])


def memory_bank(limit, objects=(1,), prompted=3):
    made = MemoryBank(limit, SPAN, prompted)
    for object_id in objects:
        made.add(object_id, 0, frame_output())
    made.commit_prompts()
    return made


class TestMemoryBank:
    def test_outputs_for_the_next_frame_are_kept_and_the_rest_while_there_is_room(self):
        least = SPAN.of_object(1)
        tight, roomy = memory_bank(least), memory_bank(least + 3 * WHOLE)
        for frame in range(1, 20):
            for one in (tight, roomy):
                one.record(1, frame, frame_output())
        assert [(frame, kept.memory is not None) for frame, kept in tight.objects[1].tracked.items()] == [
            (16, False),
            (17, False),
            (18, True),
            (19, True),
        ]
        assert tight.nbytes == least
        assert [frame for frame, kept in roomy.objects[1].tracked.items() if kept.memory is not None] == [15, 16, 17, 18, 19]
        for one in (tight, roomy):
            assert one.nbytes == sum(known.nbytes for known in one.objects.values())

    def test_room_is_asked_for_before_an_object_is_prompted(self):
        made = memory_bank(2 * SPAN.of_object(1), objects=(1, 2))
        made.check_room(1, 0)
        with pytest.raises(OutOfMemoryError, match=r"no room for object 3 on frame 7: 3 objects"):
            made.check_room(3, 7)
        with pytest.raises(OutOfMemoryError, match=r"no room for object 1 on frame 7: 2 objects"):
            made.check_room(1, 7)
        made.forget(2)
        made.check_room(3, 7)

    def test_of_many_prompted_frames_the_first_and_the_latest_are_attended_to(self):
        made = memory_bank(1 << 20, prompted=3)
        for frame in range(5, 50, 5):
            made.add(1, frame, frame_output())
            made.check_room(1, frame)
            made.commit_prompts()
        assert list(made.objects[1].prompted) == [0, 40, 45]

    def test_frames_whose_memory_was_dropped_are_not_attended_to_where_memory_is_looked_for(self):
        known = ObjectMemory()
        known.tracked.update({frame: frame_output().pointer_only() for frame in (3, 4, 5, 6)})
        known.tracked[6] = frame_output()
        prompted, tracked = known.attended(7, SPAN)
        assert (list(prompted), list(tracked)) == ([], [3, 4, 6])

    def test_a_frame_without_its_mask_counts_as_not_tracked(self):
        known = ObjectMemory()
        known.tracked[3] = frame_output().pointer_only()
        assert known.on(3) is None
        assert known.direction(3) is None
