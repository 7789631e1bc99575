"""Videos that clients have opened: what becomes of one whose client has gone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import PipelineConfig
from promptseg.server.engine import LocalEngine
from promptseg.server.errors import BusyError
from promptseg.server.operations import Sweep
from promptseg.server.videos import Videos
from promptseg.testing import FakeSegmenter, FakeVideoSegmenter


class Held:
    """A tracker that opens a video when it is let."""

    def __init__(self):
        self._tracker = FakeVideoSegmenter()
        self.began, self.free = threading.Event(), threading.Event()

    def open(self, frames):
        self.began.set()
        assert self.free.wait(60)
        return self._tracker.open(frames)


@pytest.fixture
def tracker():
    return Held()


@pytest.fixture
def engine(tracker, tmp_path):
    pipeline = BuiltPipeline(PipelineConfig(), segmenter=FakeSegmenter())
    engine = LocalEngine({"fake": pipeline}, max_waiting=1, folder=tmp_path, tracker=lambda _: tracker)
    engine.load()
    yield engine
    tracker.free.set()
    asyncio.run(engine.stop())


@pytest.fixture
def frames(tmp_path):
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(2):
        Image.new("RGB", (64, 48), (index, 0, 0)).save(folder / f"{index}.png")
    return folder


def test_a_video_whose_client_has_gone_while_it_was_opened_is_closed_even_by_a_busy_device(engine, tracker, frames, tmp_path):
    async def run():
        videos = Videos(engine, tmp_path, 1 << 20, 4, 60)
        opening = asyncio.create_task(videos.open(frames, "fake", own=False))
        await asyncio.to_thread(tracker.began.wait, 60)
        waiting = asyncio.create_task(engine.ask(Sweep(60)))
        await asyncio.sleep(0)  # The queue is full from here on.
        with pytest.raises(BusyError):
            await engine.ask(Sweep(60))
        opening.cancel()
        await asyncio.wait({opening})
        closing = list(videos._closing)
        await asyncio.sleep(0)
        tracker.free.set()
        await asyncio.gather(waiting, *closing)
        return opening.cancelled(), len(closing), len(videos), engine.state.open_videos

    assert asyncio.run(run()) == (True, 1, 0, 0)
