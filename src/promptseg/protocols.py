"""Protocols of the models: segmenters, detectors, concept segmenters, trackers and their sessions.

A backend implements a protocol by having its methods; it need not inherit from anything here. Arguments and results are NumPy arrays and
values of promptseg, never torch tensors. Images are (H, W, 3) uint8 RGB, or anything else that `promptseg.images.load_image` takes. Boxes
are ``xyxy`` float32 pixels, half-open. Points are ``(x, y)``.
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
from .prompts import Concept, EverythingPrompt, Prompt, PromptKind
from .results import FrameMasks, Provenance


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        index: Position among the requested frames, from 0.
        image: (H, W, 3) uint8 RGB.
        time: Seconds since the video's first frame, or None if the source has no times.
        dropped: Number of frames of a live source that came before this one and were dropped: see ``drop`` of `promptseg.open_frames`.
    """

    index: int
    image: NDArray[np.uint8]
    time: float | None = None
    dropped: int = 0


@runtime_checkable
class FrameSource(Protocol):
    """A stream of video frames of one size.

    `promptseg.open_frames` makes one from any video. Your own class needs these methods and no base class.
    """

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        ...

    @property
    def rereadable(self) -> bool:
        """Whether frames can be read again, starting at any frame. If not, each frame can be read once."""
        ...

    @property
    def count(self) -> int | None:
        """Number of frames as stated before all are read, or None if unknown. A video file may state too few or too many."""
        ...

    @property
    def fps(self) -> float | None:
        """Average number of frames per second, or None if unknown."""
        ...

    def read(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from index `start` on, in order.

        A source that is not rereadable yields each frame once, over all calls.

        Raises:
            InputError: Frame `start` is no longer available, or a frame cannot be read or has another size. The frames before it were
                yielded.
        """
        ...


VideoLike = Union[str, "os.PathLike[str]", bytes, int, NDArray[Any], Sequence[ImageLike], Iterable[ImageLike], FrameSource]
"""What `promptseg.open_frames` takes."""


@runtime_checkable
class Detector(Protocol):
    """A model that finds boxes, by phrase if it reads text.

    A detector may drop detections with low scores and keep only the best ones. It then takes the options ``threshold`` (default 0.05) and
    ``max_detections`` (default 300). A pipeline whose stage asks for more detections sets them.
    """

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model."""
        ...

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Return the detections of one image, for the given phrases or, with None, for every class that the model knows.

        The label of a detection is the phrase as it was given. A phrase may have alternatives, such as ``"car|automobile"``: the label is
        the first of them.
        """
        ...


@runtime_checkable
class ChecksPhrases(Protocol):
    """A detector that knows without an image which phrases it can find. A long run asks it before the first image."""

    def check_phrases(self, phrases: Sequence[str]) -> None:
        """Check phrases.

        Raises:
            PromptError: A phrase names nothing that the detector knows.
        """
        ...


@runtime_checkable
class Session(Protocol):
    """An encoded image, ready for prompts. It is immutable, independent of other sessions, and safe to use from several threads."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) uint8 RGB."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model that encoded the image."""
        ...

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        ...

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds spent on opening this session, by stage. ``encode`` is absent or 0 if a cached embedding was used."""
        ...

    def segment(self, prompts: Iterable[Prompt], *, candidates: bool = False) -> Masks:
        """Return one mask per prompt, in the order of the prompts; with `candidates`, all masks that the model proposes for each prompt."""
        ...

    def everything(self, prompt: EverythingPrompt) -> Masks:
        """Return a mask of every object that the model finds, best first."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features of an image on a grid of cells.

    Attributes:
        values: (C, rows, columns) float32. The grid covers the whole image evenly: the cell at row r and column c has its top-left corner
            at ``(c * width / columns, r * height / rows)``.
        size: ``(height, width)`` of the image in pixels.
    """

    values: NDArray[np.float32]
    size: Size


@runtime_checkable
class HasFeatures(Protocol):
    """A session that offers image features, for finding an object again in other images or frames."""

    def features(self) -> FeatureMap:
        """Return the features of the image."""
        ...


@runtime_checkable
class TellsSize(Protocol):
    """A session that knows how much memory it takes, so that whoever keeps many can bound them."""

    @property
    def nbytes(self) -> int:
        """Number of bytes that the session takes now. The first prompt may add to it."""
        ...


@runtime_checkable
class EmbeddingStore(Protocol):
    """Storage for image embeddings: `promptseg.EmbeddingCache`, or any object with these two methods."""

    def get(self, key: str) -> Mapping[str, NDArray[np.float32]] | None:
        """Return the features stored under a key, or None if there are none."""
        ...

    def put(self, key: str, features: Mapping[str, NDArray[np.float32]]) -> None:
        """Store features under a key."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """A model that opens images for prompting."""

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model."""
        ...

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Kinds of prompt that the sessions accept."""
        ...

    def open(self, image: ImageLike) -> Session:
        """Encode an image once and return a session for any number of prompts."""
        ...

    def with_cache(self, cache: EmbeddingStore | None) -> Segmenter:
        """Return a segmenter of the same model that stores embeddings in `cache`, or stores none for None.

        This segmenter does not change. A segmenter without embeddings returns itself.
        """
        ...


@runtime_checkable
class BatchSegmenter(Segmenter, Protocol):
    """A segmenter that encodes several images together, faster than one by one."""

    def open_all(self, images: Sequence[ImageLike]) -> Sequence[Session]:
        """Return a session for each image, in order. The images may differ in size."""
        ...


@runtime_checkable
class FeatureExtractor(Protocol):
    """A model that computes features of an image, and nothing else. Concepts may be found with its features instead of the segmenter's."""

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model."""
        ...

    def features(self, image: ImageLike) -> FeatureMap:
        """Return the features of an image."""
        ...


@dataclass(frozen=True, eq=False)
class ConceptMasks:
    """What was found of one concept in an image.

    Attributes:
        masks: A mask for each instance, best first, with its score from 0 to 1 and the label of the concept.
        presence: How sure the model is that the image shows any instance, from 0 to 1. A concept segmenter says in its documentation
            whether this is a probability. It may be low although there are masks, and high although no instance passed a threshold.
    """

    masks: Masks
    presence: float


@runtime_checkable
class ConceptSession(Protocol):
    """An encoded image, ready for concepts. It is immutable, and safe to use from several threads."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) uint8 RGB."""
        ...

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model that encoded the image."""
        ...

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds spent on opening this session, by stage. ``encode`` is absent or 0 if a cached embedding was used."""
        ...

    def find(self, concepts: Sequence[Concept]) -> Sequence[ConceptMasks]:
        """Return what was found of each concept, in the order of the concepts.

        Raises:
            PromptError: There is no concept, or one has a phrase or examples that the model does not take or that do not fit the image.
        """
        ...


@runtime_checkable
class ConceptSegmenter(Protocol):
    """A model that finds every instance of what a phrase or examples describe."""

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model."""
        ...

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """What concepts may consist of: ``"text"``, ``"example"``, or both. Both say that one concept may have a phrase and examples."""
        ...

    def open(self, image: ImageLike) -> ConceptSession:
        """Encode an image once and return a session for any number of concepts."""
        ...

    def find(self, image: ImageLike, concepts: Sequence[Concept]) -> Sequence[ConceptMasks]:
        """Return what was found of each concept in an image: ``open(image).find(concepts)``."""
        ...

    def with_cache(self, cache: EmbeddingStore | None) -> ConceptSegmenter:
        """Return a concept segmenter of the same model that stores embeddings in `cache`, or stores none for None.

        This one does not change. A concept segmenter without embeddings returns itself.
        """
        ...


@runtime_checkable
class FindsInSessions(Protocol):
    """A concept segmenter that works with the sessions of a segmenter, so that an image is encoded once for both."""

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter."""
        ...

    def on(self, session: Session) -> ConceptSession:
        """Return a session for concepts on an image that the segmenter has opened."""
        ...

    def with_segmenter(self, segmenter: Segmenter) -> ConceptSegmenter:
        """Return a concept segmenter with the same settings that works with another segmenter."""
        ...


@runtime_checkable
class VideoSession(Protocol):
    """Tracking of objects through one video. A session changes with each call and is for one thread at a time.

    An object exists from its first prompted frame on, in the direction of tracking. It keeps its id. Its mask is empty on frames where it
    cannot be seen. Objects may be prompted and removed between any two frames of `propagate`.

    If each frame can be read once only, the session keeps the latest frames. Earlier frames can neither be prompted nor tracked again.
    """

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        ...

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, in the order in which they were first prompted."""
        ...

    def add(self, frame: int, object_id: int, prompt: Prompt) -> Mask:
        """Prompt one object on one frame and return its mask there. The session is unchanged if this raises.

        Raises:
            PromptError: The frame does not exist or is no longer available, the id is not a whole number of at least 0, or the prompt is
                not spatial, is of a kind that the model does not accept, or does not fit the frame.
            OutOfMemoryError: There is no memory for one more object or prompt.
        """
        ...

    def remove(self, object_id: int) -> None:
        """Stop tracking an object and forget it.

        Raises:
            PromptError: There is no such object.
        """
        ...

    def propagate(self, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> Iterator[FrameMasks]:
        """Track the objects and yield the masks of each frame.

        Args:
            start: First frame.
            stop: Frame before which tracking ends, excluded; None for the end of the video, or its beginning with `reverse`.
            reverse: Whether to track backward from `start`.

        Raises:
            PromptError: Frame `start` does not exist or is no longer available.
            InputError: The next frame cannot be read. The masks of earlier frames are kept.
        """
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session without its frames to a file, from which `VideoSegmenter.resume` continues.

        Raises:
            OutputError: The file cannot be written.
        """
        ...


@runtime_checkable
class VideoSegmenter(Protocol):
    """A model that opens videos for tracking."""

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model."""
        ...

    def open(self, frames: VideoLike) -> VideoSession:
        """Start tracking through a video, given as anything that `promptseg.open_frames` takes.

        Raises:
            InputError: The video cannot be read.
        """
        ...

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> VideoSession:
        """Return a session that continues a saved one, over the same frames.

        Raises:
            InputError: The file is not a saved session, was written by another model or with other weights, or belongs to frames of
                another size.
        """
        ...


@runtime_checkable
class ConceptVideoSession(Protocol):
    """Search for every instance of concepts through one video. A session changes with each call and is for one thread at a time.

    Objects are found on any frame and get ids in the order in which they are found. An object exists from the frame on which it is found.
    Its mask is empty on frames where it cannot be seen, and has the label of the concept. Concepts may be added, and objects removed,
    between any two frames of `propagate`.

    If each frame can be read once only, the session keeps the latest frames, as a `VideoSession` does.
    """

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        ...

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects that are tracked, in the order in which they were found."""
        ...

    def find(self, concepts: Sequence[Concept]) -> None:
        """Find and track every instance of concepts, from the next frame that is read on.

        Concepts that are looked for already are kept. A session may read frames ahead of those that it has yielded.

        Raises:
            PromptError: There is no concept, or one has a phrase or examples that the model does not take.
        """
        ...

    def remove(self, object_id: int) -> None:
        """Stop tracking an object and forget it. If it is found again, it is another object.

        Raises:
            PromptError: There is no such object.
        """
        ...

    def propagate(self, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> Iterator[FrameMasks]:
        """Find and track objects, and yield the masks of each frame.

        Args:
            start: First frame. To continue, it is the frame after the one that was yielded last.
            stop: Frame before which tracking ends, excluded; None for the end of the video, or its beginning with `reverse`.
            reverse: Whether to track backward from `start`.

        Raises:
            PromptError: No concept is looked for, or frame `start` does not exist or is no longer available.
            InputError: The next frame cannot be read. The masks of earlier frames are yielded and kept.
        """
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session without its frames to a file, from which `ConceptVideoSegmenter.resume` continues.

        Raises:
            OutputError: The file cannot be written.
        """
        ...


@runtime_checkable
class ConceptVideoSegmenter(Protocol):
    """A model that finds every instance of concepts in videos, and tracks it.

    It differs from a `VideoSegmenter` by `accepts`: a tool that takes both asks first whether it has a `ConceptVideoSegmenter`.
    """

    @property
    def provenance(self) -> Provenance:
        """Name, backend, weights and license of the model."""
        ...

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """What concepts may consist of: ``"text"``, ``"example"``, or both."""
        ...

    def open(self, frames: VideoLike) -> ConceptVideoSession:
        """Start a search through a video, given as anything that `promptseg.open_frames` takes.

        Raises:
            InputError: The video cannot be read.
        """
        ...

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> ConceptVideoSession:
        """Return a session that continues a saved one, over the same frames.

        Raises:
            InputError: The file is not a saved session, was written by another model or with other weights, or belongs to frames of
                another size.
        """
        ...
