"""The seams: what a backend must offer. Nothing here imports a backend, and a backend need not inherit from anything here.

numpy crosses these seams, torch never does. Images are (H, W, 3) uint8 RGB, or anything else that `promptseg.images.load_image` takes;
boxes are ``xyxy`` float32 pixels, half-open; points are ``(x, y)``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Union, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .detections import Detections
from .images import ImageLike
from .masks import Mask, Masks, Size
from .prompts import EverythingPrompt, Prompt, PromptKind
from .results import FrameMasks, Provenance


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        index: Its place among the frames that were asked for, from 0.
        image: (H, W, 3) uint8 RGB.
        time: Seconds since the video's first frame, or None where the source has no times.
    """

    index: int
    image: NDArray[np.uint8]
    time: float | None = None


@runtime_checkable
class FrameSource(Protocol):
    """A stream of video frames of one size; `promptseg.open_frames` makes one of any video, and yours need not inherit from anything."""

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        ...

    @property
    def rereadable(self) -> bool:
        """Whether frames can be read again, from any of them; if not, each comes once."""
        ...

    @property
    def count(self) -> int | None:
        """How many frames there are, as far as that is known before all are read: a video file may say less or more than it has."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second on average, where that is known."""
        ...

    def read(self, start: int = 0) -> Iterator[Frame]:
        """The frames from that at `start` on, in order; where they come once, only those that have not been given.

        Raises:
            InputError: `start` has gone by, or a frame cannot be read or has another size; frames before it were given.
        """
        ...


VideoLike = Union[str, "os.PathLike[str]", bytes, int, NDArray[Any], Sequence[ImageLike], Iterable[ImageLike], FrameSource]
"""What `promptseg.open_frames` takes."""


@runtime_checkable
class Detector(Protocol):
    """Finds boxes, by phrase where the model reads text.

    A detector may hold back low scores, and all but the best boxes. Then it takes options ``threshold`` (0.05 unless the user says
    otherwise) and ``max_detections`` (300); a pipeline whose stage asks for more sets them.
    """

    @property
    def provenance(self) -> Provenance:
        """Which model this is, with its weights and license."""
        ...

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Detections on one image; `phrases` None asks for every class that the model knows.

        A detection of a phrase has it for its label as it was asked for; of ``"car|automobile"``, alternatives for one thing, the first.
        """
        ...


@runtime_checkable
class Session(Protocol):
    """An encoded image that answers prompts. Immutable, independent of other sessions, and safe to use from several threads."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) uint8 RGB."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Which model encoded the image."""
        ...

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        ...

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds spent on making this session, by stage: ``encode`` is absent or 0 where a cached embedding was used."""
        ...

    def segment(self, prompts: Sequence[Prompt], *, candidates: bool = False) -> Masks:
        """One mask a prompt, in the order of the prompts; with `candidates`, all that the model proposes for each, prompt by prompt."""
        ...

    def everything(self, prompt: EverythingPrompt) -> Masks:
        """Every object that the model finds, best first."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features of an image on a grid of cells.

    Attributes:
        values: (C, rows, columns) float32. The grid covers the whole image evenly: the cell at row r and column c is the part of the image
            from ``(c * width / columns, r * height / rows)`` on.
        size: ``(height, width)`` of the image in pixels.
    """

    values: NDArray[np.float32]
    size: Size


@runtime_checkable
class HasFeatures(Protocol):
    """A session that offers its features, for finding an object again in other images or frames."""

    def features(self) -> FeatureMap:
        """Return the features of the image."""
        ...


class EmbeddingStore(Protocol):
    """Where a segmenter keeps embeddings: `promptseg.EmbeddingCache`, or anything with its two methods."""

    def get(self, key: str) -> Mapping[str, NDArray[np.float32]] | None:
        """Return the features stored under a key, or None."""
        ...

    def put(self, key: str, features: Mapping[str, NDArray[np.float32]]) -> None:
        """Store features under a key."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Opens images for prompting."""

    @property
    def provenance(self) -> Provenance:
        """Which model this is, with its weights and license."""
        ...

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Kinds of prompt that its sessions take."""
        ...

    def open(self, image: ImageLike) -> Session:
        """Encode an image once; the session answers any number of prompts."""
        ...

    def with_cache(self, cache: EmbeddingStore | None) -> Segmenter:
        """Return a segmenter with the same model that keeps its embeddings in `cache`, or nowhere for None.

        This segmenter stays as it is. One that has no embeddings to keep returns itself.
        """
        ...


@runtime_checkable
class BatchSegmenter(Segmenter, Protocol):
    """A segmenter that encodes several images faster together than one by one."""

    def open_all(self, images: Sequence[ImageLike]) -> Sequence[Session]:
        """A session for each image, in order; the images may differ in size."""
        ...


@runtime_checkable
class VideoSession(Protocol):
    """A video being tracked. It changes as it goes on: for one thread at a time.

    An object is there from its first prompt on, seen in the direction in which frames are tracked. It keeps its id. An object that cannot
    be seen on a frame has an empty mask there. Objects may be prompted and removed between any two frames of `propagate`.

    Where the frames come once, the session keeps the latest of them: an earlier one can be neither prompted nor gone back to.
    """

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        ...

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order in which they were first prompted."""
        ...

    def add(self, frame: int, object_id: int, prompt: Prompt) -> Mask:
        """Prompts one object on one frame and returns its mask there. Nothing has changed where this raises.

        Raises:
            PromptError: There is no such frame or it has gone by, the id is no whole number of at least 0, or the prompt is not spatial,
                is of a kind that the model does not take or does not fit the frame.
            OutOfMemoryError: There is no room for one more object or prompt.
        """
        ...

    def remove(self, object_id: int) -> None:
        """Stops tracking an object and forgets it.

        Raises:
            PromptError: There is no such object.
        """
        ...

    def propagate(self, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> Iterator[FrameMasks]:
        """Tracks the objects through the frames from `start` to before `stop`, or with `reverse` from `start` back to after `stop`.

        Raises:
            PromptError: There is no frame `start`, or it has gone by.
            InputError: The next frame cannot be read. What was tracked before it is kept.
        """
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything but the frames to a file, from which `VideoSegmenter.resume` goes on.

        Raises:
            OutputError: The file cannot be written.
        """
        ...


@runtime_checkable
class VideoSegmenter(Protocol):
    """Opens videos for tracking."""

    @property
    def provenance(self) -> Provenance:
        """Which model this is, with its weights and license."""
        ...

    def open(self, frames: VideoLike) -> VideoSession:
        """Starts a tracking session over `frames`, which are what `promptseg.video.frames.open_frames` takes.

        Raises:
            InputError: The video cannot be read.
        """
        ...

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> VideoSession:
        """A session that goes on where a saved one was, over the same frames.

        Raises:
            InputError: The file is no saved session, was written by another model or other weights, or is of frames of another size.
        """
        ...
