"""`RayReplica`: what runs on Ray Serve, once a device: a `LocalEngine`, and the images that were sent to it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, PromptSegError
from ..image_formats import MAX_PIXELS
from ..masks import Mask, Masks
from ..models.sam.cache import EmbeddingCache
from ..pipeline import Pipeline
from ..registry.loading import load_video
from ..results import Result
from .engine import EngineState, LocalEngine
from .errors import RefusedError
from .images import ImageStore
from .operations import Encode, OpenVideo, Operation, Segment, ServedModel
from .rasters import NOT_SENT, StoredRaster


@dataclass(frozen=True)
class ReplicaSettings:
    """Settings of each replica.

    Attributes:
        device: Its device, or None for what each pipeline says.
        tracker: Name of a video model, or None for one made of each model's segmenter.
        open_bytes: Maximum size of the open images.
        image_bytes: Maximum size of the files of images, and again of the embeddings, on the disk.
        max_waiting: Number of requests that may wait.
        max_videos: Number of open videos.
        idle_seconds: Time after which an open image that nobody has used is closed.
        folder: Folder of the server. A replica of the same host keeps its files there, and shares its embeddings with the others.
    """

    device: str | None = None
    tracker: str | None = None
    open_bytes: int = 1 << 30
    image_bytes: int = 8 << 30
    max_waiting: int = 64
    max_videos: int = 8
    idle_seconds: float = 3600.0
    folder: Path | None = None


@dataclass(frozen=True)
class Answer:
    """What a replica answers. Errors are values, for Ray would add its traces to their messages.

    Attributes:
        replica: Id of the replica.
        actor: Id of its actor.
        state: What it is doing.
        value: The result.
        error: What the operation failed with, or None.
    """

    replica: str
    actor: str
    state: EngineState
    value: Any = None
    error: PromptSegError | None = None


class RayReplica:
    """Deployment of Ray Serve.

    Args:
        pipelines: The pipelines to offer, by name.
        settings: Its settings.
    """

    def __init__(self, pipelines: Mapping[str, Pipeline], settings: ReplicaSettings) -> None:
        import ray
        from ray import serve

        self._replica = str(serve.get_replica_context().replica_id.unique_id)
        self._actor = str(ray.get_runtime_context().get_actor_id())
        shared = settings.folder if settings.folder is not None and settings.folder.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="promptseg-replica-", dir=shared)
        own = Path(self._folder.name)
        tracker = settings.tracker
        self._engine = LocalEngine(
            pipelines,
            (settings.device,),
            open_bytes=settings.open_bytes,
            max_waiting=settings.max_waiting,
            max_videos=settings.max_videos,
            folder=own,
            cache=EmbeddingCache(0, (shared or own) / "embeddings", settings.image_bytes),
            tracker=None if tracker is None else lambda device: load_video(tracker, device=device or "auto"),
        )
        self._engine.load()
        self._idle, self._swept = settings.idle_seconds, time.monotonic()
        kept = own / "images"
        kept.mkdir()
        self._images = ImageStore(kept, settings.image_bytes, MAX_PIXELS, float("inf"))

    async def check_health(self) -> None:
        """Close what is idle. Ray Serve calls this every few seconds."""
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            await self._engine.sweep(self._idle)

    async def models(self) -> tuple[ServedModel, ...]:
        """Return the models that are offered."""
        return tuple(self._engine.models)

    async def has(self, image: str) -> bool:
        """Return whether the file of an image is here."""
        return self._images.has(image)

    async def keep(self, content: bytes) -> Answer:
        """Keep the file of an image."""
        try:
            await asyncio.to_thread(self._images.put, content)
        except PromptSegError as error:
            return self._answer(error=error)
        return self._answer()

    async def ask(self, operation: Operation) -> Answer:
        """Return the result of an operation. One on an image whose file is not here fails with `ImageGoneError`."""
        try:
            return self._answer(await self._engine.ask(self._local(operation)))
        except PromptSegError as error:
            return self._answer(error=error)

    async def stream(self, operation: Operation) -> AsyncIterator[Answer]:
        """Do long work: yield each report of its progress and each result, and at the end the error, if it fails."""
        events = self._engine.stream(self._local(operation))
        try:
            async for event in events:
                yield self._answer(event)
        except PromptSegError as error:
            yield self._answer(error=error)
        finally:
            await events.aclose()

    def __del__(self) -> None:
        """Remove the files. Ray Serve calls this when it ends a replica."""
        self._folder.cleanup()

    def _answer(self, value: Any = None, error: PromptSegError | None = None) -> Answer:
        return Answer(self._replica, self._actor, self._engine.state, _light(value), error)

    def _local(self, operation: Operation) -> Operation:
        """Return an operation with the path of its image on this host.

        Raises:
            InputError: The path of a video does not exist on this host.
            RefusedError: It is about a raster.
        """
        if isinstance(operation, (Encode, Segment)):
            if isinstance(operation.image, StoredRaster):
                raise RefusedError(NOT_SENT)
            return replace(operation, image=replace(operation.image, path=self._images.path_of(operation.image.id)))
        if isinstance(operation, OpenVideo) and not Path(operation.path).exists():
            raise InputError("the video is not on the host of this replica: replicas on several hosts need a folder that all of them share")
        return operation


def _light(value: Any) -> Any:
    """Return a result without the logits of its masks, which take 256 KB each and are in no answer of a server."""
    if isinstance(value, Result):
        return replace(value, masks=Masks([replace(mask, logits=None) for mask in value.masks], value.masks.size))
    return replace(value, logits=None) if isinstance(value, Mask) else value


SWEEP_SECONDS = 60.0
"""Time between two looks for what is idle."""
