"""`Service`: what the routes and protocols speak to. It joins the images, the engine and the jobs of a server."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar, cast, overload

from ..errors import InputError, PromptSegError
from ..prompts import EverythingPrompt, Prompt
from ..rasters.window import Window
from ..results import Result
from .engine import Engine
from .errors import NotFoundError, StoppingError, TooLargeError
from .fetching import fetched
from .fitting import check_fit
from .frame_folders import FrameFolders
from .images import ImageStore, StoredImage
from .jobs import Jobs
from .operations import Encode, Segment, ServedModel
from .places import allowed_path, read_bounded
from .rasters import RasterStore, Segmentable
from .scene_results import SceneResult
from .settings import ServerSettings
from .videos import Videos

_log = logging.getLogger(__name__)

_Parameters = ParamSpec("_Parameters")
_Value = TypeVar("_Value")

THREADS = 4
"""Number of threads that read and write images, so that the event loop never does."""
FETCHING = 8
"""Number of threads that wait for other hosts, so that a slow one holds up nothing else."""


class Service:
    """The parts of a server, and what every protocol does with them.

    Args:
        engine: The engine that answers.
        settings: What is allowed, and the limits.

    Attributes:
        settings: The settings.
        engine: The engine.
        images: Images that clients gave.
        rasters: Rasters that the application offers.
        videos: Videos that clients have opened.
        frames: Videos that clients send frame by frame.
        jobs: Long work that clients started.
        folder: Temporary folder of the server.
        at_stop: Functions that are called when the server begins to stop, before it waits for open connections.
    """

    def __init__(self, engine: Engine, settings: ServerSettings, folder: Path | None = None) -> None:
        self.settings, self.engine = settings, engine
        self._own_folder = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="promptseg-serve-")) if folder is None else folder
        kept = self.folder / "images"
        kept.mkdir(exist_ok=True)
        self.images = ImageStore(kept, settings.image_bytes, settings.max_pixels, settings.idle_seconds)
        self.rasters = RasterStore()
        uploaded = self.folder / "videos"
        uploaded.mkdir(exist_ok=True)
        self.videos = Videos(engine, uploaded, settings.video_bytes, 4 * settings.max_videos, settings.idle_seconds)
        self.frames = FrameFolders(uploaded, settings.max_video_bytes, settings.max_pixels, settings.idle_seconds)
        self.jobs = Jobs(settings.max_jobs, settings.idle_seconds)
        self._threads = ThreadPoolExecutor(THREADS, "promptseg-io")
        self._fetching = ThreadPoolExecutor(FETCHING, "promptseg-fetch")
        self.at_stop: list[Callable[[], None]] = []
        self._loading: asyncio.Task[None] | None = None
        self.failed: BaseException | None = None

    @property
    def ready(self) -> bool:
        """Whether the models are loaded."""
        return bool(self.engine.models)

    @property
    def models(self) -> Sequence[ServedModel]:
        """The models that are offered; none while they are loaded."""
        return self.engine.models

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models in the background, and end everything after the block."""
        self._loading = asyncio.create_task(self._load())
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            await self.jobs.stop()
            self._loading.cancel()
            await asyncio.wait({self._loading})
            await self.engine.stop()
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._fetching.shutdown(wait=True, cancel_futures=True)
            if self._own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    async def begin_stop(self) -> None:
        """Cancel the jobs and end what else keeps connections open: those who watch would keep theirs."""
        for function in self.at_stop:
            function()
        await self.jobs.stop()

    async def loaded(self) -> None:
        """Wait until the models are loaded.

        Raises:
            StoppingError: They cannot be loaded.
        """
        if self._loading is not None:
            await asyncio.wait({self._loading})
        if self.failed is not None:
            raise StoppingError("the models could not be loaded: the log of the server says why") from self.failed

    async def compute(self, function: Callable[_Parameters, _Value], *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Value:
        """Return what a function returns, computed on a thread beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def fetch(self, function: Callable[_Parameters, _Value], *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Value:
        """Return what a function returns that waits for other hosts, on a thread beside those of `compute`."""
        return await asyncio.get_running_loop().run_in_executor(self._fetching, lambda: function(*args, **kwargs))

    def model(self, name: str | None = None) -> ServedModel:
        """Return the model of a name; the first one for None.

        Raises:
            NotFoundError: There is none.
            StoppingError: The models are not loaded yet.
        """
        if not self.models:
            raise StoppingError("the models are not loaded yet: try again in a moment")
        for model in self.models:
            if name is None or model.name == name:
                return model
        raise NotFoundError(f"there is no model {str(name)[:80]!r} here: this server has {', '.join(model.name for model in self.models)}")

    async def put_image(self, content: bytes) -> StoredImage:
        """Keep an image that a client has sent.

        Raises:
            InputError: It is not an image, or is damaged.
            TooLargeError: It has too many bytes or pixels.
        """
        if len(content) > self.settings.max_upload_bytes:
            raise TooLargeError(f"an image has at most {self.settings.max_upload_bytes} bytes here")
        return await self.compute(self.images.put, content)

    async def put_base64(self, text: str) -> StoredImage:
        """Keep an image that a client has sent in base64, also as a ``data:`` address.

        Raises:
            InputError: It is not a base64 or no image.
            TooLargeError: It has too many bytes or pixels.
        """
        return await self.put_image(await self.compute(decoded, text))

    async def image_at(self, place: str) -> StoredImage:
        """Keep the image at a path or address that a client names.

        Raises:
            ForbiddenError: The place is not allowed.
            NotFoundError: There is nothing.
            InputError: It is not an image, or cannot be fetched.
            TooLargeError: It has too many bytes or pixels.
        """
        most = self.settings.max_upload_bytes
        if re.match("https?://", place, re.IGNORECASE):
            return await self.put_image(await self.fetch(fetched, place, self.settings.addresses, most))
        path = await self.compute(allowed_path, place, self.settings.folders)
        return await self.put_image(await self.compute(read_bounded, path, most))

    async def encode(self, image: Segmentable, model: str | None = None) -> None:
        """Encode an image ahead of prompts."""
        await self.engine.ask(Encode(self.model(model).name, image))

    @overload
    async def segment(
        self, image: StoredImage, prompts: Sequence[Prompt], *, model: str | None = None, candidates: bool = False
    ) -> Result: ...
    @overload
    async def segment(
        self,
        image: Segmentable,
        prompts: Sequence[Prompt],
        *,
        model: str | None = None,
        candidates: bool = False,
        window: Window | None = None,
    ) -> Result | SceneResult: ...
    async def segment(
        self,
        image: Segmentable,
        prompts: Sequence[Prompt],
        *,
        model: str | None = None,
        candidates: bool = False,
        window: Window | None = None,
    ) -> Result | SceneResult:
        """Return what the pipeline of a model returns for an image and prompts; the result has no image.

        Args:
            image: The image, or a raster.
            prompts: The prompts.
            model: Name of the model; None for the first.
            candidates: Whether to return all masks that the model proposes for a spatial prompt.
            window: The part of a raster in which prompts that are not spatial look.

        Raises:
            TooLargeError: There are too many prompts.
            BusyError: Too many requests wait.
            StoppingError: The server is shutting down.
            PromptSegError: What the pipeline raises.
        """
        chosen = self.model(model)
        self.check_prompts(prompts, chosen)
        operation = Segment(chosen.name, image, tuple(prompts), candidates, window)
        if not any(isinstance(prompt, EverythingPrompt) for prompt in prompts):
            result: Result | SceneResult = await self.engine.ask(operation)
            return result
        job = self.jobs.start("segment", lambda: self.engine.stream(operation))  # Clicks of others go first.
        try:
            await job.end()
        finally:
            await self.jobs.forget(job)
        if job.state == "cancelled":
            self.jobs.check_running()  # The client knows of no job, but can ask another server, or later.
        return cast("Result | SceneResult", job.result())

    def check_prompts(self, prompts: Sequence[Prompt], model: ServedModel) -> None:
        """Check the number of prompts, and that a model takes them.

        Raises:
            TooLargeError: There are too many.
            IncompatibleStagesError: The model does not take a prompt.
            PromptError: There is no prompt, and the model has no detector; or a phrase names none of the classes that its detector knows.
        """
        if len(prompts) > self.settings.max_prompts:
            raise TooLargeError(f"a request has at most {self.settings.max_prompts} prompts here, got {len(prompts)}")
        check_fit(model, prompts, self.models)

    async def _load(self) -> None:
        try:
            await self.engine.start()
        except Exception as error:
            _log.error("the models could not be loaded: %s", error, exc_info=None if isinstance(error, PromptSegError) else error)
            self.failed = error

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(60.0, self.settings.idle_seconds))
            await self.compute(self.images.sweep)
            self.jobs.sweep()
            await self.videos.sweep()
            await self.engine.sweep(self.settings.idle_seconds)
            await self.compute(self.frames.sweep)


def decoded(text: str) -> bytes:
    """Return the bytes of base64, also of a ``data:`` address.

    Raises:
        InputError: It is not a base64.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)  # Many encoders break lines.
    except (binascii.Error, ValueError) as error:
        raise InputError("an image is sent as base64, and this is none") from error
