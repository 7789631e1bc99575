"""Progress of a run: which images are left, and where records and gallery images go. Both executors work on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runtime import progress
from ..runtime.files import output_errors
from . import gallery as pictures
from .annotator import Answer, with_label_of_prompt
from .journal import Journal
from .sources import Photo, Source
from .summary import model_seconds

GALLERY = "gallery"
"""The folder of the gallery in a run's folder."""


@dataclass(frozen=True)
class Kept:
    """What the driver of a run has to know of a photo that is in the journal.

    Attributes:
        failed: Whether it failed.
        model_seconds: How long the models worked on it.
    """

    failed: bool
    model_seconds: float


class RunProgress:
    """A run in its folder: which photos are left, and where their records and pictures go.

    Args:
        journal: The journal.
        folder: The run's folder.
        source: The photos.
        limit: Take the first so many photos alone; None for all.
        retry_failed: Whether photos that failed before are left, too.
        pictured: Most photos that have a picture in the gallery.

    Raises:
        InputError: The source has no image.
    """

    def __init__(self, journal: Journal, folder: Path, source: Source, limit: int | None, retry_failed: bool, pictured: int) -> None:
        self.journal = journal
        self._gallery = folder / GALLERY
        self._source, self._limit = source, limit
        self._again = journal.failed if retry_failed else frozenset[str]()
        self.total = sum(1 for _ in self._photos())
        if not self.total:
            raise InputError("the source has no image")
        self.share = min(1.0, pictured / self.total)
        self.left = sum(1 for _ in self.pending())

    def _photos(self) -> Iterator[Photo]:
        return islice(iter(self._source), self._limit)

    def pending(self) -> Iterator[Photo]:
        """The photos that are to be done, in the order of the source; those that were done before the run do not count."""
        return (photo for photo in self._photos() if photo.name not in self.journal or photo.name in self._again)

    def keep(self, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]], picture: bytes | None) -> Kept:
        """Saves what was made of a photo: the picture first, so that a photo that is in the journal has its picture."""
        if picture is not None:
            with output_errors(self._gallery):
                pictures.save_picture(self._gallery, record["name"], picture)
        self.journal.append(record, models)
        return Kept(record["status"] == "failed", model_seconds(record["timings"]))

    def through(self, answers: Iterator[Kept]) -> tuple[int, float, float]:
        """Goes through the answers; returns how many there were, how long it took, and how much of that the models worked."""
        made = failures = 0
        worked, started = 0.0, time.perf_counter()
        with progress.counter(total=self.total, done=self.total - self.left, unit="photo") as count:
            for kept in answers:
                made += 1
                failures += kept.failed
                worked += kept.model_seconds
                count(failures)
        return made, time.perf_counter() - started, worked


def picture_for(answer: Answer, share: float) -> bytes | None:
    """The gallery's picture of an answer, where it is to have one."""
    if not isinstance(answer.outcome, Exception) and pictures.has_picture(answer.photo.name, share):
        return pictures.picture_of(with_label_of_prompt(answer))
    return None
