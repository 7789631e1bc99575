"""`Client` and `AsyncClient`: a promptseg server from Python."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from .._install import install_extra
from ..errors import InputError, MissingDependencyError
from ..images import ImageLike, load_image
from ..masks import Mask
from ..prompts import Prompt
from ..results import FrameMasks, Result
from . import calls
from .calls import Call
from .values import ClientError, JobInfo, ModelInfo, RemoteImage, RemoteVideo

_Value = TypeVar("_Value")

RETRIES = 4
"""Number of times that a request is sent again when the server is busy."""


class _Connection(ABC):
    """What both clients share: address, token and the meaning of answers.

    Args:
        url: Address of the server, such as ``"http://127.0.0.1:8420"``.
        token: Its token, or None.
        timeout: Seconds to wait for an answer.
        retries: Number of times that a request is sent again when the server is busy.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 300.0, retries: int = RETRIES) -> None:
        self.url, self._retries = url.rstrip("/"), retries
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._settings: dict[str, Any] = {"base_url": self.url, "headers": headers, "timeout": timeout}
        self._http = self._open(_httpx())

    @abstractmethod
    def _open(self, httpx: Any) -> Any:
        """Return the HTTP client of the package."""

    def _arguments(self, call: Call[Any]) -> dict[str, Any]:
        body = {"content": call.body} if isinstance(call.body, bytes) else {} if call.body is None else {"json": call.body}
        return {"method": call.method, "url": call.path, "headers": call.headers, **body}

    def _delay(self, answer: Any, tried: int) -> float | None:
        """Return the seconds after which to send a request again, or None if it is not to be."""
        if answer.status_code != 429 or tried >= self._retries:
            return None
        after = answer.headers.get("retry-after", "")
        return min(float(after) if after.isdecimal() else 1.0, MAX_DELAY)

    def _read(self, call: Call[_Value], answer: Any) -> _Value:
        if not answer.is_success:
            raise calls.failure(answer.status_code, answer.content, answer.headers)
        try:
            return call.read(answer.content)
        except (KeyError, TypeError) as error:
            raise ClientError(f"the server answered with something unexpected: {error!r}") from error


