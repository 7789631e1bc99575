"""`Client`: a promptseg server from Python."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
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


class Client(Connection):
    """A promptseg server. Use it in a ``with`` block, or close it.

    All methods raise `ClientError` if the server refuses, fails or cannot be reached.

    Args:
        url: Address of the server, such as ``"http://127.0.0.1:8420"``.
        token: Its token, or None.
        timeout: Seconds to wait for an answer.
        retries: Number of times that a request is sent again when the server is busy.

    Raises:
        ConfigError: The address does not begin with ``http://`` or ``https://``.
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
        return self._ask(calls.show_job(id_of(job)))

    def watch(self, job: JobInfo | str) -> Iterator[JobInfo]:
        """Yield the states of a job until it has ended."""
        call = calls.watch_job(id_of(job))
        with reaching(), self._http.stream(**self._arguments(call)) as answer:
            if not answer.is_success:
                raise calls.failure(answer.status_code, answer.read(), answer.headers)
            for line in answer.iter_lines():
                if (state := calls.event_of(line)) is not None:
                    yield state

    def result(self, job: JobInfo | str) -> Result:
        """Wait until a job of `start` has ended, and return its result."""
        self._finished(job)
        return self._ask(calls.job_result(id_of(job)))

    def summary(self, job: JobInfo | str) -> dict[str, Any]:
        """Wait until a job of `annotate` has ended, and return how many images and objects there are."""
        self._finished(job)
        return self._ask(calls.job_summary(id_of(job)))

    def cancel(self, job: JobInfo | str) -> JobInfo:
        """Cancel a job that runs, or forget one that has ended."""
        return self._ask(calls.cancel_job(id_of(job)))

    def open_video(self, video: str | os.PathLike[str] | bytes, model: str | None = None, *, remote: bool = False) -> RemoteVideo:
        """Open a video for tracking.

        Args:
            video: The file, or its content. With `remote`, a path on the server, in a folder that it allows.
            model: Name of a model of the server. Default: its first.
            remote: Whether the file is on the server.
        """
        if remote:
            return self._ask(calls.open_video(str(video), model))
        return self._ask(calls.send_video(content_of(video, "a video"), model))

    def prompt(self, video: RemoteVideo, frame: int, number: int, prompt: Prompt) -> Mask:
        """Prompt object `number` on a frame, and return its mask there."""
        return self._ask(calls.prompt_video(video, frame, number, prompt))

    def remove(self, video: RemoteVideo, number: int) -> None:
        """Forget an object of a video."""
        self._ask(calls.remove_object(video, number))

    def propagate(self, video: RemoteVideo, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> list[FrameMasks]:
        """Track the objects of a video, wait, and return the masks of all frames that have some."""
        calls.check_done(self._finished(self.start_propagation(video, start=start, stop=stop, reverse=reverse)))
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

    def _finished(self, job: JobInfo | str) -> JobInfo | None:
        """Wait until a job has ended, and return its last state, or None if the server told none."""
        last = None
        for state in self.watch(job):
            last = state
        return last

    def _ask(self, call: Call[_Value]) -> _Value:
        tried = 0
        while True:
            with reaching():
                answer = self._http.request(**self._arguments(call))
            delay = self._delay(answer, tried)
            if delay is None:
                return self._read(call, answer)
            time.sleep(delay)
            tried += 1
