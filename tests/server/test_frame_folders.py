"""Videos that clients send frame by frame: bounded, checked, and removed."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg import open_frames
from promptseg.errors import InputError, OutputError

pytest.importorskip("fastapi")

from promptseg.server.errors import BusyError, NotFoundError, RefusedError, TooLargeError
from promptseg.server.frame_folders import FrameFolders


def frame(gray, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 10, 3), gray, np.uint8)).save(file, kind)
    return file.getvalue()


def folders(tmp_path, max_bytes=10_000, max_pixels=80, idle=100.0):
    return FrameFolders(tmp_path, max_bytes, max_pixels, idle)


def test_frames_are_a_video_in_the_order_of_their_names(tmp_path):
    store = folders(tmp_path)
    frames = store.create()
    for name, gray, kind in (("10", 100, "PNG"), ("2", 20, "BMP"), ("1", 10, "PNG")):
        store.add(frames, frame(gray, kind), name)
    assert [int(each.image[0, 0, 0]) for each in open_frames(str(frames.path)).read()] == [10, 20, 100]


def test_a_frame_that_the_disk_has_no_room_for_can_be_sent_again(tmp_path, monkeypatch):
    store = folders(tmp_path)
    frames = store.create()

    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match=r"^the frame cannot be kept: No space left on device$"):
            store.add(frames, frame(1), "1")
    assert (store.nbytes, list(frames.path.iterdir())) == (0, [])
    store.add(frames, frame(1), "1")


@pytest.mark.parametrize("name", ["../a", "a/b", "..", ".a", "", "a\0", "é", "a" * 101])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    store = folders(tmp_path)
    with pytest.raises(RefusedError, match="name of a frame"):
        store.add(store.create(), frame(1), name)


def test_a_frame_is_an_image_of_a_bounded_size_under_a_new_name(tmp_path):
    store = folders(tmp_path, max_pixels=79)
    frames = store.create()
    with pytest.raises(InputError):
        store.add(frames, b"no image", "1")
    with pytest.raises(TooLargeError, match="pixels"):
        store.add(frames, frame(1), "1")
    store = folders(tmp_path)
    frames = store.create()
    store.add(frames, frame(1), "1")
    with pytest.raises(RefusedError, match="already"):
        store.add(frames, frame(1), "1")


def test_all_frames_together_are_bounded_until_a_folder_is_removed(tmp_path):
    content = frame(1)
    store = folders(tmp_path, max_bytes=2 * len(content))
    first, second = store.create(), store.create()
    store.add(first, content, "1")
    store.add(second, content, "1")
    with pytest.raises(TooLargeError, match="close a video"):
        store.add(second, content, "2")
    store.remove(first)
    store.add(second, content, "2")
    assert store.nbytes == 2 * len(content)


def test_frames_that_nobody_makes_a_video_of_are_removed(tmp_path):
    store = folders(tmp_path, idle=-1.0)
    left, taken = store.create(), store.create()
    taken.taken = True
    store.sweep()
    assert not left.path.exists()
    assert taken.path.exists()


def test_a_client_calls_a_folder_by_its_name_until_it_is_a_video(tmp_path):
    store = folders(tmp_path)
    frames = store.create("mine")
    assert store.create("mine") is frames
    assert store.get("mine") is frames
    frames.taken = True
    with pytest.raises(NotFoundError, match="send them again"):
        store.get("mine")
    assert store.create("mine") is not frames


def test_only_so_many_videos_are_sent_at_a_time(tmp_path):
    store = folders(tmp_path)
    for _ in range(64):
        store.create()
    with pytest.raises(BusyError):
        store.create()
