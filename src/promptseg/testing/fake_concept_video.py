"""`FakeConceptVideoSegmenter`: finds and tracks boxes by phrase."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import PromptError, shown
from ..masks import Mask, Masks, Size
from ..prompts import Concept, PromptKind, listed_concepts
from ..protocols import FrameSource, VideoLike
from ..results import FrameMasks, Provenance
from ..video.frame_buffer import FrameBuffer
from ..video.frames import open_frames
from ..video.saved_session import SavedSession, saved_number


@dataclass(frozen=True)
class FakeConceptVideoSegmenter:
    """Concept segmenter for videos that finds boxes; a `promptseg.protocols.ConceptVideoSegmenter`.

    Attributes:
        found: ``xyxy`` boxes by phrase, each (N, 4), on frame 0.
        shift: Movement ``(x, y)`` of every object from one frame to the next, in whole pixels. Beyond the frame, its mask is empty.
    """

    found: Mapping[str, ArrayLike] = field(default_factory=dict)
    shift: tuple[int, int] = (0, 0)

    @property
    def provenance(self) -> Provenance:
        """Provenance with model ``fake-concept-video-segmenter``."""
        return Provenance("fake-concept-video-segmenter", "testing", "1", license="MIT")

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Phrases."""
        return frozenset({"text"})

    def open(self, frames: VideoLike) -> FakeConceptVideoSession:
        """Return a session for a video. Frames are read when they are needed.

        Raises:
            InputError: The video cannot be opened.
        """
        return FakeConceptVideoSession(open_frames(frames), self)

    def resume(self, path: str | os.PathLike[str], frames: VideoLike) -> FakeConceptVideoSession:
        """Return a session that continues a saved one.

        Raises:
            InputError: The video cannot be opened, or the file is not a saved session of this video.
        """
        saved, session = SavedSession.read(path), self.open(frames)
        saved.check(self.provenance, session.size)
        with saved.reading():
            session.find([Concept(phrase) for phrase in saved.values["phrases"]])
            for object_id, (phrase, number) in saved.values["objects"]:
                session.objects[saved_number(object_id)] = (str(phrase), saved_number(number))
            session.removed.update((str(phrase), saved_number(number)) for phrase, number in saved.values["removed"])
            session.next_id = saved_number(saved.values["next"])
        return session


class FakeConceptVideoSession:
    """Session of a `FakeConceptVideoSegmenter`; a `promptseg.protocols.ConceptVideoSession`. An object that was removed is not found again.

    Args:
        frames: The video.
        segmenter: Segmenter that opened the session.

    Attributes:
        objects: Phrase and number of the box of each object, by its id.
        removed: Objects that were removed.
        next_id: Id of the object that is found next.
    """

    def __init__(self, frames: FrameSource, segmenter: FakeConceptVideoSegmenter) -> None:
        self._frames, self._segmenter = FrameBuffer(frames), segmenter
        self._concepts: dict[str, Concept] = {}
        self.objects: dict[int, tuple[str, int]] = {}
        self.removed: set[tuple[str, int]] = set()
        self.next_id = 0

    @property
    def size(self) -> Size:
        """``(height, width)`` of every frame."""
        return self._frames.size

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, in the order in which they were found."""
        return tuple(self.objects)

    def find(self, concepts: Sequence[Concept]) -> None:
        """Find and track the boxes of phrases, from the next frame on.

        Raises:
            PromptError: There is no concept, or one has examples.
        """
        for concept in listed_concepts(concepts, self._segmenter.accepts):
            self._concepts.setdefault(str(concept.phrase), concept)

    def remove(self, object_id: int) -> None:
        """Stop tracking an object and forget it.

        Raises:
            PromptError: There is no such object.
        """
        if object_id not in self.objects:
            raise PromptError(f"there is no object {shown(object_id)}: the objects are {sorted(self.objects)}")
        self.removed.add(self.objects.pop(object_id))

    def propagate(self, *, start: int = 0, stop: int | None = None, reverse: bool = False) -> Iterator[FrameMasks]:
        """Yield the masks of each frame.

        Raises:
            PromptError: No concept is looked for, or frame `start` does not exist or is no longer available.
            InputError: The next frame cannot be read.
        """
        if not self._concepts:
            raise PromptError("there is nothing to find: name it first, as in session.find([Prompt.text('a dog')])")
        for frame in self._frames.walk(start, stop, reverse):
            for phrase in self._concepts:
                for number in range(len(self._boxes(phrase))):
                    if (phrase, number) not in self.removed and (phrase, number) not in self.objects.values():
                        self.objects[self.next_id] = (phrase, number)
                        self.next_id += 1
            masks = [self._mask(phrase, number, frame.index) for phrase, number in self.objects.values()]
            yield FrameMasks(frame.index, self.object_ids, Masks(masks, self.size), frame.time)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session without its frames to a file.

        Raises:
            OutputError: The file cannot be written.
        """
        objects = [[object_id, list(one)] for object_id, one in self.objects.items()]
        values = {"phrases": list(self._concepts), "objects": objects, "removed": [list(one) for one in self.removed], "next": self.next_id}
        SavedSession(self._segmenter.provenance, self.size, values).write(path)

    def _boxes(self, phrase: str) -> NDArray[np.int64]:
        return np.asarray(self._segmenter.found.get(phrase, ()), np.int64).reshape(-1, 4)

    def _mask(self, phrase: str, number: int, index: int) -> Mask:
        pixels = np.zeros(self.size, bool)
        shifts = np.tile(self._segmenter.shift, 2) * index
        x0, y0, x1, y1 = np.maximum(self._boxes(phrase)[number] + shifts, 0)
        pixels[y0:y1, x0:x1] = True
        return Mask.from_array(pixels, score=1.0, label=self._concepts[phrase].label)
