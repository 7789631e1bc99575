"""`FrameBuffer`: access to any frame, with bounded memory if the source can be read once only."""

import numpy as np
import pytest

from promptseg.errors import InputError, PromptError
from promptseg.testing import FakeFrames
from promptseg.video.frame_buffer import FrameBuffer

PICTURES = [np.full((4, 5, 3), index, np.uint8) for index in range(10)]
BYTES = PICTURES[0].nbytes


def numbers(frames):
    found = list(frames)
    assert all(frame.image[0, 0, 0] == frame.index for frame in found)
    return [frame.index for frame in found]


@pytest.fixture(params=[True, False], ids=["rereadable", "once"])
def source(request):
    return FakeFrames(PICTURES, request.param)


def test_frames_are_walked_through_forwards(source):
    assert numbers(FrameBuffer(source).walk(0, None, False)) == list(range(10))
    assert numbers(FrameBuffer(FakeFrames(PICTURES)).walk(3, 6, False)) == [3, 4, 5]


def test_frames_are_walked_through_backwards_down_to_after_the_stop(source):
    frame_buffer = FrameBuffer(source)
    assert numbers(frame_buffer.walk(7, None, True)) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert numbers(frame_buffer.walk(7, 4, True)) == [7, 6, 5]
    assert numbers(frame_buffer.walk(7, 7, True)) == []


def test_no_frame_is_taken_that_is_not_wanted():
    taken = []
    source = FakeFrames(PICTURES, rereadable=False)
    read = source.read
    source.read = lambda start=0: (taken.append(frame.index) or frame for frame in read(start))
    assert numbers(FrameBuffer(source).walk(0, 3, False)) == [0, 1, 2]
    assert taken == [0, 1, 2]


def test_what_is_kept_is_bounded(source):
    frame_buffer = FrameBuffer(source, 3 * BYTES)
    for _ in frame_buffer.walk(0, None, False):
        assert frame_buffer.nbytes <= 3 * BYTES


def test_a_backward_walk_reads_a_file_in_pieces():
    source, starts = FakeFrames(PICTURES), []
    read = source.read
    source.read = lambda start=0: starts.append(start) or read(start)
    assert numbers(FrameBuffer(source, 4 * BYTES).walk(9, None, True)) == list(range(9, -1, -1))
    assert starts == [9, 5, 1, 0]


def test_frames_that_come_once_are_kept_for_a_while_and_then_have_gone_by():
    frame_buffer = FrameBuffer(FakeFrames(PICTURES, rereadable=False), 3 * BYTES)
    assert frame_buffer.frame(6).index == 6
    assert frame_buffer.frame(4).index == 4
    with pytest.raises(PromptError, match=r"frame 3 has gone by: .* frames from 4 on are kept"):
        frame_buffer.frame(3)


def test_going_back_stops_where_frames_that_come_once_have_gone_by():
    frame_buffer, seen = FrameBuffer(FakeFrames(PICTURES, rereadable=False), 3 * BYTES), []
    with pytest.raises(PromptError, match="frame 3 has gone by"):
        seen.extend(frame.index for frame in frame_buffer.walk(6, None, True))
    assert seen == [6, 5, 4]


@pytest.mark.parametrize("index", [10, 11, 1234])
def test_a_frame_beyond_the_end_is_refused_with_the_length_and_the_rest_stays(source, index):
    frame_buffer = FrameBuffer(source)
    for _ in range(2):
        with pytest.raises(PromptError, match=f"no frame {index}: the video has 10 frames"):
            frame_buffer.frame(index)
    assert frame_buffer.frame(5).index == 5


@pytest.mark.parametrize("index", [-1, 1.0, True, "1"])
def test_what_is_no_number_of_a_frame_is_refused(source, index):
    with pytest.raises(PromptError, match="the index of a frame must be a whole number from 0"):
        FrameBuffer(source).frame(index)


def test_a_frame_that_cannot_be_read_leaves_those_before_it(source):
    source._frames[4] = np.zeros((9, 9, 3), np.uint8)
    frame_buffer, seen = FrameBuffer(source), []
    with pytest.raises(InputError, match="frame 4"):
        seen.extend(frame.index for frame in frame_buffer.walk(0, None, False))
    assert seen == [0, 1, 2, 3]
    with pytest.raises(InputError, match="frame 4"):
        frame_buffer.frame(4)
    assert frame_buffer.frame(3).index == 3


@pytest.mark.parametrize(("count", "expected"), [(10, True), (11, False), (1, True)])
def test_whether_there_are_so_many_frames_is_found_out_where_that_costs_nothing_later(count, expected):
    source = FakeFrames(PICTURES)
    source.count = None
    assert FrameBuffer(source).has(count) is expected


def test_a_stream_is_taken_to_be_long_until_it_ended():
    frame_buffer = FrameBuffer(FakeFrames(PICTURES, rereadable=False))
    assert frame_buffer.has(11)
    list(frame_buffer.walk(0, None, False))
    assert not frame_buffer.has(11)
