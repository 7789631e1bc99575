"""Written videos have the right frames, times and sizes, and an error leaves no partial file."""

import sys

import numpy as np
import pytest

from promptseg.errors import InputError, MissingDependencyError, OutputError
from promptseg.video.frames import open_frames
from promptseg.video.writer import VideoWriter

SIZE = (48, 64)


def image(value, size=SIZE):
    return np.full((*size, 3), value, np.uint8)


@pytest.fixture(autouse=True)
def av():
    return pytest.importorskip("av", reason="video files need package av")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frames_are_read_back_at_their_rate(tmp_path, name):
    with VideoWriter(tmp_path / name, SIZE, fps=12.5) as writer:
        for value in (10, 120, 230):
            writer.write(image(value))
    frames = list(open_frames(tmp_path / name).read())
    assert [frame.time for frame in frames] == pytest.approx([0, 0.08, 0.16], abs=0.001)
    assert [int(frame.image.mean()) for frame in frames] == pytest.approx([10, 120, 230], abs=3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_frames_keep_a_variable_rate(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", SIZE) as writer:
        for time in (0.0, 0.04, 0.5, 0.51):
            writer.write(image(9), time)
    assert [frame.time for frame in open_frames(tmp_path / "a.mp4").read()] == pytest.approx([0, 0.04, 0.5, 0.51], abs=0.001)


def test_frames_of_one_time_follow_one_another_by_the_smallest_step(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", (16, 32)) as video:
        for time in (0.0, 1.0, 1.0, 0.5):
            video.write(np.zeros((16, 32, 3), np.uint8), time)
    times = [frame.time for frame in open_frames(tmp_path / "a.mp4").read()]
    assert times == pytest.approx([0, 1, 1 + 1 / 60_000, 1 + 2 / 60_000], abs=1e-6)


def test_odd_sides_are_made_even(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", (47, 63)) as writer:
        writer.write(image(77, (47, 63)))
    assert open_frames(tmp_path / "a.mp4").size == (48, 64)


def test_without_h264_it_is_mpeg4(tmp_path, monkeypatch, av):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with VideoWriter(tmp_path / "a.mp4", SIZE) as writer:
        writer.write(image(1))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_an_error_leaves_the_old_file(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(InputError), VideoWriter(tmp_path / "a.mp4", SIZE) as writer:
        writer.write(image(1)[:, ::2])
    assert (tmp_path / "a.mp4").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_frame_of_another_size_or_type_is_refused(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", SIZE) as writer:
        for wrong in (image(1, (48, 62)), image(1).astype(np.float32)):
            with pytest.raises(InputError, match=r"expected frames of shape \(48, 64, 3\) and dtype uint8"):
                writer.write(wrong)
        writer.write(image(1))


@pytest.mark.parametrize("name", ["none/a.mp4", "a.nothing"])
def test_a_file_that_cannot_be_written_is_told(tmp_path, name):
    with pytest.raises(OutputError, match="cannot write video"):
        VideoWriter(tmp_path / name, SIZE)


def test_a_frame_rate_of_0_is_refused(tmp_path):
    with pytest.raises(InputError, match="fps is a finite number above 0, got 0"):
        VideoWriter(tmp_path / "a.mp4", SIZE, fps=0)


def test_without_av_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"\[video\]"):
        VideoWriter(tmp_path / "a.mp4", SIZE)
