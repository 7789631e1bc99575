"""Fake models without weights that return simple geometric shapes, for tests of code that uses models.

The results depend only on the prompt and on the size of the image, never on its pixels. They are deterministic.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import __version__
from .._prompt_hints import not_everything
from ..detections import Detections
from ..errors import InputError, OutOfMemoryError, PromptError, shown
from ..images import ImageLike, load_image, load_image_copy
from ..masks import Mask, Masks, Size
from ..notebook.session import SessionDisplay
from ..prompts import Concept, EverythingPrompt, Prompt, PromptKind, SpatialPrompt, listed_concepts, spatial
from ..protocols import ConceptMasks, EmbeddingStore, Frame, FrameSource, VideoLike
from ..results import Provenance
from ..tiling.session import OpensTiled
from ..video.frames import open_frames
from ..video.saved_session import SavedSession, saved_mask, saved_number
from ..video.session import TrackingSession

POINT_SCORES = {0.5: 0.7, 1.0: 0.9, 2.0: 0.8}
"""Candidates for prompts of points alone: scores of discs, by the multiple of the radius."""

SCORE = 0.95
"""Score of a mask without alternatives."""


def _provenance(model: str) -> Provenance:
    return Provenance(model, "fake", f"promptseg {__version__}", license="Apache-2.0")


@dataclass(frozen=True)
class FakeSegmenter(OpensTiled):
    """Segmenter that returns geometric shapes; a `promptseg.protocols.Segmenter`.

    Attributes:
        radius: Radius of the disc around a point in pixels. None: an eighth of the shorter side of the image.
        provenance: Provenance of the results.
    """

    radius: float | None = None
    provenance: Provenance = _provenance("fake-segmenter")

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """All kinds of prompts except text."""
        return frozenset({"point", "box", "mask", "everything"})

    def with_cache(self, cache: EmbeddingStore | None) -> FakeSegmenter:  # noqa: ARG002 - There is nothing to cache.
        """Return this segmenter itself: a fake has no embeddings."""
        return self

    def open(self, image: ImageLike) -> FakeSession:
        """Read an image and return a session for it.

        Raises:
            InputError: The image cannot be read.
        """
        return FakeSession(load_image_copy(image), self.radius, {"encode": 0.0}, self.provenance)


@dataclass(frozen=True, eq=False, repr=False)
class FakeSession(SessionDisplay):
    """Session that returns geometric shapes; a `promptseg.protocols.Session`.

    - A point gives a disc around it. Several points give the union of their discs.
    - A box gives the box. A mask gives the mask; logits are thresholded at 0 and resized to the image. A box with a mask gives their
      intersection.
    - Foreground points add their discs to a box or mask. Background points subtract their discs; alone, they give an empty mask.

    Prompts of points alone are ambiguous and have the three candidates of `POINT_SCORES`. All other prompts have one candidate.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        radius: Radius of the disc around a point in pixels. None: an eighth of the shorter side of the image.
        timings: Seconds by stage.
        provenance: Provenance of the results.
    """

    image: NDArray[np.uint8]
    radius: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    provenance: Provenance = _provenance("fake-segmenter")

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return (self.image.shape[0], self.image.shape[1])

    def segment(self, prompts: Iterable[Prompt], *, candidates: bool = False) -> Masks:
        """Return one mask per prompt, or all candidates of each prompt.

        Raises:
            PromptError: A prompt is not spatial or does not fit the image.
        """
        checked = list(spatial(prompts, self.size))
        return Masks((mask for index, prompt in enumerate(checked) for mask in self._candidates(prompt, index, candidates)), self.size)

    def everything(self, prompt: EverythingPrompt | None = None) -> Masks:
        """Return equal rectangles that tile the image, ``points_per_side`` along each side.

        Only rectangles that contain a point of the grid are returned. Scores fall from 1.0 to 0.9 row by row. ``pred_iou_thresh`` filters
        them. The other settings have no effect.

        Raises:
            PromptError: `prompt` is not an `EverythingPrompt`.
        """
        settings = EverythingPrompt() if prompt is None else prompt
        if not isinstance(settings, EverythingPrompt):
            raise PromptError(f"everything() takes Prompt.everything(), got {shown(prompt)}{not_everything(prompt)}")
        side = settings.points_per_side
        height, width = self.size
        hit = np.minimum((settings.grid() * side).astype(int), side - 1)
        cells = sorted({(row, column) for column, row in hit.tolist()})
        masks = []
        for index, (row, column) in enumerate(cells):
            (y0, y1), (x0, x1) = ((cell * length // side, (cell + 1) * length // side) for cell, length in ((row, height), (column, width)))
            score = 1.0 - 0.1 * index / len(cells)
            if score > (settings.pred_iou_thresh or 0.0) and x0 < x1 and y0 < y1:
                masks.append(Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (x0, y0), self.size, score=score))
        return Masks(masks, self.size)

    def _candidates(self, prompt: SpatialPrompt, index: int, candidates: bool) -> Iterator[Mask]:
        scores = POINT_SCORES if prompt.kinds == {"point"} else {1.0: SCORE}
        for factor, score in scores.items():
            if candidates or factor == 1.0:
                yield Mask.from_array(_region(prompt, self.size, self.radius, factor), score=score, prompt_index=index)


@dataclass(frozen=True, init=False)
class FakeDetector:
    """Detector that returns given detections for every image; a `promptseg.protocols.Detector`.

    Boxes are clipped to the image. Boxes outside the image are dropped.

    Attributes:
        found: ``(label, box, score)`` of each detection, in order.
    """

    found: tuple[tuple[str, tuple[float, ...], float], ...]

    def __init__(self, found: Mapping[str, ArrayLike] | Detections, score: float = 0.9) -> None:
        """Create a detector for given detections.

        Args:
            found: ``xyxy`` boxes by phrase, (4,) or (N, 4), or detections.
            score: Score of all boxes, if `found` is a mapping.
        """
        if isinstance(found, Detections):
            boxes, labels, scores = found.boxes, found.labels, found.scores.tolist()
        else:
            by_phrase = {phrase: np.asarray(boxes, np.float32).reshape(-1, 4) for phrase, boxes in found.items()}
            boxes = np.concatenate([np.zeros((0, 4), np.float32), *by_phrase.values()])
            labels = tuple(phrase for phrase, of_phrase in by_phrase.items() for _ in of_phrase)
            scores = [score] * len(labels)
        rows = tuple((label, tuple(box), one) for label, box, one in zip(labels, boxes.tolist(), scores, strict=True))
        object.__setattr__(self, "found", rows)

    @property
    def provenance(self) -> Provenance:
        """Provenance with model ``fake-detector``."""
        return _provenance("fake-detector")

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """Return the detections whose label is one of `phrases`, ordered by phrase. None: all detections.

        Raises:
            InputError: The image cannot be read.
            PromptError: `phrases` is a string.
        """
        if isinstance(phrases, str):
            raise PromptError(f"phrases are a list of strings: write [{shown(phrases)}]")
        height, width = load_image(image).shape[:2]
        wanted = dict.fromkeys(label for label, _, _ in self.found) if phrases is None else dict.fromkeys(phrases)
        rows = [row for phrase in wanted for row in self.found if row[0] == phrase]
        inside = [row for row in rows if min(row[1][2], width) > max(row[1][0], 0) and min(row[1][3], height) > max(row[1][1], 0)]
        return Detections((height, width), [row[1] for row in inside], [row[2] for row in inside], [row[0] for row in inside])


@dataclass(frozen=True)
class FakeConceptSegmenter:
    """Concept segmenter that returns geometric shapes; a `promptseg.protocols.ConceptSegmenter`.

    - A phrase gives the boxes of `found` for it.
    - A positive example, in whatever image it is, gives the shape of `FakeSession` at the same place of the searched image. A place beyond
      the searched image gives nothing.
    - The shapes of negative examples are taken off.

    All masks have the same score. The presence is 1 if there are masks, and else 0.

    Attributes:
        found: ``xyxy`` boxes by phrase, each (N, 4). Boxes are clipped to the image.
        radius: Radius of the disc around a point in pixels. None: an eighth of the shorter side of the image.
        provenance: Provenance of the results.
    """

    found: Mapping[str, ArrayLike] = field(default_factory=dict)
    radius: float | None = None
    provenance: Provenance = _provenance("fake-concept-segmenter")

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Phrases and examples."""
        return frozenset({"text", "example"})

    def with_cache(self, cache: EmbeddingStore | None) -> FakeConceptSegmenter:  # noqa: ARG002 - There is nothing to cache.
        """Return this concept segmenter itself: a fake has no embeddings."""
        return self

    def open(self, image: ImageLike) -> FakeConceptSession:
        """Read an image and return a session for it.

        Raises:
            InputError: The image cannot be read.
        """
        return FakeConceptSession(load_image_copy(image), self)

    def find(self, image: ImageLike, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept in an image."""
        return self.open(image).find(concepts)


@dataclass(frozen=True, eq=False, repr=False)
class FakeConceptSession:
    """Session of a `FakeConceptSegmenter`; a `promptseg.protocols.ConceptSession`.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        segmenter: The concept segmenter that opened it.
        timings: Seconds by stage.
    """

    image: NDArray[np.uint8]
    segmenter: FakeConceptSegmenter
    timings: Mapping[str, float] = field(default_factory=lambda: {"encode": 0.0})

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return (self.image.shape[0], self.image.shape[1])

    @property
    def provenance(self) -> Provenance:
        """Provenance of the concept segmenter."""
        return self.segmenter.provenance

    def find(self, concepts: Sequence[Concept]) -> list[ConceptMasks]:
        """Return what is found of each concept, in the order of the concepts.

        Raises:
            PromptError: There is no concept, or an example does not fit the image.
        """
        checked = listed_concepts(concepts)
        return [self._find(concept) for concept in checked]

    def _find(self, concept: Concept) -> ConceptMasks:
        height, width = self.size
        boxes = np.asarray(self.segmenter.found.get(concept.phrase or "", ()), np.float32).reshape(-1, 4)
        regions = [_region(Prompt.box(*box), self.size, None, 1.0) for box in boxes.tolist()]
        off = np.zeros(self.size, bool)
        for example in concept.examples:
            image, prompt = example.placed(self.image)
            region = np.zeros(self.size, bool)
            there = _region(prompt, (image.shape[0], image.shape[1]), self.segmenter.radius, 1.0)[:height, :width]
            region[: there.shape[0], : there.shape[1]] = there
            if example.positive:
                regions.append(region)
            else:
                off |= region
        masks = [Mask.from_array(region & ~off, score=SCORE, label=concept.label) for region in regions]
        masks = [mask for mask in masks if mask.area]
        return ConceptMasks(Masks(masks, self.size), float(bool(masks)))


class FakeFrames:
    """Frame source over arrays; a `promptseg.protocols.FrameSource`.

    Args:
        frames: The frames, each (H, W, 3) uint8 RGB; at least one. The first frame determines the size of the video.
        rereadable: Whether frames can be read again. If not, each frame can be read once, as with a camera.
    """

    fps: float | None = None

    def __init__(self, frames: Iterable[NDArray[np.uint8]], rereadable: bool = True) -> None:
        self._frames = list(frames)
        self._given = 0
        self.rereadable = rereadable
        self.count = len(self._frames) if rereadable else None
        height, width = self._frames[0].shape[:2]
        self.size: Size = (height, width)

    def read(self, start: int = 0) -> Iterator[Frame]:
        if not self.rereadable and start < self._given:
            raise InputError(f"these frames are read once: frame {start} has gone by, the next is {self._given}")
        for index in range(start, len(self._frames)):
            if self._frames[index].shape[:2] != self.size:
                raise InputError(f"frame {index} has shape {self._frames[index].shape}, the video {self.size}")
            self._given = index + 1
            yield Frame(index, self._frames[index])


@dataclass(frozen=True)
class FakeVideoSegmenter:
    """Video segmenter whose objects keep their shape and move at constant speed; a `promptseg.protocols.VideoSegmenter`.

    Attributes:
        shift: Movement ``(x, y)`` of every object from one frame to the next, in whole pixels.
        radius: Radius of the disc around a point in pixels. None: an eighth of the shorter side of the video.
        max_objects: Maximum number of objects in a session.
    """

    shift: tuple[int, int] = (0, 0)
    radius: float | None = None
    max_objects: int = 1000

    @property
    def provenance(self) -> Provenance:
        """Provenance with model ``fake-video-segmenter``."""
        return _provenance("fake-video-segmenter")

    def open(self, frames: VideoLike) -> FakeVideoSession:
        """Return a session for a video. Frames are read when they are needed.

        Raises:
            InputError: The video cannot be opened.
        """
        return FakeVideoSession(open_frames(frames), self)

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> FakeVideoSession:
        """Return a session that continues a saved one.

        Raises:
            InputError: The video cannot be opened, or the file is not a saved session of this video.
        """
        session = self.open(frames)
        session.restore(SavedSession.read(path))
        return session


class FakeVideoSession(TrackingSession):
    """Video session whose objects keep their shape and move at constant speed; a `promptseg.protocols.VideoSession`.

    On a prompted frame, an object has the mask that `FakeSession` returns. On another frame, it has the mask of its latest prompt in the
    direction of propagation, shifted by the frames in between. Before its first prompt an object does not exist. A new prompt for an object
    replaces an earlier prompt on the same frame.

    Args:
        frames: The video.
        segmenter: Segmenter that opened the session.
    """

    def __init__(self, frames: FrameSource, segmenter: FakeVideoSegmenter) -> None:
        super().__init__(frames, segmenter.provenance, frozenset({"point", "box", "mask"}))
        self._image = FakeSession(np.zeros((*frames.size, 3), np.uint8), segmenter.radius)
        self._segmenter = segmenter
        self._masks: dict[int, dict[int, Mask]] = {}

    def _prompt(self, frame: Frame, object_id: int, prompt: SpatialPrompt) -> Mask:
        if object_id not in self._masks and len(self._masks) >= self._segmenter.max_objects:
            raise OutOfMemoryError(
                f"there is room for {self._segmenter.max_objects} objects: remove one before object {object_id} is added"
            )
        mask = replace(self._image.segment([prompt])[0], prompt_index=None)
        self._masks.setdefault(object_id, {})[frame.index] = mask
        return mask

    def _track(self, frame: Frame, object_ids: list[int], reverse: bool) -> dict[int, Mask]:
        there: dict[int, Mask] = {}
        for object_id in object_ids:
            prompted = self._masks[object_id]
            latest = min(at for at in prompted if at >= frame.index) if reverse else max(at for at in prompted if at <= frame.index)
            steps = frame.index - latest
            there[object_id] = _moved(prompted[latest], self._segmenter.shift[0] * steps, self._segmenter.shift[1] * steps)
        return there

    def _forget(self, object_id: int) -> None:
        del self._masks[object_id]

    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        masks = [
            [object_id, frame, mask.score, mask.to_coco_rle()]
            for object_id, prompted in self._masks.items()
            for frame, mask in prompted.items()
        ]
        return {"masks": masks}, {}

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - A fake saves no arrays.
        for object_id, frame, score, rle in values["masks"]:
            self._masks.setdefault(saved_number(object_id), {})[saved_number(frame)] = saved_mask(rle, self.size, score)
        if {object_id: set(masks) for object_id, masks in self._masks.items()} != self._prompted:
            raise ValueError("its masks are of other objects or other frames than its prompts")


def _region(prompt: SpatialPrompt, size: Size, radius: float | None, factor: float) -> NDArray[np.bool_]:
    height, width = size
    y, x = np.ogrid[:height, :width]
    region = np.zeros(size, bool)
    if prompt.mask_pixels is not None:
        region = prompt.mask_pixels.array
    elif prompt.logits is not None:
        rows, columns = (np.arange(length) * of // length for length, of in zip(size, prompt.logits.shape, strict=True))
        region = prompt.logits[rows][:, columns] > 0
    if prompt.xyxy is not None:
        x0, y0, x1, y1 = (float(v) for v in prompt.xyxy)
        box = (x + 0.5 >= x0) & (x + 0.5 < x1) & (y + 0.5 >= y0) & (y + 0.5 < y1)
        region = region & box if "mask" in prompt.kinds else box
    reach = factor * (min(size) / 8 if radius is None else radius)
    for foreground in (True, False):
        for px, py in prompt.xy[prompt.foreground == foreground]:
            disc = (x - px) ** 2 + (y - py) ** 2 <= reach**2
            # The disc always contains the pixel under the point, even if the radius is smaller than a pixel.
            disc |= (x == min(int(px + 0.5), width - 1)) & (y == min(int(py + 0.5), height - 1))
            region = region | disc if foreground else region & ~disc
    return np.asarray(region)


def _moved(mask: Mask, dx: int, dy: int) -> Mask:
    """Return the mask moved by whole pixels. Pixels outside the image are dropped."""
    height, width = mask.size
    x0, y0, x1, y1 = (int(v) for v in mask.box)
    left, top, right, bottom = max(0, x0 + dx), max(0, y0 + dy), min(width, x1 + dx), min(height, y1 + dy)
    if (dx, dy) == (0, 0):
        return mask
    if left >= right or top >= bottom:
        crop, origin = np.zeros((1, 1), bool), (0, 0)
    else:
        crop, origin = mask.array[top - dy : bottom - dy, left - dx : right - dx], (left, top)
    return replace(mask, counts=Mask.from_crop(crop, origin, mask.size).counts)
