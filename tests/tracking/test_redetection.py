"""Redetection: the events that follow from the masks of the tracker and the detector."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from promptseg.errors import ConfigError, InputError, PromptError
from promptseg.masks import Mask, Masks
from promptseg.prompts import Prompt
from promptseg.protocols import Frame
from promptseg.results import Provenance
from promptseg.testing import FakeFrames
from promptseg.tracking.redetection import Event, RedetectionConfig, track_with_redetection
from promptseg.video.frames import open_frames
from promptseg.video.session import TrackingSession

pytest.importorskip("scipy", reason="pairing needs scipy")

SIZE = (40, 60)
RED, BLUE = (200, 30, 30), (30, 30, 200)
LEFT, RIGHT = (5, 5, 20, 20), (35, 10, 55, 30)


def area(box, score=1.0, label=None):
    mask = np.zeros(SIZE, bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return Mask.from_array(mask, score=score, label=label)


NOTHING = Mask.from_array(np.zeros(SIZE, bool), score=0.0)


def video(n=6):
    frame = np.full((*SIZE, 3), 120, np.uint8)
    for (x0, y0, x1, y1), color in ((LEFT, RED), (RIGHT, BLUE)):
        frame[y0:y1, x0:x1] = color
    return FakeFrames([frame] * n)


@dataclass
class Scripted:
    """Tracker that returns a given mask for each object and frame, from the frame after the last prompt on."""

    script: dict = field(default_factory=dict)
    provenance = Provenance("scripted", "fake", "1", license="Apache-2.0")

    def open(self, frames):
        return ScriptedSession(open_frames(frames), self)


class ScriptedSession(TrackingSession):
    def __init__(self, frames, tracker):
        super().__init__(frames, tracker.provenance, frozenset({"point", "box", "mask"}))
        self._script, self._masks = tracker.script, {}

    def _prompt(self, frame, object_id, prompt):
        mask = prompt.mask_pixels or area([int(v) for v in prompt.xyxy])
        self._masks[object_id] = frame.index, replace(mask, score=1.0)
        return self._masks[object_id][1]

    def _track(self, frame, object_ids, reverse):
        found = {}
        for object_id in object_ids:
            at, mask = self._masks[object_id]
            found[object_id] = mask if at == frame.index else self._script.get((object_id, frame.index), mask)
        return found

    def _forget(self, object_id):
        del self._masks[object_id]

    def _state(self):
        return {}, {}

    def _restore(self, values, arrays):
        pass


def finder(by_call):
    """Return a detector that finds the given lists of masks one after another, and then the last one again."""
    answers = list(by_call)
    return lambda _: Masks(answers.pop(0) if len(answers) > 1 else answers[0], SIZE)


def told(frames):
    return [(event.frame, event.object_id, event.kind) for frame in frames for event in frame.events]


def test_prompted_objects_are_added_and_keep_their_ids():
    frames = list(track_with_redetection(Scripted(), video(3), [Prompt.box(*LEFT), Prompt.box(*RIGHT)]))
    assert [frame.object_ids for frame in frames] == [(1, 2)] * 3
    assert told(frames) == [(0, 1, "added"), (0, 2, "added")]
    assert frames[2].image.shape == (*SIZE, 3)


def test_an_object_whose_confidence_falls_is_lost_and_with_it_rising_recovered():
    script = {(1, 1): area(LEFT, 0.1), (1, 2): area(LEFT, 0.2)}
    assert told(track_with_redetection(Scripted(script), video(5), [Prompt.box(*LEFT)])) == [
        (0, 1, "added"),
        (1, 1, "lost"),
        (3, 1, "recovered"),
    ]


def test_an_object_that_is_not_seen_is_lost():
    frames = list(track_with_redetection(Scripted({(1, 1): NOTHING}), video(2), [Prompt.box(*LEFT)]))
    (event,) = frames[1].events
    assert (event.kind, event.reason) == ("lost", "nothing of it is seen")
    assert frames[1].object_ids == (1,)


def test_an_object_that_comes_back_elsewhere_gets_its_id_back():
    script = {(1, frame): NOTHING for frame in range(1, 6)}
    detect = finder([[area(LEFT, 0.9, "cup")], [], [area(LEFT, 0.8, "cup")]])
    frames = list(track_with_redetection(Scripted(script), video(6), detect=detect, redetection=RedetectionConfig(redetect_every=2)))
    assert told(frames) == [(0, 1, "added"), (1, 1, "lost"), (4, 1, "recovered"), (5, 1, "lost")]
    assert frames[4].masks[0] == area(LEFT)
    assert frames[4].masks[0].label == "cup"
    assert [frame.detected for frame in frames] == [True, False, True, False, True, False]


@pytest.mark.parametrize("found", [area(RIGHT, 0.9, "cup"), area(LEFT, 0.9, "plate")], ids=["another color", "another label"])
def test_a_detection_unlike_the_lost_object_is_a_new_object(found):
    script = {(1, 1): NOTHING, (1, 2): NOTHING}
    detect = finder([[area(LEFT, 0.9, "cup")], [found]])
    frames = list(track_with_redetection(Scripted(script), video(3), detect=detect, redetection=RedetectionConfig(redetect_every=2)))
    assert told(frames) == [(0, 1, "added"), (1, 1, "lost"), (2, 2, "added")]


def test_what_is_tracked_already_is_not_added_again():
    detect = finder([[area(LEFT, 0.9, "cup")], [area((6, 5, 20, 20), 0.9, "cup"), area((6, 6, 12, 12), 0.9, "spot")]])
    assert told(track_with_redetection(Scripted(), video(4), detect=detect, redetection=RedetectionConfig(redetect_every=1))) == [
        (0, 1, "added")
    ]


def test_what_the_tracker_recovers_in_the_wrong_place_is_corrected_by_the_detector():
    script = {(1, 1): NOTHING, (1, 2): area(RIGHT, 0.9), (1, 3): area(RIGHT, 0.9)}
    detect = finder([[area(LEFT, 0.9, "cup")], [], [], [area(LEFT, 0.8, "cup")]])
    frames = list(track_with_redetection(Scripted(script), video(5), detect=detect, redetection=RedetectionConfig(redetect_every=1)))
    assert told(frames) == [(0, 1, "added"), (1, 1, "lost"), (2, 1, "recovered"), (3, 1, "corrected")]
    assert [frame.masks[0] for frame in frames[3:]] == [area(LEFT), area(LEFT)]


def test_a_track_with_little_confidence_is_corrected_by_the_detector():
    detect = finder([[area(LEFT, 0.9, "cup")], [area(LEFT, 0.8, "cup")]])
    frames = list(
        track_with_redetection(
            Scripted({(1, 1): area(RIGHT, 0.5)}), video(2), detect=detect, redetection=RedetectionConfig(redetect_every=1)
        )
    )
    assert told(frames) == [(0, 1, "added"), (1, 1, "corrected")]
    assert frames[1].masks[0] == area(LEFT)


def test_a_track_of_a_part_is_corrected_by_the_detector():
    detect = finder([[area(LEFT, 0.9, "cup")], [area(LEFT, 0.8, "cup")]])
    frames = list(
        track_with_redetection(
            Scripted({(1, 1): area((5, 5, 9, 20))}), video(2), detect=detect, redetection=RedetectionConfig(redetect_every=1)
        )
    )
    assert told(frames) == [(0, 1, "added"), (1, 1, "corrected")]
    assert frames[1].masks[0] == area(LEFT)


def test_a_confident_track_stays_where_the_detector_finds_something_else():
    script = {(1, frame): area(RIGHT, 0.9) for frame in (1, 2)}
    detect = finder([[area(LEFT, 0.9, "cup")], [area(LEFT, 0.8, "cup")]])
    frames = list(track_with_redetection(Scripted(script), video(3), detect=detect, redetection=RedetectionConfig(redetect_every=1)))
    assert told(frames) == [(0, 1, "added"), (1, 2, "added")]
    assert frames[2].masks[0] == area(RIGHT)


def test_the_detector_is_asked_only_while_an_object_is_lost():
    script = {(1, frame): NOTHING for frame in (2, 3, 4)}
    frames = list(
        track_with_redetection(
            Scripted(script),
            video(7),
            [Prompt.box(*LEFT)],
            detect=finder([[]]),
            redetection=RedetectionConfig(when_lost=True, lost_interval=2),
        )
    )
    assert [frame.frame for frame in frames if frame.detected] == [2, 4]


def test_of_two_tracks_on_one_object_one_is_emptied():
    script = {(2, 1): area(LEFT, 0.6), (2, 2): area(LEFT, 0.6)}
    frames = list(track_with_redetection(Scripted(script), video(3), [Prompt.box(*LEFT), Prompt.box(*RIGHT)]))
    assert told(frames[1:]) == [(1, 2, "switched"), (1, 2, "lost")]
    assert [mask.area for mask in frames[2].masks] == [225, 0]


def test_a_switched_object_returns_when_a_detection_finds_it_and_stays():
    script = {(2, frame): area(LEFT, 0.6) for frame in (1, 2)}
    frames = list(
        track_with_redetection(
            Scripted(script),
            video(7),
            [Prompt.box(*LEFT), Prompt.box(*RIGHT)],
            detect=finder([[], [], [area(RIGHT)], []]),
            redetection=RedetectionConfig(redetect_every=1),
        )
    )
    assert told(frames) == [(0, 1, "added"), (0, 2, "added"), (1, 2, "switched"), (1, 2, "lost"), (2, 2, "recovered")]
    assert [mask.area for mask in (frame.masks[1] for frame in frames)] == [400, 0, 400, 400, 400, 400, 400]
    assert all(frame.object_ids == (1, 2) for frame in frames)


def test_a_switched_track_has_no_mask_until_then_even_where_it_is_alone_again():
    script = {(2, 1): area(LEFT, 0.6)}
    frames = list(track_with_redetection(Scripted(script), video(5), [Prompt.box(*LEFT), Prompt.box(*RIGHT)]))
    assert [frame.masks[1].area for frame in frames] == [400, 0, 0, 0, 0]
    assert told(frames[2:]) == []


@pytest.mark.parametrize(("scores", "gone"), [((0.9, 0.6), 2), ((0.6, 0.9), 1), ((0.7, 0.7), 2)])
def test_of_two_tracks_the_less_sure_one_is_switched_and_of_equal_ones_the_later(scores, gone):
    script = {(number, 1): area(LEFT, score) for number, score in enumerate(scores, 1)}
    frames = list(track_with_redetection(Scripted(script), video(2), [Prompt.box(*LEFT), Prompt.box(*RIGHT)]))
    assert told(frames[1:]) == [(1, gone, "switched"), (1, gone, "lost")]


def test_tracks_are_one_object_from_the_iou_of_the_setting_on():
    part = (5, 5, 20, 17)  # 12 of 15 rows: an IoU of 0.8.
    for same_iou, switched in ((0.8, True), (0.81, False)):
        settings = RedetectionConfig(same_iou=same_iou)
        frames = track_with_redetection(
            Scripted({(2, 1): area(part, 0.6)}), video(2), [Prompt.box(*LEFT), Prompt.box(*RIGHT)], redetection=settings
        )
        assert ((1, 2, "switched") in told(frames)) == switched


def test_events_have_the_times_of_their_frames():
    images = [frame.image for frame in video(5).read()]
    times = [0.0, 0.5, 0.6, 2.0, 2.25]
    script = {(1, 1): area(LEFT, 0.1), (1, 2): area(LEFT, 0.2)}
    frames = list(track_with_redetection(Scripted(script), Timed(images, times), [Prompt.box(*LEFT)]))
    assert [(event.kind, event.frame, event.time) for frame in frames for event in frame.events] == [
        ("added", 0, 0.0),
        ("lost", 1, 0.5),
        ("recovered", 3, 2.0),
    ]
    assert [frame.time for frame in frames] == times


@dataclass
class Timed:
    """Source of frames with times that are not even."""

    images: list
    times: list
    size = SIZE
    fps = None
    rereadable = True

    @property
    def count(self):
        return len(self.images)

    def read(self, start=0):
        for index in range(start, len(self.images)):
            yield Frame(index, self.images[index], self.times[index])


def test_an_object_that_is_lost_for_too_long_is_removed():
    script = {(1, frame): NOTHING for frame in range(1, 6)}
    frames = list(track_with_redetection(Scripted(script), video(5), [Prompt.box(*LEFT)], redetection=RedetectionConfig(forget_after=2)))
    assert told(frames) == [(0, 1, "added"), (1, 1, "lost"), (3, 1, "removed")]
    assert [frame.object_ids for frame in frames] == [(1,), (1,), (1,), (), ()]


def test_frames_before_a_failure_are_given():
    broken = [np.zeros((*SIZE, 3), np.uint8)] * 2 + [np.zeros((9, 9, 3), np.uint8)]
    tracked = track_with_redetection(Scripted(), FakeFrames(broken), [Prompt.box(*LEFT)])
    assert [next(tracked).frame, next(tracked).frame] == [0, 1]
    with pytest.raises(InputError, match="frame 2"):
        next(tracked)


def test_nothing_to_track_is_refused():
    with pytest.raises(PromptError, match="nothing to track"):
        track_with_redetection(Scripted(), video())


def test_detecting_again_without_a_detector_is_refused():
    with pytest.raises(ConfigError, match="needs a detector"):
        track_with_redetection(Scripted(), video(), [Prompt.box(*LEFT)], redetection=RedetectionConfig(redetect_every=3))


@pytest.mark.parametrize("settings", [{"redetect_every": 0}, {"lost_below": 1.5}, {"forget_after": True}])
def test_an_impossible_setting_is_refused_with_its_value(settings):
    ((name, value),) = settings.items()
    with pytest.raises(ConfigError, match=rf"{name} .*{value}"):
        RedetectionConfig(**settings)


def test_an_event_is_plain_values():
    assert Event(3, 1, "lost", "why", "cup", 0.5).to_dict() == {
        "frame": 3, "time": 0.5, "object_id": 1, "label": "cup", "kind": "lost", "reason": "why",
    }  # fmt: skip


def test_one_frame_in_another_color_does_not_change_what_an_object_looks_like():
    images = [np.full((*SIZE, 3), 120, np.uint8) for _ in range(3)]
    for image, (x0, y0, x1, y1), color in zip(images, (LEFT, LEFT, RIGHT), (RED, BLUE, RED), strict=True):
        image[y0:y1, x0:x1] = color
    detect = finder([[area(LEFT, 0.9)], [], [area(RIGHT, 0.9)]])
    redetection = RedetectionConfig(redetect_every=1)
    frames = list(track_with_redetection(Scripted({(1, 2): NOTHING}), FakeFrames(images), detect=detect, redetection=redetection))
    assert told(frames) == [(0, 1, "added"), (2, 1, "lost"), (2, 1, "recovered")]


def test_frames_that_were_dropped_before_one_are_an_event_of_that_frame():
    class Live(FakeFrames):
        def read(self, start=0):
            for frame in super().read(start):
                yield replace(frame, time=frame.index / 10, dropped={1: 3, 3: 1}.get(frame.index, 0))

    source = Live([np.full((*SIZE, 3), 120, np.uint8)] * 4, rereadable=False)
    frames = list(track_with_redetection(Scripted(), source, [Prompt.box(*LEFT)]))
    events = [event for frame in frames for event in frame.events if event.kind == "dropped"]
    assert events == [
        Event(1, None, "dropped", "3 frames came while the tracker was busy", None, 0.1),
        Event(3, None, "dropped", "1 frame came while the tracker was busy", None, 0.3),
    ]
    assert events[0].to_dict()["object_id"] is None
    assert [frame.dropped for frame in frames] == [0, 3, 0, 1]


def test_the_events_of_a_tracker_that_asks_on_every_frame_do_not_say_so():
    frames = list(track_with_redetection(Scripted(), video(3), [Prompt.box(*LEFT)]))
    assert [frame.asked for frame in frames] == ["every frame"] * 3
    assert {event.kind for frame in frames for event in frame.events} == {"added"}
