"""Frames of a camera: in RGB, with times, and released when it is unplugged."""

import cv2
import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.video.frames import open_frames


class Camera:
    """What OpenCV's ``VideoCapture`` is, unplugged after some frames."""

    def __init__(self, frames=3):
        self.left, self.released = frames, False

    def isOpened(self):  # noqa: N802 - OpenCV's name.
        return self.left > 0

    def read(self):
        self.left -= 1
        return (True, np.full((6, 8, 3), (1, 2, 3), np.uint8)) if self.left >= 0 else (False, None)

    def get(self, _):
        return 30.0

    def release(self):
        self.released = True


def test_a_camera_that_is_unplugged_says_so_and_is_let_go(monkeypatch):
    camera = Camera()
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: camera)
    source = open_frames(0)
    assert (source.size, source.rereadable, source.fps) == ((6, 8), False, 30.0)
    frames = []
    with pytest.raises(InputError, match="camera 0 stopped after 3 frames"):
        frames.extend(source.read())
    assert camera.released


def test_its_colors_are_put_in_order_and_its_times_rise(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera())
    frames = list(open_frames(0, stop=3).read())
    assert [frame.image[0, 0].tolist() for frame in frames] == [[3, 2, 1]] * 3
    assert frames[0].time == 0
    assert frames[0].time <= frames[1].time <= frames[2].time


def test_a_camera_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera(0))
    with pytest.raises(InputError, match="camera 7 cannot be opened"):
        open_frames(7)


@pytest.mark.parametrize("number", [-1, 100, 2**31, 10**20, np.int64(-1)])
def test_a_number_that_no_camera_has_is_refused_before_opencv_sees_it(monkeypatch, number):
    monkeypatch.delattr(cv2, "VideoCapture")
    with pytest.raises(InputError, match="a camera has a number from 0 to 99"):
        open_frames(number)


def test_an_integer_of_numpy_is_the_number_of_a_camera(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera() if type(number) is int else None)
    assert open_frames(np.int64(0)).size == (6, 8)
