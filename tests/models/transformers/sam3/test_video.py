"""SAM 3 on videos for phrases: a state that does not grow, resuming, concepts and objects that come and go, and refusals."""

import copy
import gc
import logging
import pickle

import numpy as np
import pytest

from promptseg.errors import BackendError, InputError, PromptError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.protocols import ConceptVideoSegmenter, ConceptVideoSession, VideoSegmenter
from promptseg.results import Provenance
from promptseg.testing.fakes import FakeFrames

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.transformers.sam3.video_kernel import VideoKernel  # noqa: E402
from promptseg.models.transformers.sam3.video_model import Sam3Video  # noqa: E402
from promptseg.models.transformers.sam3.video_session import Sam3VideoSegmenter, apart_masks  # noqa: E402 - They need torch.

FINDS = {"score_threshold_detection": 0.2, "new_det_thresh": 0.22, "det_nms_thresh": 0.5}
"""Thresholds below the scores of random weights."""

DOG, CAT = Prompt.text("dog"), Prompt.text("cat")


def frames(count):
    random = np.random.default_rng(5)
    ground = random.integers(0, 90, (60, 80, 3), np.uint8)
    square = random.integers(150, 255, (24, 24, 3), np.uint8)
    for index in range(count):
        image = ground.copy()
        image[8 + index % 24 : 32 + index % 24, 8 + index % 40 : 32 + index % 40] = square
        yield image


def tokens(phrase):
    ids = [512, *(ord(letter) for letter in phrase), 517]
    return np.array([ids + [517] * (32 - len(ids)), [1] * len(ids) + [0] * (32 - len(ids))], np.int64)


@pytest.fixture(scope="module")
def module(tiny_sam3_video):
    return tiny_sam3_video(3, **FINDS)


@pytest.fixture
def make(module):
    def make(dtype="float32", weights="0", **options):
        provenance = Provenance("tiny-sam3", "sam3_video", "transformers", {"model.safetensors": 64 * weights})
        settings = TorchSettings(torch.device("cpu"), getattr(torch, dtype))
        return Sam3VideoSegmenter(Sam3Video(copy.deepcopy(module), tokens, provenance, settings, **options))

    return make


def assert_same(one, other):
    assert (one.frame, one.object_ids) == (other.frame, other.object_ids)
    assert one.masks.scores.tolist() == other.masks.scores.tolist()
    assert [mask.label for mask in one.masks] == [mask.label for mask in other.masks]
    assert list(one.masks) == list(other.masks)


def count_tensors():
    gc.collect()
    return sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())


def test_it_fits_the_protocol_and_is_told_from_a_tracker_of_prompts(make, tiny_sam3_tracker_video):
    from promptseg.models.sam.video.session import SamVideoSegmenter
    from promptseg.models.transformers.video_tracker import TransformersTracker

    segmenter = make()
    assert isinstance(segmenter, ConceptVideoSegmenter)
    assert isinstance(segmenter.open(frames(1)), ConceptVideoSession)
    assert segmenter.accepts == {"text"}
    tracker = TransformersTracker(tiny_sam3_tracker_video(), Provenance("a", "b", "1"), TorchSettings(torch.device("cpu")))
    assert isinstance(SamVideoSegmenter(tracker), VideoSegmenter)
    assert not isinstance(SamVideoSegmenter(tracker), ConceptVideoSegmenter)


def test_objects_have_labels_ids_and_scores_and_do_not_overlap_within_a_phrase(make):
    session = make(hot_start=False).open(frames(4))
    session.find([DOG, CAT])
    for at in session.propagate():
        assert len(set(at.object_ids)) == len(at.object_ids)
        assert {mask.label for mask in at.masks} <= {"dog", "cat"}
        for label in ("dog", "cat"):
            pixels = [mask.array.astype(int) for mask in at.masks if mask.label == label]
            assert not pixels or sum(pixels).max() <= 1
        assert all(0 < mask.score <= 1 for mask in at.masks)
    assert {mask.label for mask in at.masks} == {"dog", "cat"}
    assert set(session.object_ids) == set(at.object_ids)


def test_sixty_frames_need_no_more_memory_than_twenty(make):
    session = make(memory=4 << 20, prompted_frames=2).open(frames(60))
    session.frame_buffer.kept = 2
    session.find([DOG])
    held, tensors, records = {}, {}, {}
    for at in session.propagate():
        if at.frame in (30, 46):
            state = session._state.session
            held[at.frame], tensors[at.frame] = session.nbytes, count_tensors()
            records[at.frame] = len(pickle.dumps({name: one for name, one in vars(state).items() if not name.startswith("_")})) / len(
                session.object_ids
            )
    assert at.frame == 59
    assert held[46] <= held[30]
    assert tensors[46] <= tensors[30]
    assert records[46] < 1.1 * records[30]


