"""Frames of a video for the page: the right one whatever the order of asking, read ahead, and kept in bounded memory."""

import io

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.server.errors import NotFoundError
from promptseg.studio_server.video.frames import BEHIND, DisplayFrames, encoded

pytest.importorskip("av")
COUNT = 30


@pytest.fixture
def frames(write_video, tmp_path):
    """The frames of a video whose frame i has a light bar of width 2 i + 2."""
    shown = DisplayFrames(write_video(tmp_path / "clip.mp4", COUNT))
    yield shown
    shown.close()


def bar(content):
    """The width of the light bar of a frame as JPEG."""
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    return int((pixels[pixels.shape[0] * 5 // 8, :, 0] > 130).sum())


def test_what_is_known_without_decoding(frames):
    assert (frames.size, frames.count, frames.fps) == ((48, 64), COUNT, 10.0)


@pytest.mark.parametrize("order", [range(COUNT), range(COUNT - 1, -1, -1), [17, 3, 29, 0, 16, 18, 2]])
def test_a_frame_is_the_right_one_in_any_order(frames, order):
    for index in order:
        assert abs(bar(frames.jpeg(index, 64).result(60)) - (2 * index + 2)) <= 1
        assert frames.pixels(index).result(60).index == index


def test_requests_that_wait_are_all_answered(frames):
    futures = {index: frames.jpeg(index, 64) for index in (20, 5, 21, 6, 22)}
    assert all(abs(bar(future.result(60)) - (2 * index + 2)) <= 1 for index, future in futures.items())


def test_a_frame_is_as_wide_as_asked_but_never_enlarged(frames):
    assert [Image.open(io.BytesIO(frames.jpeg(1, width).result(60))).size for width in (32, 64, 500)] == [(32, 24), (64, 48), (64, 48)]


def test_frames_are_encoded_ahead_and_memory_is_bounded(write_video, tmp_path):
    path = write_video(tmp_path / "clip.mp4", COUNT)
    one = len(encoded(np.zeros((48, 64, 3), np.uint8), 64))
    shown = DisplayFrames(path, cache_bytes=12 * one, ahead=8)
    try:
        for index in range(COUNT):
            shown.jpeg(index, 64).result(60)
            assert shown.nbytes <= 12 * one
    finally:
        shown.close()


def test_the_frames_after_the_one_that_was_asked_for_are_there_soon(frames):
    frames.jpeg(3, 64).result(60)
    frames.pixels(3).result(60)
    for index in range(4, 12):
        frames.jpeg(index, 64).result(60)
    assert frames.jpeg(12, 64).result(60)


def test_there_is_no_frame_after_the_last(frames):
    with pytest.raises(NotFoundError, match=f"no frame {COUNT}"):
        frames.jpeg(COUNT, 64).result(60)
    assert frames.jpeg(0, 64).result(60)


def test_a_folder_of_images_is_a_video(tmp_path):
    for index in range(3):
        Image.fromarray(np.full((20, 30, 3), 100 * index, np.uint8)).save(tmp_path / f"{index}.png")
    shown = DisplayFrames(tmp_path)
    try:
        assert (shown.count, shown.size) == (3, (20, 30))
        assert shown.pixels(2).result(60).image[0, 0, 0] == 200
    finally:
        shown.close()


def test_a_closed_video_answers_with_an_error(frames):
    frames.close()
    with pytest.raises(NotFoundError, match="closed"):
        frames.jpeg(1, 64).result(60)


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"clip\.mp4"):
        DisplayFrames(tmp_path / "clip.mp4")


def test_going_back_decodes_a_few_frames_together(frames, monkeypatch):
    frames.jpeg(25, 64).result(60)
    sought = []
    original = frames._seek
    monkeypatch.setattr(frames, "_seek", lambda index: sought.append(index) or original(index))
    for index in range(24, 10, -1):
        frames.jpeg(index, 64).result(60)
    assert len(sought) <= 1 + 14 // BEHIND
