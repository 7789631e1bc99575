"""Frames of folders, arrays and generators, in order and of one size; an error does not lose the frames before it."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.testing import FakeFrames
from promptseg.video.frames import open_frames


def images(count, size=(6, 8)):
    return [np.full((*size, 3), index, np.uint8) for index in range(count)]


def values(source, start=0):
    """Return the index and the top left value of each frame."""
    return [(frame.index, int(frame.image[0, 0, 0])) for frame in source.read(start)]


def read_until_it_fails(source):
    """Return the number of frames before the error, and its message."""
    frames = []
    with pytest.raises(InputError) as caught:
        frames.extend(source.read())
    return len(frames), str(caught.value)


class TestImages:
    def test_a_folder_is_read_in_natural_order_whatever_its_names(self, tmp_path):
        for value, name in enumerate(["shot 2.png", "shot 10.png", "shot 10b.png", "Shot 11.PNG"]):
            Image.fromarray(np.full((6, 8, 3), value, np.uint8)).save(tmp_path / name)
        (tmp_path / "notes.txt").write_text("no frame")
        (tmp_path / ".hidden.png").write_bytes(b"no frame")
        source = open_frames(tmp_path)
        assert values(source) == [(0, 0), (1, 1), (2, 2), (3, 3)]
        assert values(source, 2) == [(2, 2), (3, 3)]
        assert (source.count, source.rereadable, source.fps) == (4, True, None)

    def test_the_images_that_a_pattern_matches_are_read_in_natural_order(self, tmp_path):
        for value, name in enumerate(["shot 2.png", "shot 10.png", "other.png"]):
            Image.fromarray(np.full((6, 8, 3), value, np.uint8)).save(tmp_path / name)
        assert values(open_frames(tmp_path / "shot *.png")) == [(0, 0), (1, 1)]
        with pytest.raises(InputError, match="no image matches"):
            open_frames(tmp_path / "*.jpg")

    def test_a_folder_without_images_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="has no images"):
            open_frames(tmp_path)

    def test_a_damaged_image_is_told_with_its_number_when_it_is_reached(self, tmp_path):
        for index in range(3):
            Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / f"{index}.png")
        (tmp_path / "2.png").write_bytes(b"broken")
        count, message = read_until_it_fails(open_frames(tmp_path))
        assert count == 2
        assert "frame 2 of" in message

    @pytest.mark.parametrize("source", [images(3), np.stack(images(3)), tuple(Image.fromarray(image) for image in images(3))])
    def test_a_sequence_can_be_read_again_from_anywhere(self, source):
        frames = open_frames(source)
        assert values(frames) == values(frames) == [(0, 0), (1, 1), (2, 2)]
        assert values(frames, 1) == [(1, 1), (2, 2)]
        assert frames.rereadable

    def test_a_frame_of_another_size_ends_the_stream_with_both_sizes(self):
        count, message = read_until_it_fails(open_frames([*images(2), np.zeros((6, 9, 3), np.uint8)]))
        assert count == 2
        assert "frame 2 of the sequence of 3 images is 9 wide and 6 high, the first is 8 wide and 6 high" in message

    def test_one_image_is_not_taken_for_a_video(self):
        with pytest.raises(InputError, match=r"write \[image\]"):
            open_frames(images(1)[0])

    def test_an_empty_sequence_is_refused(self):
        with pytest.raises(InputError, match="has no frame"):
            open_frames([])


class TestOnce:
    def test_a_generator_is_read_once_and_in_order(self):
        source = open_frames(image for image in images(4))
        assert not source.rereadable
        assert source.count is None
        stream = source.read()
        assert [next(stream).index for _ in range(2)] == [0, 1]
        assert values(source, 3) == [(3, 3)]
        with pytest.raises(InputError, match="can be read once only: frame 0 has gone by, the next is 4"):
            source.read()

    def test_only_as_many_are_taken_as_were_asked_for(self):
        taken = []
        source = open_frames((taken.append(index) or image for index, image in enumerate(images(9))), every=2, stop=5)
        assert values(source) == [(0, 0), (1, 2), (2, 4)]
        assert taken == [0, 1, 2, 3, 4]

    def test_an_empty_generator_is_refused(self):
        with pytest.raises(InputError, match="has no frame"):
            open_frames(iter(()))

    def test_a_frame_source_is_returned_unchanged_and_frames_can_be_selected(self):
        frames = FakeFrames(images(6), rereadable=False)
        assert open_frames(frames) is frames
        assert values(open_frames(FakeFrames(images(6)), every=2, start=1)) == [(0, 1), (1, 3), (2, 5)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 0}, "every is a whole number of at least 1, got 0"),
        ({"start": -1}, "start is a whole number of at least 0, got -1"),
        ({"start": 3, "stop": 3}, "stop is a whole number of at least 4, got 3"),
        ({"every": True}, "every is a whole number of at least 1, got True"),
        ({"start": 9}, "has no frame at 9 or after it"),
        ({"start": 10**30}, "has no frame at 10+ or after it"),
        ({"start": "2"}, "start is a whole number of at least 0, got '2'"),
        ({"start": None}, "start is a whole number of at least 0, got None"),
    ],
)
def test_a_choice_of_frames_out_of_range_is_refused_with_its_value(arguments, words):
    with pytest.raises(InputError, match=words):
        open_frames(images(3), **arguments)


@pytest.mark.parametrize("source", [None, True, 1.5, object(), "", {"a": 1}, io.BytesIO(b"1"), np.float32(1)])
def test_what_is_no_video_is_refused(source):
    with pytest.raises(InputError, match="a video is a path"):
        open_frames(source)


@pytest.mark.parametrize("source", ["absent.mp4", "absent.png", "no/such/folder", "x" * 5000, "a\0.mp4"], ids=lambda text: text[:9])
def test_a_path_to_nothing_is_refused_in_a_short_message(source):
    with pytest.raises(InputError, match="video") as caught:
        open_frames(source)
    assert len(str(caught.value)) < 400


def test_a_path_in_bytes_is_told_from_a_video(tmp_path):
    class Path:
        def __fspath__(self):
            return b"a.mp4"

    with pytest.raises(InputError, match="a video is a path"):
        open_frames(Path())


def test_a_name_that_is_almost_that_of_a_video_is_told(tmp_path):
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(InputError, match=r"there is no video .*klip\.mp4\. Did you mean '.*clip\.mp4'"):
        open_frames(tmp_path / "klip.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png", "a.tif"])
@pytest.mark.parametrize("content", [b"", b"no video", b"\x89PNG\r\n\x1a\n"], ids=["empty", "text", "png"])
def test_a_file_of_something_else_is_refused_by_its_name(tmp_path, name, content):
    pytest.importorskip("av", reason="videos need av")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        open_frames(tmp_path / name)


def test_importing_the_protocols_loads_neither_opencv_nor_ffmpeg():
    code = "import sys, promptseg.protocols, promptseg.video.frames\nprint(*{'av', 'cv2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
