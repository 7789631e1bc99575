"""What a server asks of an engine: values that can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from ..pipeline.config import PipelineConfig
from ..prompts import Prompt, PromptKind
from ..rasters.window import Window
from ..results import Provenance
from .rasters import Segmentable, StoredRaster


@dataclass(frozen=True)
class ServedModel:
    """A pipeline that the server offers.

    Attributes:
        name: Its name in requests.
        accepts: Kinds of prompt that it takes.
        classes: Classes that its detector knows; empty for any phrase, or without a detector.
        detects: Whether it finds objects without a prompt or by phrase: it has a detector, or reads words.
        provenance: Its models, with their licenses.
        config: The configuration that it was built from.
        concepts: What the concepts may consist of that it finds.
        unprompted: Whether it has a detector, which finds what it knows without a prompt.
    """

    name: str
    accepts: frozenset[PromptKind]
    classes: tuple[str, ...]
    detects: bool
    provenance: tuple[Provenance, ...]
    config: PipelineConfig
    concepts: frozenset[PromptKind] = frozenset()
    unprompted: bool = False


@dataclass(frozen=True)
class Encode:
    """Encode an image ahead of prompts. The result is None."""

    model: str
    image: Segmentable


@dataclass(frozen=True)
class Segment:
    """Segment an image by prompts. The result is a `promptseg.Result` without its image; of a raster, a `SceneResult`.

    Attributes:
        model: Name of the model.
        image: The image.
        prompts: The prompts. Without any, the detector finds every class that it knows.
        candidates: Whether to return all masks that the model proposes for a spatial prompt.
        window: The part of a raster in which prompts of other kinds look; None for spatial prompts, and for an image.
    """

    model: str
    image: Segmentable
    prompts: tuple[Prompt, ...]
    candidates: bool = False
    window: Window | None = None


@dataclass(frozen=True)
class SearchRaster:
    """Find objects in all tiles of a raster. The result is a `SceneResult`.

    Attributes:
        model: Name of the model.
        image: The raster.
        prompts: Text prompts and examples, or everything mode alone. Without any, the detector finds every class that it knows.
    """

    model: str
    image: StoredRaster
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True)
class OpenVideo:
    """Open a video. The result is a `VideoInfo`."""

    video: str
    path: str
    model: str


@dataclass(frozen=True)
class VideoInfo:
    """A video that was opened.

    Attributes:
        size: ``(height, width)`` of its frames in pixels.
        frames: Number of frames as the file states it, or None.
        fps: Frames per second, or None.
    """

    size: tuple[int, int]
    frames: int | None
    fps: float | None


@dataclass(frozen=True)
class PromptVideo:
    """Prompt an object on a frame. The result is its `promptseg.Mask` there."""

    video: str
    frame: int
    object_id: int
    prompt: Prompt


@dataclass(frozen=True)
class RemoveObject:
    """Forget an object of a video. The result is None."""

    video: str
    object_id: int


@dataclass(frozen=True)
class Propagate:
    """Track the objects of a video. The results are `promptseg.FrameMasks`, frame by frame."""

    video: str
    start: int = 0
    stop: int | None = None
    reverse: bool = False


@dataclass(frozen=True)
class CloseVideo:
    """Forget a video. The result is None."""

    video: str


@dataclass(frozen=True)
class Annotate:
    """Annotate a folder of images as a dataset. The result is a `promptseg.annotation.summary.Annotation`.

    Attributes:
        model: Name of the model.
        folder: The folder of images.
        out: The folder for the dataset. A run that was stopped there is resumed.
        prompts: Prompts for every image.
        formats: Names of the formats to write.
    """

    model: str
    folder: str
    out: str
    prompts: tuple[Prompt, ...]
    formats: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """Close the images that nobody has used for so many seconds. The result is None."""

    idle_seconds: float


Operation = Union[Annotate, Encode, Segment, SearchRaster, OpenVideo, PromptVideo, RemoveObject, Propagate, CloseVideo, Sweep]


def affinity(operation: Operation) -> str:
    """Return the id of what the operation works on: operations of one id go to one device, which has it open."""
    if isinstance(operation, Annotate):
        return operation.out
    if isinstance(operation, Sweep):
        return ""
    return operation.image.id if isinstance(operation, (Encode, Segment, SearchRaster)) else operation.video
