"""Frames of live sources when the caller is slow: the newest is given, and how many were dropped is told."""

import gc
import queue
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.protocols import Frame
from promptseg.testing import FakeFrames
from promptseg.video._reader import Reader
from promptseg.video.frames import open_frames
from promptseg.video.late import LateReader

PATIENCE = 30
"""Seconds after which a test gives up waiting for a thread."""


def image(value):
    return np.full((6, 8, 3), value, np.uint8)


class Live:
    """Live source whose frames come when the test says so; a `FrameSource`.

    Attributes:
        released: Set when the source is closed.
    """

    size, rereadable, count, fps = (6, 8), False, None, 30.0

    def __init__(self):
        self.released = threading.Event()
        self._came = queue.Queue()

    def come(self, *values):
        """Let frames come; None is the end, and an error is raised."""
        for value in values:
            self._came.put(value)

    def wait(self):
        """Wait until all frames that came were read."""
        with self._came.all_tasks_done:
            assert self._came.all_tasks_done.wait_for(lambda: not self._came.unfinished_tasks, PATIENCE)

    def read(self, start=0):
        try:
            while (value := self._came.get(timeout=PATIENCE)) is not None:
                if isinstance(value, Exception):
                    raise value
                yield Frame(start, image(value), value / 10)
                self._came.task_done()
                start += 1
        finally:
            self.released.set()


def given(frame):
    """Return the index, the value, the time and the number of dropped frames of a frame."""
    return frame.index, int(frame.image[0, 0, 0]), frame.time, frame.dropped


@pytest.fixture
def live():
    return Live()


def test_of_the_frames_that_came_while_the_caller_was_busy_the_newest_is_given(live):
    live.come(0)
    frames = open_frames(live, drop="late").read()
    assert given(next(frames)) == (0, 0, 0.0, 0)
    live.come(1)
    assert given(next(frames)) == (1, 1, 0.1, 0)
    live.come(2, 3, 4)
    live.wait()
    assert given(next(frames)) == (2, 4, 0.4, 2)
    live.come(5)
    assert given(next(frames)) == (3, 5, 0.5, 0)
    live.come(None)
    assert next(frames, None) is None
    assert live.released.wait(PATIENCE)


def test_the_last_frame_is_given_though_the_source_has_ended(live):
    live.come(0)
    frames = open_frames(live, drop="late").read()
    next(frames)
    live.come(1)
    next(frames)
    live.come(2, 3, None)
    assert live.released.wait(PATIENCE)
    assert given(next(frames)) == (2, 3, 0.3, 1)
    assert next(frames, None) is None


def test_without_drop_every_frame_is_given(live):
    live.come(0, 1, 2, None)
    assert [given(frame)[1:] for frame in open_frames(live).read()] == [(0, 0.0, 0), (1, 0.1, 0), (2, 0.2, 0)]


def test_a_source_that_fails_says_so_after_the_frames_before(live):
    live.come(0)
    frames = open_frames(live, drop="late").read()
    next(frames)
    live.come(1)
    next(frames)
    live.come(2, InputError("camera 0 stopped after 3 frames"))
    assert live.released.wait(PATIENCE)
    assert given(next(frames))[1] == 2
    with pytest.raises(InputError, match="camera 0 stopped after 3 frames"):
        next(frames)


def test_of_every_nth_frame_those_that_were_dropped_in_between_are_counted_too():
    class Dropping(FakeFrames):
        def read(self, start=0):
            for frame in super().read(start):
                yield replace(frame, dropped=(0, 3, 1, 2, 5)[frame.index])

    source = Dropping([image(value) for value in range(5)], rereadable=False)
    assert [(int(frame.image[0, 0, 0]), frame.dropped) for frame in open_frames(source, every=2).read()] == [(0, 0), (2, 4), (4, 7)]


def test_a_source_that_nobody_reads_any_more_is_released(live):
    live.come(0)
    source = open_frames(live, drop="late")
    frames = source.read()
    next(frames)
    live.come(1)
    next(frames)
    assert not live.released.is_set()
    del frames, source
    gc.collect()
    live.come(2)
    assert live.released.wait(PATIENCE)


def test_the_camera_is_read_on_while_the_tracker_is_busy(monkeypatch):
    read = threading.Event()

    class Camera:
        left = 5

        def isOpened(self):  # noqa: N802 - OpenCV's name.
            return True

        def read(self):
            self.left -= 1
            return self.left >= 0, np.full((6, 8, 3), max(self.left, 0), np.uint8)

        def get(self, _):
            return 30.0

        def release(self):
            read.set()

    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera())
    frames = open_frames(0, drop="late").read()
    assert next(frames).image[0, 0, 0] == 4
    taken = [next(frames)]
    assert read.wait(PATIENCE)
    with pytest.raises(InputError, match="camera 0 stopped after 5 frames"):
        taken.extend(frames)
    assert sum(frame.dropped + 1 for frame in taken) == 4
    assert taken[-1].image[0, 0, 0] == 0


class Played(Reader):
    """File of four frames, a second apart."""

    name, fps = "clip.mp4", 1.0

    def read(self, start):
        yield from ((float(index), lambda index=index: image(index)) for index in range(start, 4))


def test_a_file_is_played_at_the_pace_of_its_times():
    now, waits = [100.0], []

    def wait(_, seconds):
        waits.append(seconds)
        now[0] += seconds

    reader = LateReader(Played(), clock=lambda: now[0], wait=wait)
    taken = [time for time, _ in reader.read(0)]
    assert waits == [1.0, 1.0, 1.0]
    assert (taken[0], taken[-1]) == (0.0, 3.0)
    assert not reader.rereadable


@pytest.mark.parametrize(
    "source", [[image(0)] * 3, np.zeros((3, 6, 8, 3), np.uint8), FakeFrames([image(0)] * 3)], ids=["list", "array", "source"]
)
def test_frames_that_have_no_times_are_not_dropped_but_the_wish_is_refused(source):
    with pytest.raises(InputError, match=r"no frame of .* can be late, because its frames have no times: drop='late' is for"):
        open_frames(source, drop="late")


@pytest.mark.parametrize("drop", ["early", "", True, 0, ["late"]])
def test_a_drop_of_another_kind_is_refused_with_its_value(drop):
    with pytest.raises(InputError, match="drop is 'late' or None, got"):
        open_frames([image(0)], drop=drop)


def test_a_stream_without_frames_is_refused():
    with pytest.raises(InputError, match="no frame"):
        open_frames(iter([]), drop="late")
