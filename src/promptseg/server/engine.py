"""`Engine`: the seam between requests and devices, and `LocalEngine`, which has a worker thread for each device of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..pipeline import BuiltPipeline, Pipeline
from ..protocols import EmbeddingStore, VideoSegmenter
from .errors import RefusedError, StoppingError
from .operations import CloseVideo, Encode, Operation, Segment, ServedModel, Sweep, affinity
from .replica import Replica
from .worker import DeviceWorker, Done, Job


@dataclass(frozen=True)
class EngineState:
    """What an engine is doing, for the metrics.

    Attributes:
        waiting: Number of requests that wait for a device.
        working: Number of jobs that run or wait.
        answered: Number of answered requests.
        joined: Number of requests that were answered together with another one.
        encoded: Number of encoded images.
        open_images: Number of open images.
        open_bytes: Their size.
        open_videos: Number of open videos.
    """

    waiting: int = 0
    working: int = 0
    answered: int = 0
    joined: int = 0
    encoded: int = 0
    open_images: int = 0
    open_bytes: int = 0
    open_videos: int = 0


class Engine(Protocol):
    """What answers the operations of a server, here or on other machines."""

    @property
    def models(self) -> Sequence[ServedModel]:
        """The models that are offered; none before `start` has returned. The first is the default."""
        ...

    @property
    def state(self) -> EngineState:
        """What the engine is doing."""
        ...

    async def start(self) -> None:
        """Load the models."""
        ...

    async def stop(self) -> None:
        """Answer what waits, cancel jobs, and end."""
        ...

    async def ask(self, operation: Operation) -> Any:
        """Return the result of an operation. A caller that is cancelled gives up its place in the queue.

        Raises:
            BusyError: Too many requests wait.
            PromptSegError: The operation fails.
        """
        ...

    async def sweep(self, idle_seconds: float) -> None:
        """Close what nobody has used for so long, on every device."""
        ...

    def stream(self, operation: Operation) -> AsyncGenerator[Any, None]:
        """Do long work: yield each `promptseg.runtime.progress.Progress` and each result. Who stops iterating cancels it."""
        ...


class LocalEngine:
    """An engine with one worker thread for each device of this machine.

    Args:
        pipelines: The pipelines to offer, by name.
        devices: Devices, such as ``["cuda", "cpu"]``; None for what each pipeline says.
        open_bytes: Maximum size of the open images of a device.
        max_waiting: Number of requests that may wait for a device.
        max_videos: Number of open videos of a device.
        folder: Folder for what does not fit into memory.
        cache: Cache of embeddings, or None for the one of each pipeline.
        tracker: Function that returns the video segmenter for a device, or None for one made of each model's segmenter.
    """

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline | BuiltPipeline],
        devices: Sequence[str | None] = (None,),
        *,
        open_bytes: int = 1 << 30,
        max_waiting: int = 64,
        max_videos: int = 8,
        folder: Path,
        cache: EmbeddingStore | None = None,
        tracker: Callable[[str | None], VideoSegmenter] | None = None,
    ) -> None:
        self._pipelines, self._devices = dict(pipelines), tuple(devices)
        self._open_bytes, self._max_waiting, self._max_videos = open_bytes, max_waiting, max_videos
        self._folder, self._cache, self._tracker = folder, cache, tracker
        self._replicas: list[Replica] = []
        self._workers: list[DeviceWorker] = []

    @property
    def models(self) -> Sequence[ServedModel]:
        return self._replicas[0].models if self._replicas else ()

    @property
    def state(self) -> EngineState:
        return EngineState(
            waiting=sum(worker.waiting for worker in self._workers),
            working=sum(worker.working for worker in self._workers),
            answered=sum(worker.answered for worker in self._workers),
            joined=sum(worker.joined for worker in self._workers),
            encoded=sum(replica.encoded for replica in self._replicas),
            open_images=sum(replica.open_images for replica in self._replicas),
            open_bytes=sum(replica.open_bytes for replica in self._replicas),
            open_videos=sum(replica.open_videos for replica in self._replicas),
        )

    def load(self) -> None:
        """Load the models, unless they are loaded."""
        if not self._replicas:
            replicas = [self._load(device) for device in self._devices]
            self._workers = [DeviceWorker(replica.answer, replica.work, self._max_waiting) for replica in replicas]
            self._replicas = replicas

    async def start(self) -> None:
        """Load the models on a thread that the process does not wait for at its end: a download may take long."""
        loop, loaded = asyncio.get_running_loop(), asyncio.Event()
        errors: list[BaseException] = []

        def load() -> None:
            try:
                self.load()
            except BaseException as error:  # It is raised where the caller waits.
                errors.append(error)
            with contextlib.suppress(RuntimeError):  # The loop has ended: nobody waits.
                loop.call_soon_threadsafe(loaded.set)

        threading.Thread(target=load, name="promptseg-loading", daemon=True).start()
        await loaded.wait()
        if errors:
            raise errors[0]

    async def stop(self) -> None:
        for worker in self._workers:
            await asyncio.to_thread(worker.stop)

    async def ask(self, operation: Operation) -> Any:
        closing = isinstance(operation, CloseVideo)
        return await asyncio.wrap_future(self._worker(operation).submit(operation, _group(operation), bounded=not closing))

    async def sweep(self, idle_seconds: float) -> None:
        for worker in self._workers:
            with contextlib.suppress(RefusedError):  # A device with a full queue is swept the next time.
                await asyncio.wrap_future(worker.submit(Sweep(idle_seconds)))

    async def stream(self, operation: Operation) -> AsyncGenerator[Any, None]:
        events: asyncio.Queue[Any] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def emit(event: Any) -> None:
            with contextlib.suppress(RuntimeError):  # The loop has ended: nobody listens.
                loop.call_soon_threadsafe(events.put_nowait, event)

        job = Job(operation, emit)
        self._worker(operation).start(job)
        try:
            while not isinstance(event := await events.get(), Done):
                yield event
        finally:
            job.cancelled.set()
        if event.error is not None:
            raise event.error

    def _load(self, device: str | None) -> Replica:
        built = {
            name: pipeline if isinstance(pipeline, BuiltPipeline) else pipeline.build(device) for name, pipeline in self._pipelines.items()
        }
        if self._cache is not None:
            built = {name: pipeline.with_cache(self._cache) for name, pipeline in built.items()}
        tracker = None if self._tracker is None else self._tracker(device)
        return Replica(built, self._open_bytes, self._max_videos, self._folder, tracker)

    def _worker(self, operation: Operation) -> DeviceWorker:
        if not self._workers:
            raise StoppingError("the models are not loaded yet")
        return self._workers[zlib.crc32(affinity(operation).encode()) % len(self._workers)]


def _group(operation: Operation) -> tuple[Any, ...] | None:
    """Return what operations must have in common to be answered together."""
    if isinstance(operation, Segment) and operation.prompts:
        return Segment, operation.model, operation.image.id, operation.candidates, operation.window
    if isinstance(operation, Encode):
        return Encode, operation.model, operation.image.id
    return None
