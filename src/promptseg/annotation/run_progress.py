"""Progress of an annotation run: pending images, saved records and thumbnails. Both executors use it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runtime import progress
from ..runtime.files import output_errors
from . import gallery as gallery_files
from .annotator import ImageResult, with_prompt_labels
from .changes import find_changes
from .drawings import class_order, draw_thumbnail, drawing_key
from .journal import Journal
from .sources import Source, SourceImage
from .summarizing import model_seconds
from .tiles import OpenRasters

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SavedImage:
    """Image whose record is in the journal.

    Attributes:
        failed: Whether the image failed.
        model_seconds: Seconds that the models spent on it.
    """

    failed: bool
    model_seconds: float


class RunProgress:
    """Progress of a run: which images remain, and where their records and thumbnails are saved.

    Args:
        journal: The journal.
        folder: The output folder of the run.
        source: The images.
        limit: Number of images to take from the start of the source; None for all.
        retry_failed: Whether images that failed before are processed again.
        max_thumbnails: Maximum number of images with a thumbnail in the gallery.
        rasters: The rasters of images that are tiles.

    Raises:
        ConfigError: When finished images have other prompts now.
        InputError: When the source has no image.
    """

    def __init__(
        self,
        journal: Journal,
        folder: Path,
        source: Source,
        limit: int | None,
        retry_failed: bool,
        max_thumbnails: int,
        rasters: OpenRasters,
    ) -> None:
        self.journal = journal
        self._gallery = folder / gallery_files.FOLDER
        self._source, self._limit = source, limit
        self._unit = "tile" if any(image.tile is not None for image in islice(source, 1)) else "image"
        self.changes = find_changes(journal, source, rasters)
        journal.leave_out(frozenset(self.changes.gone))
        self._again = self.changes.again | (journal.failed if retry_failed else frozenset[str]())
        self._saved: set[str] = set()
        self.total = sum(1 for _ in self._images())
        if not self.total:
            raise InputError("the source has no image")
        self.share = share_with_thumbnail(self.total, max_thumbnails)
        self.remaining = sum(1 for _ in self.pending())

    def _images(self) -> Iterator[SourceImage]:
        return islice(iter(self._source), self._limit)

    def pending(self) -> Iterator[SourceImage]:
        """Return the images that are not in the journal yet, or must be annotated again, in the order of the source."""
        return (image for image in self._images() if image.name not in self.journal or image.name in self._again)

    def is_saved(self, name: str) -> bool:
        """Return whether this run saved an image."""
        return name in self._saved

    def save(self, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]], thumbnail: bytes | None) -> SavedImage:
        """Write the thumbnail and then the record of an image. An image in the journal therefore has its thumbnail."""
        if thumbnail is not None:
            with output_errors(self._gallery):
                gallery_files.save_thumbnail(self._gallery, record["name"], thumbnail)
        self.journal.append(record, models)
        if record["status"] == "failed":
            _log.warning("%s %s failed: %s", self._unit, record["name"], record["reason"])
        self._saved.add(record["name"])
        return SavedImage(record["status"] == "failed", model_seconds(record["timings"]))

    def consume(self, saved: Iterator[SavedImage]) -> tuple[int, float, float]:
        """Run the iterator of saved images to its end. Return their number, the elapsed seconds and the seconds of the models."""
        processed = failures = 0
        worked, started = 0.0, time.perf_counter()
        with progress.counter(stage="annotate", total=self.total, done=self.total - self.remaining, unit=self._unit) as count:
            for image in saved:
                processed += 1
                failures += image.failed
                worked += image.model_seconds
                count(failures)
        return processed, time.perf_counter() - started, worked


def share_with_thumbnail(images: int, max_thumbnails: int) -> float:
    """Return the share of images that have a thumbnail, from 0 to 1."""
    return min(1.0, max_thumbnails / images)


def thumbnail_for(
    result: ImageResult, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]], share: float, classes: Sequence[str]
) -> bytes | None:
    """Return the thumbnail of an image as JPEG, or None if the image failed or is not among those with a thumbnail.

    Args:
        result: The outcome of the image.
        record: Its record.
        models: Provenance of the models that were used.
        share: Share of the images with a thumbnail, 0 to 1.
        classes: Classes of the run in their known order.
    """
    if record["status"] != "done" or not gallery_files.has_thumbnail(result.image.name, share):
        return None
    order = class_order(classes, models)
    return draw_thumbnail(with_prompt_labels(result), order, drawing_key(record, order))
