"""Tracking from keyframes in both directions: what a person said stands, and a run can be stopped at any frame and gone on with."""

import asyncio
import contextlib

import numpy as np
import pytest
from PIL import Image

from paint_segmenter import GREEN, RED, PaintSegmenter, painted
from promptseg import Mask, Pipeline
from promptseg.pipeline import BuiltPipeline
from promptseg.server.engine import LocalEngine
from promptseg.server.errors import ConflictError
from promptseg.studio_server.video.changes import KeyFrame, VideoChange
from promptseg.studio_server.video.objects import GONE, KEY, LOST, NONE, SEEN
from promptseg.studio_server.video.project import VideoProject
from promptseg.studio_server.video.tracking import Tracking, track

SIZE = (96, 128)
COUNT = 14
SIDE = 24


def red_x(frame):
    return 20 + 4 * frame


@pytest.fixture
def project(tmp_path):
    """A clip with a red square that moves to the right by 4 pixels a frame and a green one that stands still."""
    (tmp_path / "clip").mkdir()
    (tmp_path / "out").mkdir()
    for index in range(COUNT):
        image = painted((red_x(index), 20, SIDE, RED), (90, 64, 20, GREEN), size=SIZE)
        Image.fromarray(image).save(tmp_path / "clip" / f"{index:03}.png")
    opened = VideoProject(tmp_path / "clip", tmp_path / "out")
    yield opened
    opened.close()


def square(x, y, side, dx=0):
    pixels = np.zeros(SIZE, bool)
    pixels[y : y + side, x + dx : x + dx + side] = True
    return Mask.from_array(pixels, score=1.0)


def mark(project, uid, frame, mask):
    values = {"uid": uid, "label": None, "color": None, "hidden": False, "locked": False, "attributes": {}}
    new = () if uid in {each.uid for each in project.objects()} else (values,)
    project.change(VideoChange(objects=new, keys=(KeyFrame(frame, uid, mask),)), project.version)


def run(project, tmp_path, asked, stop_after=None, segmenter=None):
    """Track, and return the frames in the order in which they were told, and the reports."""
    told, reports = [], []

    async def work():
        config = Pipeline().segment("mini-sam").config
        (tmp_path / "engine").mkdir(exist_ok=True)
        engine = LocalEngine({"paint": BuiltPipeline(config, segmenter=segmenter or PaintSegmenter())}, folder=tmp_path / "engine")
        await engine.start()
        try:
            async with contextlib.aclosing(track(engine, "paint", project, asked, lambda frame, _: told.append(frame))) as progress:
                async for report in progress:
                    reports.append(report)
                    if stop_after is not None and len(told) == stop_after:
                        break
            assert engine.state.open_videos == 0
        finally:
            await engine.stop()

    asyncio.run(work())
    return told, reports


def kinds(project, uid):
    return [project.track(uid).kind(frame) for frame in range(COUNT)]


def left(project, uid, frame):
    (found,) = [each for each in project.on_frame(frame) if each.uid == uid]
    return found.mask.box[0]


def test_an_object_is_tracked_forward_to_the_end(project, tmp_path):
    mark(project, "red", 3, square(red_x(3), 20, SIDE))
    told, reports = run(project, tmp_path, Tracking(3))
    assert told == list(range(4, COUNT))
    assert kinds(project, "red") == [NONE] * 3 + [KEY] + [SEEN] * 10
    assert [left(project, "red", frame) for frame in range(4, COUNT)] == [red_x(frame) for frame in range(4, COUNT)]
    assert [(report.done, report.total) for report in (reports[0], reports[-1])] == [(0, 10), (10, 10)]


def test_both_directions_and_a_number_of_frames(project, tmp_path):
    mark(project, "red", 6, square(red_x(6), 20, SIDE))
    told, reports = run(project, tmp_path, Tracking(6, "both", 3))
    assert told == [7, 8, 9, 5, 4, 3]
    assert kinds(project, "red") == [NONE] * 3 + [SEEN] * 3 + [KEY] + [SEEN] * 3 + [NONE] * 4
    assert (reports[-1].done, reports[-1].total) == (6, 6)


def test_back_to_the_first_frame(project, tmp_path):
    mark(project, "red", 2, square(red_x(2), 20, SIDE))
    assert run(project, tmp_path, Tracking(2, "back"))[0] == [1, 0]
    assert left(project, "red", 0) == red_x(0)


