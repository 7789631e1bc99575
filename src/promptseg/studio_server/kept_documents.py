"""`KeptDocuments`: the documents of images in annotate's journal of a dataset folder.

Those of rasters that cannot be part of a dataset of images are in a journal of their own, `scenes.jsonl`, with records of the same form:
rasters of more pixels than a `promptseg.Mask` can have, and folders of OME-Zarr. `annotate` does not meet them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..annotation.content import FileState, state_of
from ..annotation.journal import Journal
from ..annotation.record_checks import check_record
from ..annotation.records import image_of
from ..annotation.run import JOURNAL
from ..annotation.sources import SourceImage
from ..datasets.core import AnnotatedImage
from ..image_formats import MAX_PIXELS
from ..server.errors import NotFoundError
from .documents import ImageDocument, document_of, members_of
from .file_stamps import FileValues, stamp_of
from .image_list import key_of
from .rasters.files import MOST_PIXELS, is_zarr
from .summaries import ImageSummary, summary_of

SCENES = "scenes.jsonl"
"""Journal of the rasters that cannot be in annotate's."""

HEADER: Mapping[str, Any] = {"studio": 1}
"""Header of a journal that the studio begins. It has no settings, so `annotate` goes on with it with any."""

MAX_DOCUMENTS = 16
"""Number of documents that stay in memory."""

_KEPT = ("detections", "timings", "models", "id", "group", "asked", "problems", "dropped", "corrected")
"""Members of an earlier record that a change does not touch."""


class KeptDocuments:
    """The documents of images by name, and a summary of each. Not for several threads at once.

    Args:
        out: The dataset folder. The caller holds its lock.

    Attributes:
        labels: Names of the labels that were there at the start.

    Raises:
        ConfigError: The journal is damaged so that its header is lost.
        InputError: The folder has a file `journal.jsonl` that is not a journal.
        OutputError: The folder cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._journal = Journal(out / JOURNAL, HEADER, check_record, adopt=True)
        self._scenes: Journal | None = None
        self._files: FileValues[FileState] = FileValues(state_of)
        self._summaries: dict[str, ImageSummary] = {}
        self._documents: OrderedDict[str, ImageDocument] = OrderedDict()
        try:
            if (out / SCENES).exists():
                self._scenes = _open_scenes(out)
            self.compact()
            self.labels = self._read_summaries()
        except BaseException:
            self.close()
            raise

    def document(self, name: str) -> ImageDocument:
        """Return the document of an image; an empty one where nothing is kept."""
        if name in self._documents:
            self._documents.move_to_end(name)
            return self._documents[name]
        journal = self._holding(name)
        document = document_of(None if journal is None else journal.record(name))
        self._remember(name, document)
        return document

    def summary(self, name: str) -> ImageSummary:
        """Return what a list tells of an image."""
        return self._summaries.get(name) or ImageSummary(key_of(name), name)

    def is_scene(self, name: str) -> bool:
        """Return whether what is kept of an image is that of a raster which cannot be in annotate's journal."""
        return self._scenes is not None and name in self._scenes

    def annotated(self, image: SourceImage) -> AnnotatedImage:
        """Return an image with its objects as datasets are written from.

        Raises:
            NotFoundError: Nothing is kept of it.
        """
        if not self._journal.has_done(image.name):
            raise NotFoundError(f"nothing is kept of the image {image.name[:80]!r} yet")
        return replace(image_of(self._journal.record(image.name)), path=image.path)

    def keep(self, image: SourceImage, document: ImageDocument, models: Sequence[Mapping[str, Any]], *, by_hand: bool) -> None:
        """Keep the document of an image. It is on the disk when this returns.

        Args:
            image: The image.
            document: Its document.
            models: Provenance of the models that made its objects; none for those that were known.
            by_hand: Whether a person made the change.

        Raises:
            OutputError: It cannot be written. Nothing has changed.
        """
        holding, journal = self._holding(image.name), self._journal_for(image, document)
        earlier = {} if holding is None else holding.record(image.name)
        record = {
            "name": image.name,
            "status": "done",
            "path": str(image.path),
            **self._file_state(image, earlier, is_scene=journal is self._scenes),
            **({"group": image.group} if image.group else {}),
            **({"id": image.id} if image.id is not None else {}),
            **({"corrected": "studio"} if by_hand else {}),
            "detections": None,
            "dropped": {},
            "timings": {},
            **{name: value for name, value in earlier.items() if name in _KEPT},
            **members_of(document),
        }
        journal.append(record, models, durable=True)
        self._remember(image.name, document)
        self._summaries[image.name] = summary_of(image.name, document)

    def compact(self) -> None:
        """Write a journal anew where most of it is superseded.

        Raises:
            OutputError: It cannot be written. The journal is as it was.
        """
        for journal in self._journals():
            if journal.is_wasteful:
                journal.compact()

    def close(self) -> None:
        """Close the journals."""
        for journal in self._journals():
            journal.close()

    def _journals(self) -> Iterator[Journal]:
        yield self._journal
        if self._scenes is not None:
            yield self._scenes

    def _holding(self, name: str) -> Journal | None:
        """Return the journal that has an image, or None."""
        if self.is_scene(name):
            return self._scenes
        return self._journal if name in self._journal else None

    def _journal_for(self, image: SourceImage, document: ImageDocument) -> Journal:
        """Return the journal that a document belongs into, which is made where it is missing."""
        height, width = document.size or (0, 0)
        if height * width <= MAX_PIXELS and not is_zarr(image.path):
            return self._journal
        if self._scenes is None:
            self._scenes = _open_scenes(self._out)
        return self._scenes

    def _file_state(self, image: SourceImage, earlier: Mapping[str, Any], *, is_scene: bool) -> dict[str, Any]:
        """Return size, time and SHA-256 of an image file: as recorded where the file is gone or unchanged.

        The SHA-256 is for `annotate`. A raster that it does not meet has none: it may be a file of many gigabytes.
        """
        recorded = {name: earlier.get(name) for name in ("bytes", "mtime_ns", "sha256")}
        stamp = stamp_of(image.path)
        if stamp is None or stamp == (recorded["bytes"], recorded["mtime_ns"]):
            return recorded
        if is_scene:
            return {"bytes": stamp[0], "mtime_ns": stamp[1], "sha256": None}
        try:
            return self._files.get(image.path).to_dict()
        except OSError:
            return recorded

    def _remember(self, name: str, document: ImageDocument) -> None:
        self._documents[name] = document
        self._documents.move_to_end(name)
        while len(self._documents) > MAX_DOCUMENTS:
            self._documents.popitem(last=False)

    def _read_summaries(self) -> list[str]:
        """Read the summaries of all records, and return their labels."""
        labels: dict[str, None] = {}
        for record in (record for journal in self._journals() for record in journal.records()):
            document = document_of(record)
            if document.version:
                self._summaries[record["name"]] = summary_of(record["name"], document)
                labels |= dict.fromkeys(each.label for each in document.objects if each.label is not None)
        return list(labels)


def _open_scenes(out: Path) -> Journal:
    return Journal(out / SCENES, HEADER, partial(check_record, most=MOST_PIXELS), adopt=True)
