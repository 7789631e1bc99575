"""Corrections by hand: an output that somebody changed is read back, and its images count as decided from then on.

A format may not hold masks exactly. What the output held before it was changed is therefore made again from the journal, written and read
in the same way, also with the options of earlier runs. An object that is in both is unchanged, and keeps its exact mask and its score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.core import AnnotatedImage, AnnotationError, Entry, Finding
from ..datasets.writing import write
from ..masks import Masks
from ..runtime.files import output_errors, temporary_folder
from .content import state_of
from .corrected_output import CorrectedOutput, TakenIn, open_output, output_path
from .correction_findings import is_note, split_objects, unusable_parts
from .correction_matching import corrected_entries
from .journal import Journal
from .records import JournalImages
from .sources import Source, SourceImage
from .studio_members import carried_over


def take_in(
    corrections: CorrectedOutput,
    journal: Journal,
    folder: Path,
    source: Source,
    options: Sequence[Mapping[str, Any]],
) -> TakenIn:
    """Append a record for each image of the source whose objects differ from those in the journal.

    Args:
        corrections: The output.
        journal: The journal.
        folder: The output folder of the run.
        source: The images.
        options: All options with which files of the output may have been written.

    Raises:
        InputError: When the output cannot be read.
        OutputError: When a file cannot be written.
    """
    count = 0
    with output_errors(folder), temporary_folder(folder, "corrections") as temporary:
        by_name = _link(source, temporary / "images")
        before = _WrittenAgain(corrections, journal, temporary, options)
        now = corrections.open(folder, temporary / "images")
        problems = [finding for finding in now.findings if finding.broken and finding.kind != "unpaired"]
        waiting = [finding.source for finding in problems]
        notes = [str(finding) for finding in now.findings if finding.source not in by_name and is_note(finding)]
        for entry in now.entries:
            image = by_name.get(entry.name)
            if image is None or not corrections.has_file(folder, entry.name):
                continue
            found = _read(entry, problems)
            reference = None if found is None else before.nearest(found)
            unusable = [] if found is None else unusable_parts(found, reference)
            problems += unusable
            if found is None or unusable:
                waiting.append(entry.name)
                continue
            record = journal.record(entry.name) if journal.has_done(entry.name) else None
            entries = corrected_entries(found, reference, record)
            if entries is not None:
                notes += split_objects(found, reference)
                _save(journal, corrections.name, image, found, entries, record)
                count += 1
        journal.sync()
    return TakenIn(corrections.name, count, tuple(map(str, problems)), tuple(notes), tuple(waiting), corrections.place is None)


def _save(
    journal: Journal,
    name: str,
    image: SourceImage,
    found: AnnotatedImage,
    entries: list[dict[str, Any]],
    record: Mapping[str, Any] | None,
) -> None:
    kept = {key: value for key, value in (record or {}).items() if key in ("detections", "timings", "models", "id", "group")}
    optional = {"group": image.group or None, "id": image.id}
    with output_errors(image.path):
        state = state_of(image.path)
    new = {
        "name": image.name,
        "status": "done",
        "path": str(image.path),
        **state.to_dict(),
        "corrected": name,
        "size": list(found.size),
        "masks": entries,
        "detections": None,
        "dropped": {},
        "timings": {},
        **{key: value for key, value in optional.items() if value is not None},
        **kept,
        **carried_over(record, entries),
    }
    journal.append(new)


def _read(entry: Entry, problems: list[Finding]) -> AnnotatedImage | None:
    """Return an image of the output, or None if it cannot be read."""
    try:
        return entry.read()
    except AnnotationError as error:
        problems.append(error.finding)
        return None


class _WrittenAgain:
    """What the output held before it was changed, with each of the options that it may have been written with.

    Args:
        corrections: The output.
        journal: The journal. It must not change.
        temporary: Folder with the folder ``images`` of the images.
        options: The options.
    """

    def __init__(self, corrections: CorrectedOutput, journal: Journal, temporary: Path, options: Sequence[Mapping[str, Any]]) -> None:
        self._corrections, self._temporary = corrections, temporary
        self._written = [self._write(JournalImages(journal), index, each) for index, each in enumerate(options)]

    def nearest(self, found: AnnotatedImage) -> AnnotatedImage | None:
        """Return the image as it was written, with the options by which it is most like what was found; None if it was not written."""
        best: AnnotatedImage | None = None
        most = (-1, 0.0)
        for entries in self._written:
            image = _read(entries[found.name], []) if found.name in entries else None
            if image is None:
                continue
            if (likeness := _likeness(image, found)) > most:
                best, most = image, likeness
        return best

    def _write(self, images: JournalImages, index: int, options: Mapping[str, Any]) -> dict[str, Entry]:
        if not images:
            return {}
        name, out = self._corrections.name, self._temporary / f"out-{index}"
        write(name, images, out, **options)
        return {
            entry.name: entry
            for entry in open_output(name, output_path(name, out), self._temporary / "images", self._corrections.boxes).entries
        }


def _likeness(image: AnnotatedImage, found: AnnotatedImage) -> tuple[int, float]:
    """Return the number of unchanged objects, and the IoU of all objects together."""
    masks = {each.mask for each in image.objects}
    same = sum(each.mask in masks for each in found.objects)
    if image.size != found.size:
        return same, 0.0
    one, other = (Masks([each.mask for each in of.objects], of.size).union() for of in (image, found))
    return same, one.iou(other)


def _link(source: Source, folder: Path) -> dict[str, SourceImage]:
    """Make a folder with links to the images under their names, whatever folders they are in. Return the images by name."""
    by_name = {}
    folder.mkdir()
    for image in source:
        if image.path.is_file():
            link = folder / image.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(image.path.resolve())
            by_name[image.name] = image
    return by_name
