"""A server whose models cost nothing, for videos."""

from __future__ import annotations

import pytest

from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import DetectStage, PipelineConfig
from promptseg.testing import FakeDetector, FakeSegmenter, FakeVideoSegmenter
from running_server import running


def moving_tracker():
    """Return the tracker of the server: objects keep their shape and move four pixels to the right from frame to frame."""
    return FakeVideoSegmenter(shift=(4, 0))


@pytest.fixture(scope="package")
def video_server(tmp_path_factory):
    """A server with the model "fake", whose detector finds a "square", and whose objects move."""
    for name in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(name)
    config = PipelineConfig(detect=DetectStage(model="fake"))
    pipeline = BuiltPipeline(config, segmenter=FakeSegmenter(), detector=FakeDetector({"square": (20, 20, 40, 40)}))
    with running({"fake": pipeline}, folder=tmp_path_factory.mktemp("videos"), tracker=lambda _: moving_tracker()) as server:
        yield server
