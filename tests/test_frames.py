"""Frames of files, folders, arrays, generators and cameras: in order, upright, of one size; a bad one does not lose those before."""

import sys

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError, MissingDependencyError
from promptseg.frames import FrameSource, open_frames
from promptseg.testing import FakeFrames


def pictures(count, size=(6, 8)):
    return [np.full((*size, 3), index, np.uint8) for index in range(count)]


def values(source, start=0):
    """The index, the time and the top left sample of each frame."""
    return [(frame.index, int(frame.image[0, 0, 0])) for frame in source.read(start)]


def read_until_it_fails(source):
    """How many frames came before the error, and the error."""
    frames = []
    with pytest.raises(InputError) as caught:
        frames.extend(source.read())
    return len(frames), str(caught.value)


class TestFile:
    def test_frames_come_in_order_with_their_times_and_number(self, write_video, tmp_path):
        source = open_frames(write_video(tmp_path / "a.mp4"))
        frames = list(source.read())
        assert isinstance(source, FrameSource)
        assert (source.size, source.count, source.fps, source.rereadable) == ((48, 64), 12, 10.0, True)
        assert [frame.index for frame in frames] == list(range(12))
        assert [frame.time for frame in frames] == pytest.approx([index / 10 for index in range(12)])
        assert all(frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8 for frame in frames)
        assert [int((frame.image[30, :, 0] > 130).sum()) for frame in frames] == [2 * index + 2 for index in range(12)]

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_reading_from_the_middle_gives_the_same_frames(self, write_video, tmp_path, name):
        source = open_frames(write_video(tmp_path / name))
        for _ in range(2):  # Once before the key frames are known, once after.
            for start in (5, 7, 0, 11, 12):
                whole, part = list(source.read()), list(source.read(start))
                assert [frame.index for frame in part] == list(range(start, 12))
                assert [frame.time for frame in part] == [frame.time for frame in whole[start:]]
                assert all(np.array_equal(one.image, other.image) for one, other in zip(part, whole[start:], strict=True))

    def test_a_later_frame_is_found_from_the_last_key_frame_that_was_met(self, write_video, tmp_path, monkeypatch):
        source = open_frames(write_video(tmp_path / "a.mp4", 20))
        list(source.read())
        counted = []
        original = source._video._counted
        monkeypatch.setattr(source._video, "_counted", lambda frames, index, start: counted.append(index) or original(frames, index, start))
        next(source.read(18))
        assert counted[0] >= 10

    def test_every_nth_frame_between_start_and_stop(self, write_video, tmp_path):
        source = open_frames(write_video(tmp_path / "a.mp4"), every=3, start=2, stop=10)
        frames = list(source.read())
        assert [round(frame.time * 10) for frame in frames] == [2, 5, 8]
        assert [frame.index for frame in frames] == [0, 1, 2]
        assert (source.count, source.fps) == (3, pytest.approx(10 / 3))
        assert [round(frame.time * 10) for frame in source.read(1)] == [5, 8]

    def test_a_variable_frame_rate_keeps_its_times(self, write_video, tmp_path):
        source = open_frames(write_video(tmp_path / "a.mp4", 5, times=[0, 40, 200, 210, 900]))
        assert [frame.time for frame in source.read()] == pytest.approx([0, 0.04, 0.2, 0.21, 0.9])

    @pytest.mark.parametrize(("rotation", "size", "corner"), [(90, (64, 48), (-5, 4)), (180, (48, 64), (-5, -5)), (-90, (64, 48), (4, -5))])
    def test_a_rotated_video_is_upright(self, write_video, tmp_path, rotation, size, corner):
        source = open_frames(write_video(tmp_path / "a.mp4", 1, rotation=rotation))
        (frame,) = source.read()
        assert source.size == frame.image.shape[:2] == size
        red, green, _ = frame.image[corner].tolist()
        assert red > 200
        assert green < 40

    @pytest.mark.parametrize(("codec", "pixels"), [("libx264", "yuv420p10le"), ("libx265", "yuv420p10le")])
    def test_ten_bit_samples_become_eight(self, write_video, tmp_path, codec, pixels):
        av = pytest.importorskip("av")
        if codec not in av.codecs_available:
            pytest.skip(f"this build of av has no {codec}")
        (frame,) = open_frames(write_video(tmp_path / "a.mkv", 1, codec=codec, pixels=pixels)).read()
        assert frame.image.dtype == np.uint8
        assert np.allclose(frame.image[30, 40], 40, atol=4)

    def test_odd_sizes_stay_odd(self, write_video, tmp_path):
        source = open_frames(write_video(tmp_path / "a.mkv", 2, size=(47, 63), pixels="yuv444p"))
        assert source.size == (47, 63)
        assert all(frame.image.shape == (47, 63, 3) for frame in source.read())

    def test_a_video_of_one_frame(self, write_video, tmp_path):
        assert len(list(open_frames(write_video(tmp_path / "a.mp4", 1)).read())) == 1

    def test_the_bytes_of_a_file_are_a_video(self, write_video, tmp_path):
        assert len(list(open_frames(write_video(tmp_path / "a.mp4", 4).read_bytes()).read())) == 4

    @pytest.mark.parametrize(("content", "words"), [(b"", "empty, truncated or no video"), (b"hello", "empty, truncated or no video")])
    def test_a_file_that_is_no_video_is_refused_by_name(self, write_video, tmp_path, content, words):
        (tmp_path / "a.mp4").write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.mp4 is {words}"):
            open_frames(tmp_path / "a.mp4")

    def test_a_file_that_is_not_there_is_refused_by_name(self, write_video, tmp_path):
        with pytest.raises(InputError, match=r"there is no video .*none\.mp4"):
            open_frames(tmp_path / "none.mp4")

    @pytest.mark.parametrize(("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("a.mkv", {})])
    def test_a_truncated_file_gives_its_frames_and_then_says_that_it_is(self, write_video, tmp_path, name, options):
        path = write_video(tmp_path / name, 40, options=options)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.75)])
        count, message = read_until_it_fails(open_frames(path))
        assert 0 < count < 40
        assert f"truncated after {count} decoded frames" in message

    def test_a_file_of_sound_alone_is_refused(self, write_video, tmp_path):
        av = pytest.importorskip("av")
        with av.open(str(tmp_path / "a.wav"), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
            sound.sample_rate = 8000
            container.mux(stream.encode(sound))
        with pytest.raises(InputError, match="has no video: only audio"):
            open_frames(tmp_path / "a.wav")

    def test_without_av_the_extra_is_named(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(MissingDependencyError, match=r"promptseg\[video\]"):
            open_frames(tmp_path / "a.mp4")


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

    @pytest.mark.parametrize("source", [pictures(3), np.stack(pictures(3)), tuple(Image.fromarray(image) for image in pictures(3))])
    def test_a_sequence_can_be_read_again_from_anywhere(self, source):
        frames = open_frames(source)
        assert values(frames) == values(frames) == [(0, 0), (1, 1), (2, 2)]
        assert values(frames, 1) == [(1, 1), (2, 2)]
        assert frames.rereadable

    def test_a_frame_of_another_size_ends_the_stream_with_both_sizes(self):
        count, message = read_until_it_fails(open_frames([*pictures(2), np.zeros((6, 9, 3), np.uint8)]))
        assert count == 2
        assert "frame 2 of the sequence of 3 images is 9 wide and 6 high, the first is 8 wide and 6 high" in message

    def test_one_image_is_not_taken_for_a_video(self):
        with pytest.raises(InputError, match=r"write \[image\]"):
            open_frames(pictures(1)[0])

    def test_an_empty_sequence_is_refused(self):
        with pytest.raises(InputError, match="has no frame"):
            open_frames([])


class TestOnce:
    def test_a_generator_is_read_once_and_in_order(self):
        source = open_frames(image for image in pictures(4))
        assert not source.rereadable
        assert source.count is None
        stream = source.read()
        assert [next(stream).index for _ in range(2)] == [0, 1]
        assert values(source, 3) == [(3, 3)]
        with pytest.raises(InputError, match="is read once: frame 0 has gone by, the next is 4"):
            source.read()

    def test_only_as_many_are_taken_as_were_asked_for(self):
        taken = []
        source = open_frames((taken.append(index) or image for index, image in enumerate(pictures(9))), every=2, stop=5)
        assert values(source) == [(0, 0), (1, 2), (2, 4)]
        assert taken == [0, 1, 2, 3, 4]

    def test_an_empty_generator_is_refused(self):
        with pytest.raises(InputError, match="has no frame"):
            open_frames(iter(()))

    def test_a_source_of_frames_stays_what_it_is_and_can_be_thinned(self):
        frames = FakeFrames(pictures(6), rereadable=False)
        assert open_frames(frames) is frames
        assert values(open_frames(FakeFrames(pictures(6)), every=2, start=1)) == [(0, 1), (1, 3), (2, 5)]


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


class TestCamera:
    def test_a_camera_that_is_unplugged_says_so_and_is_let_go(self, monkeypatch):
        import cv2

        camera = Camera()
        monkeypatch.setattr(cv2, "VideoCapture", lambda number: camera)
        source = open_frames(0)
        assert (source.size, source.rereadable, source.fps) == ((6, 8), False, 30.0)
        frames = []
        with pytest.raises(InputError, match="camera 0 gave no frame any more after 3: was it unplugged"):
            frames.extend(source.read())
        assert camera.released

    def test_its_colours_are_put_in_order_and_its_times_rise(self, monkeypatch):
        import cv2

        monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera())
        frames = list(open_frames(0, stop=3).read())
        assert [frame.image[0, 0].tolist() for frame in frames] == [[3, 2, 1]] * 3
        assert frames[0].time == 0
        assert frames[0].time <= frames[1].time <= frames[2].time

    def test_a_camera_that_is_not_there_is_refused(self, monkeypatch):
        import cv2

        monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera(0))
        with pytest.raises(InputError, match="camera 7 cannot be opened"):
            open_frames(7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 0}, "every is a whole number of at least 1, got 0"),
        ({"start": -1}, "start is a whole number of at least 0, got -1"),
        ({"start": 3, "stop": 3}, "stop is a whole number of at least 4, got 3"),
        ({"every": True}, "every is a whole number of at least 1, got True"),
        ({"start": 9}, "has no frame at 9 or after it"),
    ],
)
def test_a_choice_of_frames_out_of_range_is_refused_with_its_value(arguments, words):
    with pytest.raises(InputError, match=words):
        open_frames(pictures(3), **arguments)


@pytest.mark.parametrize("source", [None, True, 1.5, object()])
def test_what_is_no_video_is_refused(source):
    with pytest.raises(InputError, match="a video is a path"):
        open_frames(source)
