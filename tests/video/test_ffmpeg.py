"""Frames of video files: in order, upright and of one size. A truncated file does not lose the frames before the damage."""

import sys
from pathlib import Path

import numpy as np
import pytest

from promptseg.errors import InputError, MissingDependencyError
from promptseg.protocols import FrameSource
from promptseg.video import ffmpeg
from promptseg.video.frames import open_frames

DATA = Path(__file__).parent / "data"


def read_until_it_fails(source):
    """How many frames came before the error, and the error."""
    frames = []
    with pytest.raises(InputError) as caught:
        frames.extend(source.read())
    return len(frames), str(caught.value)


def test_frames_come_in_order_with_their_times_and_number(write_video, tmp_path):
    source = open_frames(write_video(tmp_path / "a.mp4"))
    frames = list(source.read())
    assert isinstance(source, FrameSource)
    assert (source.size, source.count, source.fps, source.rereadable) == ((48, 64), 12, 10.0, True)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([index / 10 for index in range(12)])
    assert all(frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8 for frame in frames)
    assert [int((frame.image[30, :, 0] > 130).sum()) for frame in frames] == [2 * index + 2 for index in range(12)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_reading_from_the_middle_gives_the_same_frames(write_video, tmp_path, name):
    source = open_frames(write_video(tmp_path / name))
    for _ in range(2):  # Once before the key frames are known, once after.
        for start in (5, 7, 0, 11, 12):
            whole, part = list(source.read()), list(source.read(start))
            assert [frame.index for frame in part] == list(range(start, 12))
            assert [frame.time for frame in part] == [frame.time for frame in whole[start:]]
            assert all(np.array_equal(one.image, other.image) for one, other in zip(part, whole[start:], strict=True))


def test_a_later_frame_is_found_from_the_last_key_frame_that_was_met(write_video, tmp_path, monkeypatch):
    source = open_frames(write_video(tmp_path / "a.mp4", 20))
    list(source.read())
    counted = []
    original = source._video._counted
    monkeypatch.setattr(source._video, "_counted", lambda frames, index, start: counted.append(index) or original(frames, index, start))
    next(source.read(18))
    assert counted[0] >= 10


def test_every_nth_frame_between_start_and_stop(write_video, tmp_path):
    source = open_frames(write_video(tmp_path / "a.mp4"), every=3, start=2, stop=10)
    frames = list(source.read())
    assert [round(frame.time * 10) for frame in frames] == [2, 5, 8]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert (source.count, source.fps) == (3, pytest.approx(10 / 3))
    assert [round(frame.time * 10) for frame in source.read(1)] == [5, 8]


def test_a_variable_frame_rate_keeps_its_times(write_video, tmp_path):
    source = open_frames(write_video(tmp_path / "a.mp4", 5, times=[0, 40, 200, 210, 900]))
    assert [frame.time for frame in source.read()] == pytest.approx([0, 0.04, 0.2, 0.21, 0.9])


def test_times_begin_at_0_where_those_of_the_file_do_not(write_video, tmp_path):
    source = open_frames(write_video(tmp_path / "a.mkv", 3, times=[500, 600, 900]))
    assert [frame.time for frame in source.read()] == pytest.approx([0, 0.1, 0.4])


@pytest.mark.parametrize(("rotation", "size", "corner"), [(90, (64, 48), (-5, 4)), (180, (48, 64), (-5, -5)), (-90, (64, 48), (4, -5))])
def test_a_rotated_video_is_upright(write_video, tmp_path, rotation, size, corner):
    source = open_frames(write_video(tmp_path / "a.mp4", 1, rotation=rotation))
    (frame,) = source.read()
    assert source.size == frame.image.shape[:2] == size
    red, green, _ = frame.image[corner].tolist()
    assert red > 200
    assert green < 40


@pytest.mark.parametrize("name", ["ten_bit_h264.mkv", "ten_bit_h265.mkv"])
def test_ten_bit_samples_become_eight(name):
    pytest.importorskip("av", reason="video files need package av")
    (frame,) = open_frames(DATA / name).read()
    assert frame.image.shape == (48, 64, 3)
    assert frame.image.dtype == np.uint8
    assert np.allclose(frame.image[30, 40], 40, atol=4)
    assert np.allclose(frame.image[30, 0], 220, atol=8)


def test_odd_sizes_stay_odd(write_video, tmp_path):
    source = open_frames(write_video(tmp_path / "a.mp4", 2, size=(47, 63), pixels="yuv444p"))
    assert source.size == (47, 63)
    assert all(frame.image.shape == (47, 63, 3) for frame in source.read())


def test_a_video_of_one_frame(write_video, tmp_path):
    assert len(list(open_frames(write_video(tmp_path / "a.mp4", 1)).read())) == 1


def test_the_bytes_of_a_file_are_a_video(write_video, tmp_path):
    assert len(list(open_frames(write_video(tmp_path / "a.mp4", 4).read_bytes()).read())) == 4


@pytest.mark.parametrize(("content", "words"), [(b"", "empty, truncated or no video"), (b"hello", "empty, truncated or no video")])
def test_a_file_that_is_no_video_is_refused_by_name(write_video, tmp_path, content, words):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.mp4 is {words}"):
        open_frames(tmp_path / "a.mp4")


def test_a_file_that_is_not_there_is_refused_by_name(write_video, tmp_path):
    with pytest.raises(InputError, match=r"there is no video .*none\.mp4"):
        open_frames(tmp_path / "none.mp4")


def test_an_address_at_which_nothing_answers_is_told_from_a_damaged_file():
    pytest.importorskip("av")
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9/a\.mp4 cannot be reached, or is not a video that FFmpeg can read"):
        open_frames("http://127.0.0.1:9/a.mp4")


@pytest.mark.parametrize(("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("a.mkv", {})])
def test_a_truncated_file_gives_its_frames_and_then_says_that_it_is(write_video, tmp_path, name, options):
    path = write_video(tmp_path / name, 40, options=options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.75)])
    count, message = read_until_it_fails(open_frames(path))
    assert 0 < count < 40
    assert f"truncated after {count} decoded frames" in message


def test_a_file_of_sound_alone_is_refused(write_video, tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(InputError, match="has no video stream, only audio"):
        open_frames(tmp_path / "a.wav")


def test_without_av_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MissingDependencyError, match=r"\[video\]"):
        open_frames(tmp_path / "a.mp4")


def test_frames_larger_than_the_limit_are_refused_before_they_are_made(write_video, tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    monkeypatch.setattr(ffmpeg, "MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(InputError, match=r"a\.mp4 has frames of 64 x 48 pixels, more than 3071"):
        open_frames(path)


def test_a_playlist_opens_no_other_address(tmp_path):
    pytest.importorskip("av", reason="reading videos needs av")
    (tmp_path / "a.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match=r"a\.mp4"):
        open_frames(tmp_path / "a.mp4")


def test_a_file_whose_name_looks_like_an_address_is_a_file(write_video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "concat:a|b.mp4")
    assert open_frames("concat:a|b.mp4").count == 12