def test_a_keyframe_on_the_way_stands_and_the_run_goes_on_from_it(project, tmp_path):
    mark(project, "thing", 0, square(90, 64, 20))
    mark(project, "thing", 5, square(red_x(5), 20, SIDE))  # From here on it is the other square.
    run(project, tmp_path, Tracking(0))
    assert [left(project, "thing", frame) for frame in (1, 4)] == [90, 90]
    assert [left(project, "thing", frame) for frame in (5, 6, 13)] == [red_x(5), red_x(6), red_x(13)]
    assert kinds(project, "thing")[5] == KEY


def test_an_object_that_is_not_there_is_left_out_until_its_next_keyframe(project, tmp_path):
    mark(project, "green", 0, square(90, 64, 20))
    mark(project, "green", 4, None)
    mark(project, "green", 9, square(90, 64, 20))
    run(project, tmp_path, Tracking(0))
    assert kinds(project, "green") == [KEY, SEEN, SEEN, SEEN, GONE, NONE, NONE, NONE, NONE, KEY, SEEN, SEEN, SEEN, SEEN]


def test_an_object_joins_at_its_first_keyframe(project, tmp_path):
    mark(project, "red", 0, square(red_x(0), 20, SIDE))
    mark(project, "green", 7, square(90, 64, 20))
    run(project, tmp_path, Tracking(0))
    assert kinds(project, "green") == [NONE] * 7 + [KEY] + [SEEN] * 6
    assert kinds(project, "red") == [KEY] + [SEEN] * 13


def test_a_run_goes_on_from_what_was_tracked_also_after_the_server_is_gone(project, tmp_path):
    mark(project, "red", 0, square(red_x(0), 20, SIDE))
    told, _ = run(project, tmp_path, Tracking(0), stop_after=5)
    assert told == [1, 2, 3, 4, 5]
    again = VideoProject(project.path, project.out)
    try:
        assert kinds(again, "red") == [KEY] + [SEEN] * 5 + [NONE] * 8
        run(again, tmp_path, Tracking(5))
        assert [left(again, "red", frame) for frame in range(COUNT)] == [red_x(frame) for frame in range(COUNT)]
    finally:
        again.close()


def test_a_correction_is_gone_on_from(project, tmp_path):
    mark(project, "thing", 0, square(90, 64, 20))
    run(project, tmp_path, Tracking(0))
    mark(project, "thing", 6, square(red_x(6), 20, SIDE))
    told, _ = run(project, tmp_path, Tracking(6))
    assert told == list(range(7, COUNT))
    assert [left(project, "thing", frame) for frame in (5, 7, 13)] == [90, red_x(7), red_x(13)]


def test_only_the_chosen_objects_are_tracked(project, tmp_path):
    mark(project, "red", 0, square(red_x(0), 20, SIDE))
    mark(project, "green", 0, square(90, 64, 20))
    run(project, tmp_path, Tracking(0, uids=("green",)))
    assert kinds(project, "red") == [KEY] + [NONE] * 13
    assert kinds(project, "green") == [KEY] + [SEEN] * 13


def test_an_object_that_vanishes_is_lost(tmp_path):
    (tmp_path / "clip").mkdir()
    (tmp_path / "out").mkdir()
    for index in range(6):
        image = painted(*([(40, 40, 20, RED)] if index < 3 else []), size=SIZE)
        Image.fromarray(image).save(tmp_path / "clip" / f"{index:03}.png")
    project = VideoProject(tmp_path / "clip", tmp_path / "out")
    try:
        mark(project, "red", 0, square(40, 40, 20))
        run(project, tmp_path, Tracking(0))
        assert [project.track("red").kind(frame) for frame in range(6)] == [KEY, SEEN, SEEN, LOST, LOST, LOST]
        assert list(project.track("red").events()) == [(0, "added"), (3, "lost")]
    finally:
        project.close()


def test_there_must_be_something_to_track(project, tmp_path):
    with pytest.raises(ConflictError, match="nothing to track on frame 0"):
        run(project, tmp_path, Tracking(0))
    mark(project, "red", 5, square(red_x(5), 20, SIDE))
    with pytest.raises(ConflictError, match="nothing to track on frame 6"):
        run(project, tmp_path, Tracking(6))


def test_an_object_that_is_removed_meanwhile_does_no_harm(project, tmp_path):
    mark(project, "red", 0, square(red_x(0), 20, SIDE))
    mark(project, "green", 0, square(90, 64, 20))
    mark(project, "green", 8, square(90, 64, 20))
    kept = project.keep_tracked

    def remove_on_the_way(tracked, uids):
        if tracked.frame == 3:
            project.change(VideoChange(remove=("green",)), project.version)
        return kept(tracked, uids)

    project.keep_tracked = remove_on_the_way
    told, _ = run(project, tmp_path, Tracking(0))
    assert told == list(range(1, COUNT))
    assert [each.uid for each in project.on_frame(5)] == ["red"]
