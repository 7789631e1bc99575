"""Models without weights whose answers are plain geometry: for tests of everything that is built on a model.

What a fake answers depends on the prompt and the image's size alone, never on the pixels, and is the same every time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import __version__
from ..detections import Detections
from ..errors import InputError, OutOfMemoryError, PromptError
from ..images import ImageLike, load_image, own_image
from ..masks import Mask, Masks, Size
from ..prompts import EverythingPrompt, Prompt, PromptKind, SpatialPrompt, spatial
from ..protocols import EmbeddingStore, Frame, FrameSource, VideoLike
from ..results import Provenance
from ..video.frames import open_frames
from ..video.saved_session import SavedSession
from ..video.session import TrackingSession

POINT_SCORES = {0.5: 0.7, 1.0: 0.9, 2.0: 0.8}
"""The candidates for points alone: discs of these multiples of the radius, with these scores."""

SCORE = 0.95
"""Score of a mask for which there is only one candidate."""


def _provenance(model: str) -> Provenance:
    return Provenance(model, "fake", f"promptseg {__version__}", license="Apache-2.0")


@dataclass(frozen=True)
class FakeSegmenter:
    """A `promptseg.protocols.Segmenter` that answers with geometry.

    Attributes:
        radius: Radius in pixels of the disc around a point; default: an eighth of the image's shorter side.
        provenance: Which model it says it is.
    """

    radius: float | None = None
    provenance: Provenance = _provenance("fake-segmenter")

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Every kind but text."""
        return frozenset({"point", "box", "mask", "everything"})

    def with_cache(self, cache: EmbeddingStore | None) -> FakeSegmenter:  # noqa: ARG002 - There is nothing to keep.
        """Return this segmenter: a fake has no embeddings."""
        return self

    def open(self, image: ImageLike) -> FakeSession:
        """Read the image.

        Raises:
            InputError: The image cannot be used.
        """
        return FakeSession(own_image(image), self.radius, {"encode": 0.0}, self.provenance)


@dataclass(frozen=True, eq=False)
class FakeSession:
    """A `promptseg.protocols.Session` that answers with geometry.

    - A point gives a disc around it, several points the union of their discs.
    - A box gives the box, a mask the mask (logits are cut at 0 and stretched over the image); both together give what they share.
    - Foreground points add their discs to a box or mask, background points take theirs away, and alone give an empty mask.

    Points alone are ambiguous and have three candidates, `POINT_SCORES`; all else has one.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        radius: Radius in pixels of the disc around a point, or None for an eighth of the shorter side.
        timings: Seconds by stage.
        provenance: Which model it says it is of.
    """

    image: NDArray[np.uint8] = field(repr=False)
    radius: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    provenance: Provenance = _provenance("fake-segmenter")

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return (self.image.shape[0], self.image.shape[1])

    def segment(self, prompts: Sequence[Prompt], *, candidates: bool = False) -> Masks:
        """One mask a prompt, or all candidates of each.

        Raises:
            PromptError: A prompt is not spatial or does not fit the image.
        """
        checked = list(spatial(prompts, self.size))
        return Masks((mask for index, prompt in enumerate(checked) for mask in self._answer(prompt, index, candidates)), self.size)

    def everything(self, prompt: EverythingPrompt | None = None) -> Masks:
        """The image in rectangles of equal size, ``points_per_side`` along each side: those that the grid's points lie in.

        Scores fall from 1.0 to 0.9 row by row, and ``pred_iou_thresh`` is obeyed; the other settings have no effect.

        Raises:
            PromptError: `prompt` is of another kind.
        """
        settings = EverythingPrompt() if prompt is None else prompt
        if not isinstance(settings, EverythingPrompt):
            raise PromptError(f"everything() takes Prompt.everything(), got {prompt!r}: use segment()")
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

    def _answer(self, prompt: SpatialPrompt, index: int, candidates: bool) -> Iterator[Mask]:
        scores = POINT_SCORES if prompt.kinds == {"point"} else {1.0: SCORE}
        for factor, score in scores.items():
            if candidates or factor == 1.0:
                yield Mask.from_array(_region(prompt, self.size, self.radius, factor), score=score, prompt_index=index)


