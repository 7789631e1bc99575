"""`AsyncClient`: a promptseg server from Python, for ``async`` code."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

from ..images import ImageLike
from ..masks import Mask
from ..prompts import Prompt
from ..results import FrameMasks, Result
from . import calls
from .calls import Call
from .connection import Connection, content_of, id_of, reaching
from .values import JobInfo, ModelInfo, RemoteImage, RemoteVideo

_Value = TypeVar("_Value")


class AsyncClient(Connection):
    """A promptseg server, for ``async`` code. Its methods are those of `Client`."""

    def _open(self, httpx: Any) -> Any:
        return httpx.AsyncClient(**self._settings)

    async def __aenter__(self) -> AsyncClient:  # noqa: PYI034 - `Self` is of Python 3.11.
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def models(self) -> list[ModelInfo]:
        """Return the models that the server offers."""
        return await self._ask(calls.list_models())

    async def open(self, image: ImageLike) -> RemoteImage:
        """Send an image. See `Client.open`."""
        return await self._ask(calls.send_image(await asyncio.to_thread(content_of, image)))

    async def encode(self, image: RemoteImage, model: str | None = None) -> None:
        """Have an image encoded ahead of the first prompt."""
        await self._ask(calls.encode(image, model))

    async def segment(self, image: RemoteImage | ImageLike, *prompts: Prompt, model: str | None = None, candidates: bool = False) -> Result:
        """Segment an image. See `Client.segment`."""
        remote = image if isinstance(image, RemoteImage) else await self.open(image)
        return await self._ask(calls.segment(remote, prompts, model, candidates))

    async def start(self, image: RemoteImage | ImageLike, *prompts: Prompt, model: str | None = None, candidates: bool = False) -> JobInfo:
        """Start to segment as a job. See `Client.start`."""
        remote = image if isinstance(image, RemoteImage) else await self.open(image)
        return await self._ask(calls.start_segment(remote, prompts, model, candidates))

    async def annotate(
        self, folder: str, *prompts: Prompt, out: str, formats: Sequence[str] = ("coco",), model: str | None = None
    ) -> JobInfo:
        """Start to annotate a folder of the server. See `Client.annotate`."""
        return await self._ask(calls.start_annotation(folder, out, prompts, formats, model))

    async def job(self, job: JobInfo | str) -> JobInfo:
        """Return how far a job is."""
        return await self._ask(calls.show_job(id_of(job)))

    async def watch(self, job: JobInfo | str) -> AsyncIterator[JobInfo]:
        """Yield the states of a job until it has ended."""
        call = calls.watch_job(id_of(job))
        with reaching():
            async with self._http.stream(**self._arguments(call)) as answer:
                if not answer.is_success:
                    raise calls.failure(answer.status_code, await answer.aread(), answer.headers)
                async for line in answer.aiter_lines():
                    if (state := calls.event_of(line)) is not None:
                        yield state

    async def result(self, job: JobInfo | str) -> Result:
        """Wait until a job of `start` has ended, and return its result."""
        await self._finished(job)
        return await self._ask(calls.job_result(id_of(job)))

    async def summary(self, job: JobInfo | str) -> dict[str, Any]:
        """Wait until a job of `annotate` has ended, and return its summary."""
        await self._finished(job)
        return await self._ask(calls.job_summary(id_of(job)))

    async def cancel(self, job: JobInfo | str) -> JobInfo:
        """Cancel a job that runs, or forget one that has ended."""
        return await self._ask(calls.cancel_job(id_of(job)))

    async def open_video(self, video: str | os.PathLike[str] | bytes, model: str | None = None, *, remote: bool = False) -> RemoteVideo:
        """Open a video. See `Client.open_video`."""
        if remote:
            return await self._ask(calls.open_video(str(video), model))
        return await self._ask(calls.send_video(await asyncio.to_thread(content_of, video, "a video"), model))

    async def prompt(self, video: RemoteVideo, frame: int, number: int, prompt: Prompt) -> Mask:
        """Prompt object `number` on a frame, and return its mask there."""
        return await self._ask(calls.prompt_video(video, frame, number, prompt))

    async def remove(self, video: RemoteVideo, number: int) -> None:
        """Forget an object of a video."""
        await self._ask(calls.remove_object(video, number))

    async def propagate(self, video: RemoteVideo, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> list[FrameMasks]:
        """Track the objects of a video, wait, and return the masks of all frames that have some."""
        calls.check_done(await self._finished(await self.start_propagation(video, start=start, stop=stop, reverse=reverse)))
        return await self.masks(video)

    async def start_propagation(self, video: RemoteVideo, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> JobInfo:
        """Start to track as a job."""
        return await self._ask(calls.propagate(video, start, stop, reverse))

    async def masks(self, video: RemoteVideo, start: int = 0, stop: int | None = None) -> list[FrameMasks]:
        """Return the masks of the frames from `start` to before `stop` that have some."""
        return await self._ask(calls.video_masks(video, start, stop))

    async def export(self, video: RemoteVideo) -> bytes:
        """Return the files of ``promptseg track`` for a video, as the content of a ZIP file."""
        return await self._ask(calls.export_video(video))

    async def close_video(self, video: RemoteVideo) -> None:
        """Close a video."""
        await self._ask(calls.close_video(video))

    async def _finished(self, job: JobInfo | str) -> JobInfo | None:
        """Wait until a job has ended, and return its last state, or None if the server told none."""
        last = None
        async for state in self.watch(job):
            last = state
        return last

    async def _ask(self, call: Call[_Value]) -> _Value:
        tried = 0
        while True:
            with reaching():
                answer = await self._http.request(**self._arguments(call))
            delay = self._delay(answer, tried)
            if delay is None:
                return self._read(call, answer)
            await asyncio.sleep(delay)
            tried += 1