def test_records_of_frames_without_a_detection_are_no_longer_than_the_model_reads(make):
    session = make(hot_start=False).open(frames(9))
    session.find([DOG, CAT])
    list(session.propagate())
    state = session._state.session
    lengths = [len(one) for record in (state.unmatched_frame_inds, state.overlap_pair_to_frame_inds) for one in record.values()]
    assert max(lengths) == 3  # Of the configuration of the tiny model.


@pytest.mark.parametrize("yielded", [2, 9])
def test_a_session_that_is_resumed_goes_on_with_the_same_masks(make, tmp_path, yielded):
    segmenter, images = make(), list(frames(14))
    session = segmenter.open(images)
    session.find([DOG, CAT])
    walk = session.propagate()
    for _ in range(yielded):
        next(walk)
    walk.close()
    session.save(tmp_path / "session.npz")
    resumed = segmenter.resume(tmp_path / "session.npz", images)
    assert resumed.object_ids == session.object_ids
    together = list(zip(session.propagate(start=yielded), resumed.propagate(start=yielded), strict=True))
    assert [one.frame for one, _ in together] == list(range(yielded, 14))
    for one, other in together:
        assert_same(one, other)
    whole = segmenter.open(images)
    whole.find([DOG, CAT])
    for one, other in zip(list(whole.propagate())[yielded:], (one for one, _ in together), strict=True):
        assert_same(one, other)


def test_frames_that_were_read_ahead_are_yielded_at_the_end_and_a_part_may_be_asked_for(make):
    images = list(frames(9))
    whole, parts = (make().open(images) for _ in range(2))
    for session in (whole, parts):
        session.find([DOG])
    walk = parts.propagate()
    found = [next(walk)]
    walk.close()
    found += [*parts.propagate(start=1, stop=3), *parts.propagate(start=3)]
    for one, other in zip(whole.propagate(), found, strict=True):
        assert_same(one, other)


def test_a_concept_may_be_added_and_an_object_removed_on_the_way(make):
    session = make(hot_start=False).open(frames(12))
    session.find([DOG])
    labels, removed = [], None
    for at in session.propagate():
        labels.append({mask.label for mask in at.masks})
        if at.frame == 5:
            session.find([DOG, CAT])
            removed = session.object_ids[0]
            session.remove(removed)
            assert removed not in session.object_ids
    assert not any("cat" in found for found in labels[:6])
    assert "cat" in labels[-1]
    assert removed not in at.object_ids
    with pytest.raises(PromptError, match=f"there is no object {removed}"):
        session.remove(removed)


def test_an_object_that_is_removed_is_gone_from_frames_that_were_read_ahead(make):
    session = make().open(frames(10))
    session.find([DOG, CAT])
    seen = []
    for at in session.propagate():
        seen.append(at.object_ids)
        if at.frame == 4:
            removed = seen[-1][0]
            session.remove(removed)
    assert removed in seen[4]
    assert all(removed not in ids for ids in seen[5:])


def test_objects_that_the_model_drops_are_never_seen_and_frames_are_no_later_than_it_needs(make, monkeypatch):
    segmenter, read = make(), []
    steps = []
    step = segmenter.model.step
    monkeypatch.setattr(segmenter.model, "step", lambda *given, **how: steps.append(step(*given, **how)) or steps[-1])
    session = segmenter.open(read.append(index) or image for index, image in enumerate(frames(12)))
    session.find([DOG, CAT])
    walk = session.propagate()
    found = [next(walk)]
    assert len(steps) == segmenter.model.delay == 4
    assert max(read) <= 4
    found += walk
    removed = {object_id for one in steps for object_id in one.removed}
    assert removed
    assert not removed & {object_id for at in found for object_id in at.object_ids}


def test_of_masks_that_overlap_the_one_with_the_greater_score_keeps_its_pixels():
    masks = {}
    for object_id, (start, score) in enumerate([(0, 0.5), (2, 0.9), (4, 0.7), (0, 0.5)]):
        pixels = np.zeros((2, 8), bool)
        pixels[:, start : start + 4] = True
        masks[object_id] = Mask.from_array(pixels, score=score)
    apart = apart_masks(masks, "dog")
    assert [apart[object_id].array[0].nonzero()[0].tolist() for object_id in range(4)] == [[0, 1], [2, 3, 4, 5], [6, 7], []]
    assert [(mask.label, mask.score) for mask in apart.values()] == [("dog", 0.5), ("dog", 0.9), ("dog", 0.7), ("dog", 0.5)]


def test_what_cannot_be_found_is_refused(make):
    session = make().open(frames(2))
    with pytest.raises(PromptError, match="nothing to find"):
        next(session.propagate())
    for concepts in ([], [Prompt.example(None, Prompt.box(1, 1, 9, 9))], [Prompt.point(1, 1)], "dog"):
        with pytest.raises(PromptError):
            session.find(concepts)
    with pytest.raises(PromptError, match="sam3-tracker"):
        session.add(0, 1, Prompt.box(1, 1, 9, 9))
    session.find([DOG])
    with pytest.raises(PromptError, match="1234"):
        next(session.propagate(start=1234))
    assert [at.frame for at in session.propagate()] == [0, 1]


