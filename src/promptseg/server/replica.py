"""`Replica`: the models of one device and what they have open. It answers operations; only one thread may use it."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..annotation.run import annotate
from ..errors import PromptSegError
from ..masks import Mask
from ..pipeline import BuiltPipeline
from ..pipeline.open_image import OpenImage
from ..protocols import VideoSegmenter, VideoSession
from ..results import FrameMasks, Result
from ..tracking.session import PropagateSegmenter
from ..video.frames import open_frames
from .errors import NotFoundError, RefusedError
from .images import StoredImage
from .open_raster import OpenRaster
from .operations import (
    Annotate,
    CloseVideo,
    Encode,
    OpenVideo,
    PromptVideo,
    Propagate,
    RemoveObject,
    SearchRaster,
    Segment,
    ServedModel,
    Sweep,
    VideoInfo,
)
from .rasters import Segmentable, StoredRaster
from .scene_results import SceneResult


@dataclass
class _OpenVideo:
    """A video that is open, or was and is saved."""

    path: str
    model: str
    session: VideoSession | None
    tracking: int = 0


class Replica:
    """The pipelines of one device, with the images and videos that they have open.

    Args:
        pipelines: The pipelines by the names that requests give.
        open_bytes: Maximum size of the open images.
        max_videos: Number of open videos. Those beyond are saved to `folder` and opened again when they are asked for.
        folder: Folder for saved videos.
        tracker: Video segmenter for all models, or None for one made of each model's segmenter.
    """

    def __init__(
        self,
        pipelines: Mapping[str, BuiltPipeline],
        open_bytes: int,
        max_videos: int,
        folder: Path,
        tracker: VideoSegmenter | None = None,
    ) -> None:
        self._pipelines = dict(pipelines)
        self._open_bytes, self._max_videos, self._folder, self._tracker = open_bytes, max_videos, folder, tracker
        self._images: OrderedDict[tuple[str, str], OpenImage | OpenRaster] = OrderedDict()
        self._last_used: dict[tuple[str, str], float] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self._used = 0
        self._videos: OrderedDict[str, _OpenVideo] = OrderedDict()
        self.encoded = 0

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """The models that are offered."""
        return tuple(_served(name, pipeline) for name, pipeline in self._pipelines.items())

    @property
    def open_images(self) -> int:
        """Number of open images."""
        return len(self._images)

    @property
    def open_bytes(self) -> int:
        """Size of the open images."""
        return self._used

    @property
    def open_videos(self) -> int:
        """Number of open videos, without the saved ones."""
        return sum(video.session is not None for video in self._videos.values())

    def answer(self, operations: Sequence[Any], upcoming: Sequence[Any] = ()) -> list[Any]:
        """Return for each operation its result, or the error that it causes. Several are segmentations of one image by one model.

        Args:
            operations: The operations.
            upcoming: Operations that wait behind them. On an accelerator, their images are encoded together with the first.
        """
        if isinstance(operations[0], Segment):
            self._open_together(operations[0], upcoming)
            return list(self._segment(operations))
        return [self._outcome(operation) for operation in operations]

    def work(self, operation: Any) -> Iterator[Any]:
        """Do long work and yield its results: a `Result` of `Segment`, the frames of `Propagate`."""
        if isinstance(operation, Propagate):
            yield from self._propagate(operation)
            return
        if isinstance(operation, Annotate):
            pipeline = self._pipeline(operation.model)
            yield annotate(operation.folder, *operation.prompts, pipeline=pipeline, out=operation.out, formats=operation.formats)
            return
        if isinstance(operation, SearchRaster):
            # It is open for this work alone: it takes longer than an image stays open that nobody uses.
            with contextlib.closing(OpenRaster(self._pipeline(operation.model), operation.image)) as raster:
                yield raster.everywhere(operation.prompts)
            return
        (outcome,) = self.answer([operation])
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome

    def _outcome(self, operation: Any) -> Any:
        try:
            return self._one(operation)
        except PromptSegError as error:
            return error

    def _one(self, operation: Any) -> Any:
        if isinstance(operation, Encode):
            self._open(operation.model, operation.image)
            return None
        if isinstance(operation, OpenVideo):
            return self._open_video(operation)
        if isinstance(operation, PromptVideo):
            return self._prompt_video(operation)
        if isinstance(operation, RemoveObject):
            return self._video(operation.video).remove(operation.object_id)
        if isinstance(operation, CloseVideo):
            return self._close_video(operation.video)
        if isinstance(operation, Sweep):
            return self.sweep(operation.idle_seconds)
        raise TypeError(type(operation))

    def _segment(self, operations: Sequence[Segment]) -> list[Result | SceneResult | PromptSegError]:
        first = operations[0]
        try:
            image = self._open(first.model, first.image)
        except PromptSegError as error:
            return [error] * len(operations)
        asked = [operation.prompts for operation in operations]
        outcomes: Sequence[Result | SceneResult | PromptSegError]
        if isinstance(image, OpenRaster) and first.window is not None:
            outcomes = [image.within(first.window, prompts) for prompts in asked]
        else:
            outcomes = image.each(asked, candidates=first.candidates)
        self._count((first.model, first.image.id))
        return [replace(outcome, image=None) if isinstance(outcome, Result) else outcome for outcome in outcomes]

    def _open(self, model: str, image: Segmentable) -> OpenImage | OpenRaster:
        key = model, image.id
        found = self._images.get(key)
        if found is None:
            pipeline = self._pipeline(model)
            found = OpenRaster(pipeline, image) if isinstance(image, StoredRaster) else pipeline.open(image.pixels())
            self._keep(key, found)
        self._images.move_to_end(key)
        self._last_used[key] = time.monotonic()
        return found

    def _open_together(self, first: Segment, upcoming: Sequence[Any]) -> None:
        """Encode the image of an operation together with those that come next, where that is faster than one by one."""
        pipeline = self._pipelines.get(first.model)
        if pipeline is None or pipeline.segmenter is None or pipeline.segmenter.provenance.device.startswith("cpu"):
            return
        behind = [each for each in upcoming if isinstance(each, (Encode, Segment)) and each.model == first.model]
        unknown = [each.image for each in (first, *behind) if (each.model, each.image.id) not in self._images]
        images = {image.id: image for image in unknown if isinstance(image, StoredImage)}
        if first.image.id not in images or len(images) < 2:
            return
        chosen = list(images.values())[:ENCODED_TOGETHER]
        with contextlib.suppress(PromptSegError):  # Each is then opened alone, so that the error reaches the one that causes it.
            for image, opened in zip(chosen, pipeline.open_all([image.pixels() for image in chosen]), strict=True):
                self._keep((first.model, image.id), opened)

    def _keep(self, key: tuple[str, str], opened: OpenImage | OpenRaster) -> None:
        self.encoded += 1
        self._images[key] = opened
        self._last_used[key] = time.monotonic()
        self._count(key)

    def _count(self, key: tuple[str, str]) -> None:
        """Count what an open image takes now: the first prompt adds to it. Close the least recently used ones beyond the maximum."""
        self._used += self._images[key].nbytes - self._sizes.get(key, 0)
        self._sizes[key] = self._images[key].nbytes
        while self._used > self._open_bytes and len(self._images) > 1:
            self._drop(next(iter(self._images)))

    def _drop(self, key: tuple[str, str]) -> None:
        dropped = self._images.pop(key)
        self._used -= self._sizes.pop(key)
        del self._last_used[key]
        if isinstance(dropped, OpenRaster):
            dropped.close()

    def sweep(self, idle_seconds: float) -> None:
        """Close the images that nobody has used for so long."""
        oldest = time.monotonic() - idle_seconds
        for key in [key for key, used in self._last_used.items() if used < oldest]:
            self._drop(key)

    def _pipeline(self, model: str) -> BuiltPipeline:
        if model not in self._pipelines:
            raise NotFoundError(f"there is no model {model[:80]!r} here: this server has {', '.join(self._pipelines)}")
        return self._pipelines[model]

    def _open_video(self, operation: OpenVideo) -> VideoInfo:
        segmenter = self._video_segmenter(operation.model)
        frames = open_frames(operation.path)
        session = segmenter.open(frames)
        self._videos[operation.video] = _OpenVideo(operation.path, operation.model, session)
        self._save_idle(operation.video)
        return VideoInfo(session.size, frames.count, frames.fps)

    def _prompt_video(self, operation: PromptVideo) -> Mask:
        return self._video(operation.video).add(operation.frame, operation.object_id, operation.prompt)

    def _propagate(self, operation: Propagate) -> Iterator[FrameMasks]:
        session, video = self._video(operation.video), self._videos[operation.video]
        video.tracking += 1  # It is not saved meanwhile: the work would go on with a session that nobody has.
        try:
            for frame in session.propagate(start=operation.start, stop=operation.stop, reverse=operation.reverse):
                yield frame
                if operation.video not in self._videos:
                    raise NotFoundError("the video was closed")
        finally:
            video.tracking -= 1

    def _close_video(self, name: str) -> None:
        self._videos.pop(name, None)
        self._saved(name).unlink(missing_ok=True)

    def _video(self, name: str) -> VideoSession:
        video = self._videos.get(name)
        if video is None:
            raise NotFoundError(f"there is no open video {name[:80]!r}, or no longer: open it again")
        self._videos.move_to_end(name)
        if video.session is None:
            video.session = self._video_segmenter(video.model).resume(self._saved(name), open_frames(video.path))
            self._save_idle(name)
        return video.session

    def _save_idle(self, used: str) -> None:
        """Save the videos beyond the maximum number that were not used for longest."""
        opened = [name for name, video in self._videos.items() if video.session is not None and not video.tracking and name != used]
        for name in opened[: max(0, len(opened) + 1 - self._max_videos)]:
            video = self._videos[name]
            if video.session is not None:
                video.session.save(self._saved(name))
                video.session = None

    def _saved(self, name: str) -> Path:
        return self._folder / f"{name}.session"

    def _video_segmenter(self, model: str) -> VideoSegmenter:
        segmenter = self._pipeline(model).segmenter
        if self._tracker is not None:
            return self._tracker
        if segmenter is None:
            raise RefusedError(f"the model {model!r} has no segmenter, and cannot track")
        return PropagateSegmenter(segmenter)


def _served(name: str, pipeline: BuiltPipeline) -> ServedModel:
    accepts, classes, detects = pipeline.prompt_kinds, pipeline.classes, pipeline.detects
    finds, unprompted = pipeline.concept_kinds, pipeline.detector is not None
    return ServedModel(name, accepts, classes, detects, pipeline.models, pipeline.config, finds, unprompted)


ENCODED_TOGETHER = 8
"""Maximum number of images that are encoded together on an accelerator."""
