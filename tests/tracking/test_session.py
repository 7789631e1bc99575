"""`PropagateSession`: memory of prompts, opening of frames, and errors."""

from dataclasses import dataclass

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, InputError, PromptError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.testing import FakeFrames, FakeSegmenter
from promptseg.tracking.asking import LONGEST_GAP
from promptseg.tracking.flow import flow_about
from promptseg.tracking.propagation import propagate_track
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

    def watched(mask, earlier, later):
        asked.append((int(earlier[0, 0]), int(later[0, 0])))
        return flow_about(mask, earlier, later)

    monkeypatch.setattr("promptseg.tracking.session.flow_about", watched)
    session = PropagateSegmenter(FakeSegmenter()).open(FakeFrames([np.full((32, 48, 3), 10 * index, np.uint8) for index in range(6)]))
    for frame, object_id in ((0, 1), (0, 2), (3, 3)):
        session.add(frame, object_id, BOX)
    assert [at.frame for at in session.propagate(start=4)] == [4, 5]
    assert asked == [(0, 40), (0, 40), (30, 40), (40, 50), (40, 50), (40, 50)]


def test_after_a_later_prompt_the_flow_is_from_the_frame_of_that_prompt(monkeypatch):
    asked = []

    def watched(mask, earlier, later):
        asked.append((int(earlier[0, 0]), int(later[0, 0])))
        return flow_about(mask, earlier, later)

    monkeypatch.setattr("promptseg.tracking.session.flow_about", watched)
    session = PropagateSegmenter(FakeSegmenter()).open(FakeFrames([np.full((32, 48, 3), 10 * index, np.uint8) for index in range(6)]))
    session.add(0, 1, BOX)
    session.add(3, 1, BOX)
    assert [at.frame for at in session.propagate(start=0)] == list(range(6))
    assert asked == [(0, 10), (10, 20), (30, 40), (40, 50)]


def asked_on(every, count=9, prompts=((0, 1),)):
    """Return the frames that were opened, and the frames on which the session says that it asked, with the reasons."""
    counting = Counting()
    frames = [np.full((32, 48, 3), index, np.uint8) for index in range(count)]
    session = PropagateSegmenter(counting, every).open(FakeFrames(frames))
    for frame, object_id in prompts:
        session.add(frame, object_id, BOX)
    found = list(session.propagate())
    assert all(at.masks[0].box.tolist() == [10, 8, 30, 24] for at in found if at.object_ids)
    return counting.opened, {at.frame: at.asked for at in found if at.asked is not None}


def test_by_default_the_segmenter_is_asked_on_every_frame():
    assert asked_on(1, 4) == (4, dict.fromkeys(range(4), "every frame"))


def test_every_kth_frame_alone_is_encoded_and_flow_moves_the_masks_in_between():
    assert asked_on(3) == (3, {0: "prompted", 3: "every 3 frames", 6: "every 3 frames"})


def test_the_frames_are_counted_from_the_first_one_of_the_video_and_not_from_a_prompt():
    assert asked_on(4, prompts=((1, 1), (6, 2))) == (4, {1: "prompted", 4: "every 4 frames", 6: "prompted", 8: "every 4 frames"})


def test_a_video_at_rest_is_asked_about_at_the_longest_gap_alone():
    opened, reasons = asked_on("auto", LONGEST_GAP + 3)
    assert opened == 2
    assert reasons == {0: "prompted", LONGEST_GAP: f"object 1: {LONGEST_GAP} frames since the last question"}


def test_where_a_frame_was_encoded_for_a_new_object_auto_asks_about_the_others_too(monkeypatch):
    asked = []

    def watched(track, *rest):
        asked.append(track)
        return propagate_track(track, *rest)

    monkeypatch.setattr("promptseg.tracking.session.propagate_track", watched)
    session = PropagateSegmenter(FakeSegmenter(), "auto").open(FakeFrames(FRAMES[:6]))
    session.add(0, 1, BOX)
    list(session.propagate(stop=3))
    session.add(3, 2, BOX)
    assert [at.asked for at in session.propagate(start=3)] == ["prompted", None, None]
    assert len(asked) == 1


@pytest.mark.parametrize("every", [4, "auto"])
def test_after_a_jump_the_segmenter_is_asked_because_flow_does_not_reach_so_far(every):
    counting = Counting()
    session = PropagateSegmenter(counting, every).open(FakeFrames(FRAMES))
    session.add(0, 1, BOX)
    assert [at.asked for at in session.propagate(start=5, stop=7)] == ["the objects were last tracked on frame 0", None]
    assert counting.opened == 2