@pytest.mark.parametrize("hot_start", [True, False])
def test_a_frame_that_cannot_be_read_ends_the_search_after_the_frames_before_it(make, hot_start):
    session = make(hot_start=hot_start).open(FakeFrames([*frames(3), np.zeros((9, 9, 3), np.uint8)]))
    session.find([DOG])
    found = []
    with pytest.raises(InputError, match="frame 3"):
        found.extend(session.propagate())
    assert [at.frame for at in found] == [0, 1, 2]


def test_objects_without_room_are_left_out_with_a_warning(make, caplog):
    segmenter = make(memory=1, hot_start=False)
    assert segmenter.model.max_objects == 1
    session = segmenter.open(frames(3))
    session.find([DOG, CAT])
    with caplog.at_level(logging.WARNING, logger="promptseg"):
        found = list(session.propagate())
    assert max(len(at.object_ids) for at in found) == 1
    assert len([record for record in caplog.records if "option memory" in record.getMessage()]) == 1


def test_a_failure_of_transformers_is_reported_and_the_frame_can_be_tried_again(make, monkeypatch):
    images = list(frames(4))
    whole, session = (make(hot_start=False).open(images) for _ in range(2))
    for one in (whole, session):
        one.find([DOG, CAT])
    expected, found = list(whole.propagate()), list(session.propagate(stop=1))
    with monkeypatch.context() as patch:
        patch.setattr(session._model._module, "build_outputs", lambda **_: 1 / 0)
        with pytest.raises(BackendError, match="division by zero"):
            next(session.propagate(start=1))
    for one, other in zip(expected, [*found, *session.propagate(start=1)], strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_finds_and_is_resumed(make, dtype, tmp_path):
    segmenter, images = make(dtype, hot_start=False), list(frames(3))
    session = segmenter.open(images)
    session.find([DOG])
    list(session.propagate(stop=2))
    session.save(tmp_path / "session.npz")
    resumed = segmenter.resume(tmp_path / "session.npz", images)
    for one, other in zip(session.propagate(start=2), resumed.propagate(start=2), strict=True):
        assert_same(one, other)


def test_a_saved_session_of_other_weights_or_that_is_damaged_is_refused(make, tmp_path):
    segmenter, path = make(hot_start=False), tmp_path / "session.npz"
    session = segmenter.open(frames(2))
    session.find([DOG])
    list(session.propagate())
    session.save(path)
    with pytest.raises(InputError, match="other weights"):
        make(weights="1").resume(path, frames(2))
    with pytest.raises(InputError, match="size"):
        segmenter.resume(path, [np.zeros((30, 40, 3), np.uint8)])
    good = session._state.saved
    for change in (
        lambda values, arrays: values["objects"][0].pop("score"),
        lambda values, arrays: values["objects"][0].update(phrase=7),
        lambda values, arrays: values["outputs"].clear(),
        lambda values, arrays: values["outputs"][0].update(object=99),
        lambda values, arrays: arrays.update({name: array[:0] for name, array in arrays.items()}),
        lambda values, arrays: arrays.clear(),
    ):
        values, arrays = copy.deepcopy(good())
        change(values, arrays)
        session._state.saved = lambda values=values, arrays=arrays: (values, arrays)
        session.save(path)
        with pytest.raises(InputError, match=r"session\.npz is damaged"):
            segmenter.resume(path, frames(2))


class TestKernel:
    def test_of_masks_that_overlap_the_best_are_kept(self):
        ious = torch.tensor([[1, 0.6, 0.1], [0.6, 1, 0.6], [0.1, 0.6, 1]])
        kept = VideoKernel().generic_nms(ious, torch.tensor([0.5, 0.9, 0.7]), 0.5)
        assert kept.tolist() == [1]
        assert VideoKernel().generic_nms(ious, torch.tensor([0.9, 0.5, 0.7]), 0.5).tolist() == [0, 2]
        assert VideoKernel().generic_nms(ious, torch.tensor([0.9, 0.5, 0.7]), 0.6).tolist() == [0, 2, 1]
        assert VideoKernel().generic_nms(torch.zeros(0, 0), torch.zeros(0), 0.5).tolist() == []

    def test_pixels_that_share_a_corner_are_one_component(self):
        mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]], dtype=torch.uint8)[None, None]
        labels, sizes = VideoKernel().cc_2d(torch.cat([mask, 1 - mask]))
        assert sizes[0, 0].tolist() == [[2, 0, 0, 2], [0, 2, 0, 2], [0, 0, 0, 0]]
        assert labels[0, 0, 0, 0] == labels[0, 0, 1, 1] != labels[0, 0, 0, 3]
        assert sizes[1, 0].max() == 8
        assert (labels.dtype, sizes.dtype) == (torch.int32, torch.int32)
