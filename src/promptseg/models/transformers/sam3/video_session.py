"""`Sam3VideoSegmenter` and its session: every instance of phrases on a stream of frames, with memory that does not grow with the video."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from ....errors import InputError, PromptError, shown
from ....masks import Mask, Masks, Size
from ....prompts import Concept, Prompt, PromptKind, listed_concepts
from ....protocols import Frame, FrameSource, VideoLike
from ....results import FrameMasks, Provenance
from ....video.frame_buffer import FrameBuffer
from ....video.frames import open_frames
from ....video.saved_session import SavedSession, saved_mask, saved_number
from ....vocabulary import MAX_PHRASES, parse_phrase
from .video_model import FoundOnFrame, Sam3Video

_log = logging.getLogger(__name__)

TEXT: frozenset[PromptKind] = frozenset({"text"})


@dataclass(frozen=True)
class Sam3VideoSegmenter:
    """SAM 3 on videos for phrases; a `promptseg.protocols.ConceptVideoSegmenter`.

    Attributes:
        model: The model.
    """

    model: Sam3Video
    accepts: frozenset[PromptKind] = TEXT

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype and weights of the model."""
        return self.model.provenance

    def open(self, frames: VideoLike) -> Sam3VideoSession:
        """Return a session on a video.

        Raises:
            InputError: The video cannot be read.
        """
        return Sam3VideoSession(open_frames(frames), self.model)

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> Sam3VideoSession:
        """Return a session that continues a saved one, on the same frames.

        Args:
            path: The saved session.
            frames: The video.

        Raises:
            InputError: The file is not a saved session, was written by another model or other weights, or is for frames of another size.
        """
        saved = SavedSession.read(path)
        session = self.open(frames)
        session.restore(saved)
        return session


@dataclass(frozen=True, eq=False)
class _Late:
    """A frame that was processed and not yielded yet: its masks by object id, before overlaps are resolved."""

    index: int
    time: float | None
    masks: dict[int, Mask]
    phrases: dict[int, int]