class Client(_Connection):
    """A promptseg server. Use it in a ``with`` block, or close it.

    All methods raise `ClientError` if the server refuses, fails or cannot be reached.

    Args:
        url: Address of the server, such as ``"http://127.0.0.1:8420"``.
        token: Its token, or None.
        timeout: Seconds to wait for an answer.
        retries: Number of times that a request is sent again when the server is busy.
    """

    def _open(self, httpx: Any) -> Any:
        return httpx.Client(**self._settings)

    def __enter__(self) -> Client:  # noqa: PYI034 - `Self` is of Python 3.11.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def models(self) -> list[ModelInfo]:
        """Return the models that the server offers. The first is the default."""
        return self._ask(calls.list_models())

    def open(self, image: ImageLike) -> RemoteImage:
        """Send an image and return how to name it from then on.

        Raises:
            InputError: It cannot be read.
        """
        return self._ask(calls.send_image(content_of(image)))

    def encode(self, image: RemoteImage, model: str | None = None) -> None:
        """Have an image encoded ahead of the first prompt."""
        self._ask(calls.encode(image, model))

    def segment(self, image: RemoteImage | ImageLike, *prompts: Prompt, model: str | None = None, candidates: bool = False) -> Result:
        """Return what the pipeline on the server returns for an image and prompts. The result has no image.

        Args:
            image: An image of `open`, or an image in any form that `promptseg.load_image` takes, which is then sent.
            *prompts: Prompts of any kind, without logits.
            model: Name of a model of the server. Default: its first.
            candidates: Whether to return all masks that the model proposes for a spatial prompt.
        """
        remote = image if isinstance(image, RemoteImage) else self.open(image)
        return self._ask(calls.segment(remote, prompts, model, candidates))

    def start(self, image: RemoteImage | ImageLike, *prompts: Prompt, model: str | None = None, candidates: bool = False) -> JobInfo:
        """Start to segment as a job, for what takes long. The arguments are those of `segment`."""
        remote = image if isinstance(image, RemoteImage) else self.open(image)
        return self._ask(calls.start_segment(remote, prompts, model, candidates))

    def annotate(self, folder: str, *prompts: Prompt, out: str, formats: Sequence[str] = ("coco",), model: str | None = None) -> JobInfo:
        """Start to annotate a folder of the server as a job. Its summary is what `summary` returns."""
        return self._ask(calls.start_annotation(folder, out, prompts, formats, model))

    def job(self, job: JobInfo | str) -> JobInfo:
        """Return how far a job is."""
        return self._ask(calls.show_job(_id(job)))

    def watch(self, job: JobInfo | str) -> Iterator[JobInfo]:
        """Yield the states of a job until it has ended."""
        call = calls.watch_job(_id(job))
        with _reaching(), self._http.stream(**self._arguments(call)) as answer:
            if not answer.is_success:
                raise calls.failure(answer.status_code, answer.read(), answer.headers)
            for line in answer.iter_lines():
                if (state := calls.event_of(line)) is not None:
                    yield state

    def result(self, job: JobInfo | str) -> Result:
        """Wait until a job of `start` has ended, and return its result."""
        self._finished(job)
        return self._ask(calls.job_result(_id(job)))

    def summary(self, job: JobInfo | str) -> dict[str, Any]:
        """Wait until a job of `annotate` has ended, and return how many images and objects there are."""
        self._finished(job)
        return self._ask(calls.job_summary(_id(job)))

    def cancel(self, job: JobInfo | str) -> JobInfo:
        """Cancel a job that runs, or forget one that has ended."""
        return self._ask(calls.cancel_job(_id(job)))

    def open_video(self, video: str | os.PathLike[str] | bytes, model: str | None = None, *, remote: bool = False) -> RemoteVideo:
        """Open a video for tracking.

        Args:
            video: The file, or its content. With `remote`, a path on the server, in a folder that it allows.
            model: Name of a model of the server. Default: its first.
            remote: Whether the file is on the server.
        """
        if remote:
            return self._ask(calls.open_video(str(video), model))
        return self._ask(calls.send_video(content_of(video), model))

    def prompt(self, video: RemoteVideo, frame: int, number: int, prompt: Prompt) -> Mask:
        """Prompt object `number` on a frame, and return its mask there."""
        return self._ask(calls.prompt_video(video, frame, number, prompt))

    def remove(self, video: RemoteVideo, number: int) -> None:
        """Forget an object of a video."""
        self._ask(calls.remove_object(video, number))

    def propagate(self, video: RemoteVideo, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> list[FrameMasks]:
        """Track the objects of a video, wait, and return the masks of all frames that have some."""
        self._finished(self.start_propagation(video, start=start, stop=stop, reverse=reverse))
        return self.masks(video)

    def start_propagation(self, video: RemoteVideo, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> JobInfo:
        """Start to track as a job."""
        return self._ask(calls.propagate(video, start, stop, reverse))

    def masks(self, video: RemoteVideo, start: int = 0, stop: int | None = None) -> list[FrameMasks]:
        """Return the masks of the frames from `start` to before `stop` that have some."""
        return self._ask(calls.video_masks(video, start, stop))

    def export(self, video: RemoteVideo) -> bytes:
        """Return the files of ``promptseg track`` for a video, as the content of a ZIP file."""
        return self._ask(calls.export_video(video))

    def close_video(self, video: RemoteVideo) -> None:
        """Close a video."""
        self._ask(calls.close_video(video))

    def _finished(self, job: JobInfo | str) -> None:
        for _ in self.watch(job):
            pass

    def _ask(self, call: Call[_Value]) -> _Value:
        tried = 0
        while True:
            with _reaching():
                answer = self._http.request(**self._arguments(call))
            delay = self._delay(answer, tried)
            if delay is None:
                return self._read(call, answer)
            time.sleep(delay)
            tried += 1


class AsyncClient(_Connection):
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
        return await self._ask(calls.show_job(_id(job)))

    async def watch(self, job: JobInfo | str) -> AsyncIterator[JobInfo]:
        """Yield the states of a job until it has ended."""
        call = calls.watch_job(_id(job))
        with _reaching():
            async with self._http.stream(**self._arguments(call)) as answer:
                if not answer.is_success:
                    raise calls.failure(answer.status_code, await answer.aread(), answer.headers)
                async for line in answer.aiter_lines():
                    if (state := calls.event_of(line)) is not None:
                        yield state

    async def result(self, job: JobInfo | str) -> Result:
        """Wait until a job of `start` has ended, and return its result."""
        await self._finished(job)
        return await self._ask(calls.job_result(_id(job)))

    async def summary(self, job: JobInfo | str) -> dict[str, Any]:
        """Wait until a job of `annotate` has ended, and return its summary."""
        await self._finished(job)
        return await self._ask(calls.job_summary(_id(job)))

    async def cancel(self, job: JobInfo | str) -> JobInfo:
        """Cancel a job that runs, or forget one that has ended."""
        return await self._ask(calls.cancel_job(_id(job)))

    async def open_video(self, video: str | os.PathLike[str] | bytes, model: str | None = None, *, remote: bool = False) -> RemoteVideo:
        """Open a video. See `Client.open_video`."""
        if remote:
            return await self._ask(calls.open_video(str(video), model))
        return await self._ask(calls.send_video(await asyncio.to_thread(content_of, video), model))

    async def prompt(self, video: RemoteVideo, frame: int, number: int, prompt: Prompt) -> Mask:
        """Prompt object `number` on a frame, and return its mask there."""
        return await self._ask(calls.prompt_video(video, frame, number, prompt))

    async def remove(self, video: RemoteVideo, number: int) -> None:
        """Forget an object of a video."""
        await self._ask(calls.remove_object(video, number))

    async def propagate(self, video: RemoteVideo, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> list[FrameMasks]:
        """Track the objects of a video, wait, and return the masks of all frames that have some."""
        await self._finished(await self.start_propagation(video, start=start, stop=stop, reverse=reverse))
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

    async def _finished(self, job: JobInfo | str) -> None:
        async for _ in self.watch(job):
            pass

    async def _ask(self, call: Call[_Value]) -> _Value:
        tried = 0
        while True:
            with _reaching():
                answer = await self._http.request(**self._arguments(call))
            delay = self._delay(answer, tried)
            if delay is None:
                return self._read(call, answer)
            await asyncio.sleep(delay)
            tried += 1


def content_of(source: ImageLike) -> bytes:
    """Return the content of a file as it is, and anything else that is an image as a PNG.

    Raises:
        InputError: It cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, os.PathLike)):
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {os.fspath(source)}: {error.strerror or error}") from error
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.asarray(load_image(source))).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _id(job: JobInfo | str) -> str:
    return job if isinstance(job, str) else job.id


def _httpx() -> Any:
    try:
        import httpx2
    except ImportError as error:
        raise MissingDependencyError(f"the client needs httpx2, which cannot be imported: {install_extra('client')}") from error
    return httpx2


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    """Turn the errors of the connection within the block into a `ClientError`."""
    try:
        yield
    except _httpx().HTTPError as error:
        raise ClientError(f"the server cannot be reached: {error or type(error).__name__}") from error


MAX_DELAY = 30.0
