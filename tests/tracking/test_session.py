"""`PropagateSession`: memory of prompts, opening of frames, and errors."""

from dataclasses import dataclass

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, InputError, PromptError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.testing import FakeFrames, FakeSegmenter
from promptseg.tracking.flow import flow_between
from promptseg.tracking.session import MAX_PROMPTED, PropagateSegmenter
from promptseg.video.saved_session import SavedSession

FRAMES = [np.full((32, 48, 3), 90, np.uint8)] * 24
BOX = Prompt.box(10, 8, 30, 24)


@dataclass
class Counting:
    """Fake segmenter that counts the frames that it opens."""

    opened: int = 0
    provenance = FakeSegmenter().provenance
    accepts = FakeSegmenter().accepts

    def open(self, image):
        self.opened += 1
        return FakeSegmenter().open(image)


class Accepting(FakeSegmenter):
    """Fake segmenter that takes the given kinds of prompt."""

    accepts = frozenset()

    def __init__(self, *accepts):
        super().__init__()
        object.__setattr__(self, "accepts", frozenset(accepts))


@pytest.fixture
def session():
    return PropagateSegmenter(FakeSegmenter()).open(FakeFrames(FRAMES))


def remembered(session, path):
    """Return the prompted frames of object 1 in a saved session, and the number of prompted appearances of its track."""
    session.save(path)
    (one,) = SavedSession.read(path).values["objects"]
    return [prompt["frame"] for prompt in one["prompts"]], one["track"]["views"][0]


def test_of_many_prompted_frames_the_first_and_the_latest_are_remembered(session, tmp_path):
    for frame in range(MAX_PROMPTED):
        session.add(frame, 1, BOX)
    assert remembered(session, tmp_path / "a.npz") == (list(range(16)), 16)
    for frame in range(MAX_PROMPTED, 20):
        session.add(frame, 1, BOX)
    assert remembered(session, tmp_path / "a.npz") == ([0, *range(5, 20)], 16)
    assert session.prompted_frames(1) == frozenset(range(20))


def test_prompting_a_frame_again_takes_no_place_of_another(session, tmp_path):
    for frame in [*range(MAX_PROMPTED), *[15] * 5]:
        session.add(frame, 1, BOX)
    assert remembered(session, tmp_path / "a.npz") == (list(range(16)), 16)


def test_a_frame_whose_prompt_is_no_longer_remembered_is_tracked_like_any_other(session):
    for frame in range(20):
        session.add(frame, 1, BOX)
    found = list(session.propagate())
    assert [at.frame for at in found] == list(range(24))
    assert {tuple(at.masks[0].box.tolist()) for at in found} == {(10, 8, 30, 24)}


def test_what_is_saved_does_not_grow_with_the_video(session, tmp_path):
    session.add(0, 1, BOX)
    sizes = []
    for at in session.propagate():
        if at.frame in (4, 23):
            session.save(tmp_path / "a.npz")
            sizes.append((tmp_path / "a.npz").stat().st_size)
    assert sizes[1] < sizes[0] * 1.02


def test_a_moving_object_is_tracked_with_its_id_and_its_confidence(scene, square, segmenter):
    model = segmenter([scene({"square": square(20 + 4 * index, 30), "other": square(90, 60)}) for index in range(4)])
    session = PropagateSegmenter(model).open(model.video)
    session.add(0, 7, Prompt.box(20, 30, 44, 54))
    session.add(0, 3, Prompt.box(90, 60, 114, 84))
    for at, shown in zip(session.propagate(), model.scenes, strict=True):
        assert at.object_ids == (7, 3)
        np.testing.assert_array_equal(at.masks[0].array, shown.things["square"])
        np.testing.assert_array_equal(at.masks[1].array, shown.things["other"])
        assert at.masks[0].score == session.signals(7).confidence > 0.5


def test_an_object_is_tracked_backwards_as_forwards(scene, square, segmenter):
    model = segmenter([scene({"square": square(20 + 4 * index, 30)}) for index in range(4)])
    session = PropagateSegmenter(model).open(model.video)
    session.add(3, 1, Prompt.box(32, 30, 56, 54))
    for at in session.propagate(start=3, reverse=True):
        np.testing.assert_array_equal(at.masks[0].array, model.scenes[at.frame].things["square"])


def test_a_frame_is_encoded_once_for_all_objects_and_not_where_there_is_none():
    counting = Counting()
    session = PropagateSegmenter(counting).open(FakeFrames(FRAMES[:6]))
    for object_id in (1, 2, 3):
        session.add(2, object_id, BOX)
    assert counting.opened == 1
    list(session.propagate())
    assert counting.opened == 4


def test_the_flow_of_an_object_is_from_the_frame_where_it_was_last(monkeypatch):
    asked = []

    def watched(earlier, later):
        asked.append((int(earlier[0, 0]), int(later[0, 0])))
        return flow_between(earlier, later)

    monkeypatch.setattr("promptseg.tracking.session.flow_between", watched)
    session = PropagateSegmenter(FakeSegmenter()).open(FakeFrames([np.full((32, 48, 3), 10 * index, np.uint8) for index in range(6)]))
    for frame, object_id in ((0, 1), (0, 2), (3, 3)):
        session.add(frame, object_id, BOX)
    assert [at.frame for at in session.propagate(start=4)] == [4, 5]
    assert asked == [(0, 40), (30, 40), (40, 50)]


def test_a_mask_alone_is_taken_as_it_is_even_by_a_segmenter_that_takes_boxes_alone():
    pixels = np.zeros((32, 48), bool)
    pixels[3:9, 5:30:2] = True
    session = PropagateSegmenter(Accepting("box")).open(FakeFrames(FRAMES))
    np.testing.assert_array_equal(session.add(0, 1, Prompt.mask(pixels)).array, pixels)
    assert session.signals(1).confidence == 1


def test_an_empty_mask_is_refused_and_leaves_what_was_there(session):
    session.add(0, 1, BOX)
    for prompt in (Prompt.mask(Mask.from_array(np.zeros((32, 48), bool))), Prompt.point(5, 5, foreground=False)):
        for object_id in (1, 2):
            with pytest.raises(PromptError, match="empty mask on frame 3: there is nothing to track"):
                session.add(3, object_id, prompt)
    assert session.object_ids == (1,)
    assert session.prompted_frames(1) == {0}


def test_signals_of_an_object_that_is_not_there_are_refused(session):
    with pytest.raises(PromptError, match="no object 5"):
        session.signals(5)


def test_a_segmenter_that_takes_no_boxes_cannot_track():
    with pytest.raises(ConfigError, match="this one takes point, text"):
        PropagateSegmenter(Accepting("text", "point"))


def test_frames_of_changing_size_end_tracking_where_they_change(session):
    session = PropagateSegmenter(FakeSegmenter()).open(FakeFrames([*FRAMES[:2], np.zeros((9, 9, 3), np.uint8)]))
    session.add(0, 1, BOX)
    seen = []
    with pytest.raises(InputError, match="frame 2"):
        seen.extend(at.frame for at in session.propagate())
    assert seen == [0, 1]


def test_by_name_the_segmenter_is_chosen_and_what_is_none_is_refused(add_model):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    add_model("finder", "detector", lambda _: None)
    tracker = promptseg.load("propagate", segmenter="cutter")
    assert (tracker.provenance.backend, tracker.provenance.model) == ("propagate", "fake-segmenter")
    with pytest.raises(ConfigError, match="'finder' is a detector"):
        promptseg.load("propagate", segmenter="finder")
