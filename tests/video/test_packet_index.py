"""The list of a file's packets: as many frames and key frames as decoding finds, or none where the packets do not tell."""

import pytest

from promptseg.errors import InputError
from promptseg.video import ffmpeg
from promptseg.video.ffmpeg import FileReader
from promptseg.video.frames import counted, open_frames


def keys_of(reader):
    """The key frames that decoding all of it finds."""
    for _ in reader.read(0):
        pass
    return reader.count, reader._keys


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.mp4", "mpeg4"), ("a.avi", "mpeg4")])
def test_the_packets_tell_what_decoding_finds(write_video, tmp_path, name, codec):
    path = write_video(tmp_path / name, 23, codec=codec, key_every=7)
    listed = FileReader(path)
    assert listed.counted() == 23
    assert (listed.count, listed._keys) == keys_of(FileReader(path))


def test_a_far_frame_is_sought_by_the_list_and_is_the_right_one(write_video, tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg, "FAR", 8)
    source = open_frames(write_video(tmp_path / "a.mp4", 30))
    decoded = []
    original = source._video._counted
    monkeypatch.setattr(source._video, "_counted", lambda frames, index, start: decoded.append(index) or original(frames, index, start))
    frame = next(source.read(28))
    assert (frame.index, frame.time) == (28, pytest.approx(2.8))
    assert int((frame.image[30, :, 0] > 130).sum()) == 58
    assert decoded[-1] >= 20


def test_a_list_is_made_once(write_video, tmp_path, monkeypatch):
    calls = []
    original = ffmpeg.packet_index
    monkeypatch.setattr(ffmpeg, "packet_index", lambda *given: calls.append(1) or original(*given))
    source = open_frames(write_video(tmp_path / "a.mkv", 9))
    assert (counted(source), counted(source), len(calls)) == (9, 9, 1)


def test_a_codec_with_hidden_frames_has_no_list(write_video, tmp_path):
    path = write_video(tmp_path / "a.webm", 12, codec="libvpx")
    assert FileReader(path).counted() == FileReader(path).count


def test_every_nth_frame_is_counted(write_video, tmp_path):
    assert counted(open_frames(write_video(tmp_path / "a.mkv", 20), every=3, start=2)) == 6


def test_a_truncated_file_that_was_listed_keeps_the_frames_before_the_damage(write_video, tmp_path):
    whole = write_video(tmp_path / "a.mkv", 40, size=(96, 128))
    path = tmp_path / "b.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    source, read = open_frames(path), []
    counted(source)
    with pytest.raises(InputError, match="damaged or truncated"):
        read.extend(source.read())
    assert len(read) > 10