class Sam3VideoSession:
    """Session of SAM 3 for phrases; a `promptseg.protocols.ConceptVideoSession`.

    Objects of one phrase do not overlap: the one of which the tracker is surer keeps the pixels. A mask's score is how sure the tracker is.
    The model decides during the frames that follow whether an object that is new is one. Frames are yielded when this is decided, so that
    frames up to `Sam3Video.delay` later are read before.

    Args:
        frames: The video.
        model: The model.
    """

    def __init__(self, frames: FrameSource, model: Sam3Video) -> None:
        self.frame_buffer = FrameBuffer(frames)
        self._model, self._state = model, model.new_state()
        self._upsampler = model.upsampler(frames.size)
        self._labels: list[str] = []
        self._phrases: list[str] = []
        self._late: deque[_Late] = deque()
        self._warned = False

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self.frame_buffer.size

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects that are tracked, in the order in which they were found."""
        return self._state.object_ids

    @property
    def nbytes(self) -> int:
        """Number of bytes of the stored outputs and of the frame buffer."""
        return self._state.nbytes + self.frame_buffer.nbytes

    def find(self, concepts: Sequence[Concept]) -> None:
        """Find and track every instance of concepts, from the next frame that is read on. Concepts that are looked for already are kept.

        Of a phrase with alternatives, such as ``"car|automobile"``, the first is looked for.

        Raises:
            PromptError: There is no concept, or one has examples.
            OutOfMemoryError: A phrase does not fit into memory beside the model.
        """
        new: dict[str, str] = {}
        for concept in listed_concepts(concepts, TEXT):
            assert concept.phrase is not None  # noqa: S101 - Checked by `listed_concepts`.
            phrase = parse_phrase(concept.phrase).alternatives[0]
            if phrase not in self._phrases and phrase not in new:
                new[phrase] = concept.label or phrase
        self._model.add_phrases(self._state, list(new))
        self._phrases += new
        self._labels += new.values()

    def add(self, frame: int, object_id: int, prompt: Prompt) -> NoReturn:  # noqa: ARG002 - As a `VideoSession` has it.
        """Refuse a prompt for one object, which tools that take any tracker may give.

        Raises:
            PromptError: Always.
        """
        raise PromptError(
            f"{shown(prompt)} is for one object, and this model finds every instance of phrases: name them with session.find(…), or load "
            "sam3-tracker, which takes points, boxes and masks"
        )

    def remove(self, object_id: int) -> None:
        """Stop tracking an object and forget it. If the model finds it again, it is another object.

        Raises:
            PromptError: There is no such object.
        """
        self._check_known(object_id)
        self._state.remove(object_id)
        self._drop([object_id])

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
        if not self._phrases:
            raise PromptError("there is nothing to find: name it first, as in session.find([Prompt.text('a dog')])")
        step = -1 if reverse else 1
        if [one.index for one in self._late] != [start + step * at for at in range(len(self._late))]:
            self._late.clear()
        failure: InputError | None = None
        frames = self._walk(start + step * len(self._late), stop, reverse)
        while True:
            try:
                frame = next(frames, None)
            except InputError as error:
                failure, frame = error, None
            if frame is None:
                break
            self._late.append(self._found(frame, reverse))
            if len(self._late) >= self._model.delay:
                yield self._yielded(self._late.popleft())
        while self._late and (stop is None or (stop - self._late[0].index) * step > 0):
            yield self._yielded(self._late.popleft())
        if failure is not None:
            raise failure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session without its frames to a file, from which `Sam3VideoSegmenter.resume` continues.

        Raises:
            OutputError: The file cannot be written.
        """
        state, arrays = self._state.saved()
        late = [
            {
                "index": one.index,
                "time": one.time,
                "masks": [[object_id, one.phrases[object_id], mask.score, mask.to_coco_rle()] for object_id, mask in one.masks.items()],
            }
            for one in self._late
        ]
        values = {**state, "phrases": self._phrases, "labels": self._labels, "late": late}
        SavedSession(self._model.provenance, self.size, values, arrays).write(path)

    def restore(self, saved: SavedSession) -> None:
        """Restore the state of a saved session. For `Sam3VideoSegmenter.resume`, on a new session.

        Raises:
            InputError: The saved session is damaged, or was made with another model or with frames of another size.
        """
        saved.check(self._model.provenance, self.size)
        with saved.reading():
            phrases, labels = (_texts(saved.values[name]) for name in ("phrases", "labels"))
            if len(phrases) != len(labels) or len(set(phrases)) != len(phrases):
                raise ValueError(f"it has {len(phrases)} phrases and {len(labels)} labels")
            self._state.restore(saved.values, saved.arrays, self._model.shapes)
            if any(self._state.phrase_of(object_id) >= len(phrases) for object_id in self.object_ids):
                raise ValueError("it has an object without a phrase")
            late = [self._restored(one, len(phrases)) for one in saved.values["late"]]
        self._model.add_phrases(self._state, phrases)
        self._phrases, self._labels = phrases, labels
        self._late.extend(late)

    def _restored(self, values: Mapping[str, Any], phrases: int) -> _Late:
        masks, numbers = {}, {}
        for object_id, number, score, rle in values["masks"]:
            masks[saved_number(object_id)] = saved_mask(rle, self.size, score=float(score))
            numbers[saved_number(object_id)] = saved_number(number)
        if max(numbers.values(), default=0) >= phrases:
            raise ValueError("it has a mask without a phrase")
        time = values["time"]
        return _Late(saved_number(values["index"]), None if time is None else float(time), masks, numbers)

    def _walk(self, begin: int, stop: int | None, reverse: bool) -> Iterator[Frame]:
        """Yield the frames from `begin` on that were not processed yet. There may be none left."""
        if self._late and (
            begin < 0 or self.frame_buffer.end == begin or (stop is not None and (stop - begin) * (-1 if reverse else 1) <= 0)
        ):
            return
        try:
            yield from self.frame_buffer.walk(begin, stop, reverse)
        except PromptError:
            if not self._late or self.frame_buffer.end != begin:  # Where the end of the video shows only now, all frames were processed.
                raise

    def _found(self, frame: Frame, reverse: bool) -> _Late:
        short = None if self.frame_buffer.has(self._model.pointers + 1) else self.frame_buffer.end
        found = self._model.step(self._state, frame.index, frame.image, short, reverse=reverse)
        self._drop(found.removed)
        if found.left_out and not self._warned:
            self._warned = True
            _log.warning(
                "frame %d: no room to track %d more objects beside the %d that are: load the model with a larger option memory",
                frame.index,
                found.left_out,
                len(self.object_ids),
            )
        masks = {object_id: self._mask(object_id, found) for object_id in sorted(found.logits)}
        return _Late(frame.index, frame.time, masks, {object_id: self._state.phrase_of(object_id) for object_id in masks})

    def _mask(self, object_id: int, found: FoundOnFrame) -> Mask:
        logits = found.logits[object_id]
        if object_id in found.hidden:
            logits = np.full_like(logits, -1)
        return self._upsampler.mask(logits, score=found.scores.get(object_id, 0.0), keep_logits=False)

    def _yielded(self, late: _Late) -> FrameMasks:
        """Return a frame with masks that do not overlap within a phrase: the object of the greater score keeps the pixels."""
        masks: dict[int, Mask] = {}
        for number in dict.fromkeys(late.phrases.values()):
            group = {object_id: mask for object_id, mask in late.masks.items() if late.phrases[object_id] == number}
            masks.update(apart_masks(group, self._labels[number]))
        ordered = [masks[object_id] for object_id in late.masks]
        return FrameMasks(late.index, tuple(late.masks), Masks(ordered, self.size), late.time)

    def _drop(self, object_ids: Iterable[int]) -> None:
        for late in self._late:
            for object_id in object_ids:
                late.masks.pop(object_id, None)
                late.phrases.pop(object_id, None)

    def _check_known(self, object_id: int) -> None:
        if object_id not in self.object_ids:
            raise PromptError(f"there is no object {shown(object_id)}: the objects are {sorted(self.object_ids)}")


def apart_masks(masks: Mapping[int, Mask], label: str) -> dict[int, Mask]:
    """Return masks without the pixels of masks with a greater score, and with a label. Of equal scores the first mask keeps its pixels."""
    shown_ids = [object_id for object_id, mask in masks.items() if mask.area]
    order = sorted(shown_ids, key=lambda object_id: -(masks[object_id].score or 0.0))
    found = {object_id: replace(mask, label=label) for object_id, mask in masks.items()}
    taken: np.ndarray[Any, np.dtype[np.bool_]] | None = None
    for object_id in order:
        pixels = masks[object_id].array
        if taken is None:
            taken = pixels.copy()
            continue
        if (taken & pixels).any():
            found[object_id] = Mask.from_array(pixels & ~taken, score=masks[object_id].score, label=label)
        taken |= pixels
    return found


def _texts(values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise TypeError(f"its phrases are {shown(values)}, expected a list of texts")
    if len(values) > MAX_PHRASES:
        raise ValueError(f"it has {len(values)} phrases, at most {MAX_PHRASES} are taken")
    return values