@pytest.mark.parametrize("every", [3, "auto"])
def test_between_two_questions_the_mask_follows_the_object(every, scene, square, segmenter):
    model = segmenter([scene({"square": square(20 + 2 * index, 30)}) for index in range(3)])
    session = PropagateSegmenter(model, every).open(model.video)
    session.add(0, 1, Prompt.box(20, 30, 44, 54))
    scores = []
    for at, shown in zip(session.propagate(), model.scenes, strict=True):
        true = shown.things["square"]
        assert (at.masks[0].array & true).sum() / (at.masks[0].array | true).sum() > 0.85
        scores.append(at.masks[0].score)
    assert model.scenes[1].asked == []
    assert scores[0] >= scores[1] >= scores[2] > 0


def test_auto_asks_more_often_about_an_object_that_moves(scene, square, segmenter):
    asked = {}
    for speed in (0, 2):
        model = segmenter([scene({"square": square(20 + speed * index, 30)}) for index in range(7)])
        session = PropagateSegmenter(model, "auto").open(model.video)
        session.add(0, 1, Prompt.box(20, 30, 44, 54))
        asked[speed] = [at.asked for at in session.propagate()]
    assert [at for at, reason in enumerate(asked[0]) if reason] == [0, 4]
    assert [at for at, reason in enumerate(asked[2]) if reason] == [0, 2, 4, 6]
    assert all(reason.startswith("object 1: it moved by ") for reason in asked[2][2::2])


@pytest.mark.parametrize("every", [1, 2, 3, "auto"])
def test_an_object_behind_a_wall_is_lost_and_found_again(every, scene, square, wall, segmenter):
    places = [(30, 0)] * 3 + [(30, 1)] * 8 + [(30, 0)] * 7
    scenes = [scene({"square": square(x, 30), **({"wall": wall(20, 60)} if hidden else {})}) for x, hidden in places]
    model = segmenter(scenes)
    session = PropagateSegmenter(model, every).open(model.video)
    session.add(0, 1, Prompt.box(30, 30, 54, 54))
    found = list(session.propagate())
    assert max(session_lost(found)) >= 3
    np.testing.assert_array_equal(found[-1].masks[0].array, scenes[-1].things["square"])
    assert session.signals(1).lost == 0


def session_lost(found):
    """Return the lengths of runs of frames without a mask."""
    runs, length = [0], 0
    for at in found:
        length = 0 if at.masks[0].area else length + 1
        runs.append(length)
    return runs


@pytest.mark.parametrize("every", [2, 3, "auto"])
def test_a_session_saved_between_two_questions_goes_on_with_the_same_masks(every, scene, square, segmenter, tmp_path):
    scenes = [scene({"square": square(20 + 3 * index, 30)}) for index in range(10)]
    model = segmenter(scenes)
    video = PropagateSegmenter(model, every)
    session = video.open(model.video)
    session.add(0, 1, Prompt.box(20, 30, 44, 54))
    list(session.propagate(stop=5))
    session.save(tmp_path / "saved.npz")
    resumed = video.resume(tmp_path / "saved.npz", model.video)
    for one, other in zip(session.propagate(start=5), resumed.propagate(start=5), strict=True):
        assert one.asked == other.asked
        np.testing.assert_array_equal(one.masks[0].array, other.masks[0].array)
        assert one.masks[0].score == other.masks[0].score


def test_a_resumed_session_asks_where_another_object_was_prompted_as_the_first_one_does(tmp_path):
    video = PropagateSegmenter(FakeSegmenter(), "auto")
    session = video.open(FakeFrames(FRAMES[:6]))
    session.add(0, 1, BOX)
    list(session.propagate(stop=3))
    session.add(3, 2, BOX)
    session.save(tmp_path / "saved.npz")
    resumed = video.resume(tmp_path / "saved.npz", FakeFrames(FRAMES[:6]))
    for one, other in zip(session.propagate(start=3), resumed.propagate(start=3), strict=True):
        assert [mask.score for mask in one.masks] == [mask.score for mask in other.masks]
        assert one.asked == other.asked
        assert session.signals(1) == resumed.signals(1)


def test_a_session_may_be_resumed_with_another_every(session, tmp_path):
    session.add(0, 1, BOX)
    list(session.propagate(stop=2))
    session.save(tmp_path / "saved.npz")
    resumed = PropagateSegmenter(FakeSegmenter(), 4).resume(tmp_path / "saved.npz", FakeFrames(FRAMES))
    assert [at.asked for at in resumed.propagate(start=2, stop=6)] == [None, None, "every 4 frames", None]


@pytest.mark.parametrize("every", [0, -1, 1.5, True, None, "often", "2", float("nan")])
def test_an_every_that_is_no_number_of_frames_is_refused_with_its_value(every):
    with pytest.raises(ConfigError, match="every is a whole number of frames of at least 1, or 'auto', got"):
        PropagateSegmenter(FakeSegmenter(), every)


def test_the_provenance_says_how_often_the_segmenter_is_asked():
    versions = [PropagateSegmenter(FakeSegmenter(), every).provenance.version for every in (1, 3, "auto")]
    assert versions == [versions[0], f"{versions[0]}, every 3", f"{versions[0]}, every auto"]


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