@dataclass(frozen=True, init=False)
class FakeDetector:
    """A `promptseg.protocols.Detector` that finds what it was told to, whatever the image shows.

    Boxes are cut to each image; those that lie outside it are not found.

    Attributes:
        found: One ``(label, box, score)`` a detection, in order.
    """

    found: tuple[tuple[str, tuple[float, ...], float], ...]

    def __init__(self, found: Mapping[str, ArrayLike] | Detections, score: float = 0.9) -> None:
        """Takes what to find.

        Args:
            found: ``xyxy`` boxes by phrase (one box or (N, 4)), or detections to repeat.
            score: Score of every box of a mapping.
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
        """A fake, of this version."""
        return _provenance("fake-detector")

    def detect(self, image: ImageLike, phrases: Sequence[str] | None = None) -> Detections:
        """The detections labeled with one of `phrases`, phrase by phrase; for None those of every label.

        Raises:
            InputError: The image cannot be used.
            PromptError: `phrases` is one string.
        """
        if isinstance(phrases, str):
            raise PromptError(f"phrases are a list of strings: write [{phrases!r}]")
        height, width = load_image(image).shape[:2]
        wanted = dict.fromkeys(label for label, _, _ in self.found) if phrases is None else dict.fromkeys(phrases)
        rows = [row for phrase in wanted for row in self.found if row[0] == phrase]
        inside = [row for row in rows if min(row[1][2], width) > max(row[1][0], 0) and min(row[1][3], height) > max(row[1][1], 0)]
        return Detections((height, width), [row[1] for row in inside], [row[2] for row in inside], [row[0] for row in inside])


class FakeFrames:
    """A `promptseg.protocols.FrameSource` over arrays.

    Args:
        frames: The frames, each (H, W, 3) uint8 RGB; at least one, whose size is the video's.
        rereadable: Whether they can be read again; if not, they come once, as a camera's do.
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
    """A `promptseg.protocols.VideoSegmenter` whose objects keep their shape and move evenly.

    Attributes:
        shift: Whole pixels ``(x, y)`` by which every object moves from one frame to the next.
        radius: As for `FakeSegmenter`.
        most: How many objects there is room for.
    """

    shift: tuple[int, int] = (0, 0)
    radius: float | None = None
    most: int = 1000

    @property
    def provenance(self) -> Provenance:
        """A fake, of this version."""
        return _provenance("fake-video-segmenter")

    def open(self, frames: VideoLike) -> FakeVideoSession:
        """Starts a session; frames are read when they are reached."""
        return FakeVideoSession(open_frames(frames), self)

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> FakeVideoSession:
        """A session that goes on where a saved one was."""
        session = self.open(frames)
        session.restore(SavedSession.read(path))
        return session


class FakeVideoSession(TrackingSession):
    """A `promptseg.protocols.VideoSession` whose objects keep their shape and move evenly.

    A prompt gives the mask that `FakeSession` gives. On another frame an object is where its last prompt before that frame, seen in the
    direction of propagation, has moved to; before its first prompt it is not there. A new prompt for an object on a frame replaces the
    earlier one.

    Args:
        frames: The video.
        segmenter: What opened it.
    """

    def __init__(self, frames: FrameSource, segmenter: FakeVideoSegmenter) -> None:
        super().__init__(frames, segmenter.provenance, frozenset({"point", "box", "mask"}))
        self._image = FakeSession(np.zeros((*frames.size, 3), np.uint8), segmenter.radius)
        self._segmenter = segmenter
        self._masks: dict[int, dict[int, Mask]] = {}

    def _prompt(self, frame: Frame, object_id: int, prompt: SpatialPrompt) -> Mask:
        if object_id not in self._masks and len(self._masks) >= self._segmenter.most:
            raise OutOfMemoryError(f"there is room for {self._segmenter.most} objects: remove one before object {object_id} is added")
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

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - There are none.
        for object_id, frame, score, rle in values["masks"]:
            self._masks.setdefault(object_id, {})[frame] = Mask.from_coco_rle(rle, score=score)


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
            # The pixel under the point belongs to its disc, however small that is.
            disc |= (x == min(int(px + 0.5), width - 1)) & (y == min(int(py + 0.5), height - 1))
            region = region | disc if foreground else region & ~disc
    return np.asarray(region)


def _moved(mask: Mask, dx: int, dy: int) -> Mask:
    """The mask moved by whole pixels; what leaves the image is lost."""
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
