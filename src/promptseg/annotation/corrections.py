"""Corrections by hand: an output that somebody changed is read back, and its images count as decided from then on.

A format may not hold masks exactly. What the output held before it was changed is therefore made again from the journal, written and read
in the same way. An object that is in both is unchanged, and keeps its exact mask and its score.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.catalog import FORMATS, OUTPUT_VARIANTS
from ..datasets.core import BROKEN, AnnotatedImage, AnnotationError, Dataset, Entry, Finding
from ..datasets.descriptor import Format
from ..datasets.writer_base import Classes, WriteStats
from ..datasets.writing import write
from ..errors import ConfigError, InputError, nearest
from ..images import load_image
from ..masks import Masks
from ..results import Result
from ..runtime.files import output_errors
from . import gallery as gallery_files
from .content import state_of
from .correction_matching import corrected_entries
from .journal import Journal
from .records import JournalImages, mask_of
from .sources import Source, SourceImage

YAML = "data.yaml"
"""Name of the file of classes that YOLO outputs have."""


@dataclass(frozen=True)
class Corrections:
    """Output to take corrections from.

    Attributes:
        name: Name of the output variant.
        place: The file or folder, or None for the one that was written in the output folder of the run.
    """

    name: str
    place: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Corrections:
        """Return the corrections of a text such as ``labelme`` or ``cvat=export.xml``.

        Raises:
            ConfigError: When there is no such format, or corrections cannot be read from it.
        """
        name, sign, place = text.partition("=")
        if name not in CORRECTABLE or (sign and not place):
            known = ", ".join(CORRECTABLE)
            raise ConfigError(f"corrections are FORMAT or FORMAT=PATH, with a format of {known}; got {text!r}.{nearest(name, CORRECTABLE)}")
        return cls(name, Path(place) if place else None)

    def check(self, out: Path) -> None:
        """Check that the corrections are there.

        Raises:
            InputError: When there is no such file or folder.
        """
        place = self._place(out)
        if not place.exists():
            raise InputError(f"there is no {place} to take corrections from: the run has no output in the format {self.name}")

    def open(self, out: Path, images: Path) -> Dataset:
        """Open the output with the images of a folder.

        Raises:
            InputError: When it cannot be read.
        """
        return _open(self.name, self._place(out), images)

    def has_file(self, out: Path, name: str) -> bool:
        """Return whether the output says anything of an image. To YOLO, an image without a text file is one without objects."""
        place = self._place(out)
        return not (place / YAML).is_file() or (place / "labels" / name).with_suffix(".txt").is_file()

    def _place(self, out: Path) -> Path:
        return _output_path(self.name, out) if self.place is None else self.place


@dataclass(frozen=True)
class TakenIn:
    """Outcome of taking corrections in.

    Attributes:
        name: Name of the output variant.
        images: Number of images whose objects were corrected since the last time.
        problems: What could not be taken in, each with its place in the output.
        complete: Whether everything in the output of the run is in the journal now.
    """

    name: str
    images: int = 0
    problems: tuple[str, ...] = ()
    complete: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as values that `json` can write."""
        return {"format": self.name, "images": self.images, "problems": list(self.problems), "complete": self.complete}


def take_in(
    corrections: Corrections, journal: Journal, folder: Path, source: Source, options: Mapping[str, Any], share: float | None
) -> TakenIn:
    """Append a record for each image of the source whose objects differ from those in the journal.

    Args:
        corrections: The output.
        journal: The journal.
        folder: The output folder of the run.
        source: The images.
        options: Options with which the output was written.
        share: Share of images with a thumbnail in the gallery, or None for no gallery.

    Raises:
        InputError: When the output cannot be read.
        OutputError: When a file cannot be written.
    """
    count = 0
    with _temporary(folder) as temporary:
        by_name = _link(source, temporary / "images")
        before = _written_again(corrections.name, journal, temporary, options)
        now = corrections.open(folder, temporary / "images")
        problems = [finding for finding in now.findings if finding.broken]
        for entry in now.entries:
            image = by_name.get(entry.name)
            found = _read(entry, problems) if image is not None and corrections.has_file(folder, entry.name) else None
            if image is None or found is None:
                continue
            record = journal.record(entry.name) if journal.has_done(entry.name) else None
            reference = _read(before[entry.name], []) if entry.name in before else None
            entries = corrected_entries(found, reference, record)
            if entries is not None:
                _save(journal, corrections.name, image, found, entries, record, folder, share)
                count += 1
        journal.sync()
    blocking = any(finding.kind != "unpaired" for finding in problems)
    return TakenIn(corrections.name, count, tuple(map(str, problems)), corrections.place is None and not blocking)


def _save(
    journal: Journal,
    name: str,
    image: SourceImage,
    found: AnnotatedImage,
    entries: list[dict[str, Any]],
    record: Mapping[str, Any] | None,
    folder: Path,
    share: float | None,
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
    }
    if share is not None and gallery_files.has_thumbnail(image.name, share):
        masks = Masks([mask_of(entry, found.size) for entry in entries], found.size)
        with output_errors(folder):
            thumbnail = gallery_files.make_thumbnail(Result(masks, image=load_image(image.path)))
            gallery_files.save_thumbnail(folder / gallery_files.FOLDER, image.name, thumbnail)
    journal.append(new)


def _read(entry: Entry, problems: list[Finding]) -> AnnotatedImage | None:
    """Return an image of the output, or None if a part of it cannot be read: then it is not taken in."""
    try:
        image = entry.read()
    except AnnotationError as error:
        problems.append(error.finding)
        return None
    broken = [finding for finding in image.findings if finding.kind in BROKEN]
    problems += broken
    return None if broken else image


def _written_again(name: str, journal: Journal, temporary: Path, options: Mapping[str, Any]) -> dict[str, Entry]:
    """Write the journal in a format again, and return what is read from it, by the names of the images."""
    if len(journal) == len(journal.failed):
        return {}
    out = temporary / "out"
    write(name, JournalImages(journal), out, **options)
    return {entry.name: entry for entry in _open(name, _output_path(name, out), temporary / "images").entries}


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


def _output_path(name: str, out: Path) -> Path:
    return OUTPUT_VARIANTS[name].writer(out, Classes(), WriteStats()).output_path


def _open(name: str, place: Path, images: Path) -> Dataset:
    reader = _format_of(name).reader
    if reader is None:
        raise ConfigError(f"the format {name} cannot be read")
    options: dict[str, Any] = {}
    if (place / YAML).is_file():
        options["names"], place = place / YAML, place / "labels"
    return reader.read(images, place, **options)


def _format_of(name: str) -> Format:
    return next(each for each in FORMATS if any(variant.name == name for variant in each.variants))


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    with output_errors(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".corrections.", suffix=".tmp") as temporary:
        yield Path(temporary)


CORRECTABLE: tuple[str, ...] = tuple(name for name in OUTPUT_VARIANTS if name != "yolo" and _format_of(name).reader is not None)
"""Output variants from which corrections can be taken: those that hold masks and can be read."""
