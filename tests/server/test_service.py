"""What becomes of requests at the limits of a server."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from promptseg import Prompt
from promptseg.pipeline.config import PipelineConfig
from promptseg.server.api.jobs import start_annotation
from promptseg.server.api.schemas import AnnotateIn
from promptseg.server.errors import StoppingError, TooLargeError
from promptseg.server.operations import ServedModel
from promptseg.server.service import FETCHING, Service
from promptseg.server.settings import ServerSettings


class EndlessEngine:
    """An engine with a model, whose work never ends."""

    models = (ServedModel("fake", frozenset({"everything"}), (), False, (), PipelineConfig()),)

    async def stream(self, _):
        while True:
            await asyncio.sleep(0.01)
            yield SimpleNamespace()


@pytest.fixture
def service(tmp_path):
    def make(**settings):
        return Service(EndlessEngine(), ServerSettings(**settings), tmp_path)

    return make


def test_everything_mode_that_is_cut_off_by_the_end_of_the_server_says_so(service):
    async def ask():
        made = service()
        asking = asyncio.create_task(made.segment(None, [Prompt.everything()]))
        while not made.jobs.running and not asking.done():
            await asyncio.sleep(0)
        await made.jobs.stop()
        await asking

    with pytest.raises(StoppingError, match="shutting down"):
        asyncio.run(ask())


def test_a_slow_host_holds_up_nothing_else(service):
    """As many images are being fetched as there are threads for it."""
    answered = threading.Event()

    async def ask():
        made = service()
        fetching = [asyncio.create_task(made.fetch(answered.wait, 60)) for _ in range(FETCHING + 1)]
        try:
            await asyncio.sleep(0)
            return await asyncio.wait_for(made.compute(len, "now"), 60)
        finally:
            answered.set()
            await asyncio.gather(*fetching)

    assert asyncio.run(ask()) == 3


def test_an_annotation_has_no_more_prompts_than_the_settings_allow(service, tmp_path):
    made = service(max_prompts=1, folders=(tmp_path,), out_folders=(tmp_path,))
    body = AnnotateIn.model_validate({"folder": ".", "out": "dataset", "prompts": [{"text": ["cup"]}] * 2})
    with pytest.raises(TooLargeError, match="at most 1 prompts here, got 2"):
        asyncio.run(start_annotation(made, body))
