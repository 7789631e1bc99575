"""Export of what is in the journal as datasets, in the dataset's folder and as a ZIP.

The formats and their files are those of `promptseg annotate`: files that were changed by hand are kept and named. The images are read from
the journal one by one, so that it can be written to meanwhile.
"""

from __future__ import annotations

import os
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..datasets.catalog import OUTPUT_VARIANTS
from ..datasets.class_numbers import Classes
from ..datasets.core import AnnotatedImage
from ..datasets.writer_base import SingleFileWriter, WriteStats
from ..datasets.writing import WriteReport, check_output, write
from ..errors import ConfigError
from ..runtime.files import output_errors, write_atomically
from ..runtime.progress import track
from ..server.errors import NotFoundError
from .documents import ImageState

DEFAULT_STATES: tuple[ImageState, ...] = ("started", "doubt", "done")
"""States of the images that are exported unless others are chosen: those that a person has touched."""

KEPT = 4
"""Number of ZIPs that are kept, the latest ones."""

_PACKED = frozenset({".png", ".jpg", ".jpeg", ".parquet", ".webp"})
"""Suffixes of files that a ZIP makes no smaller."""


class Images(Protocol):
    """Images with their objects, whose number is known."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[AnnotatedImage]: ...


@dataclass(frozen=True)
class Exported:
    """A dataset that was written.

    Attributes:
        format: Its format.
        path: Its file or folder within the folder of the dataset.
        lost: What the format could not hold, and what was kept as it is, each as a sentence.
        images: Number of images in it.
        objects: Number of objects in it.
    """

    format: str
    path: str
    lost: tuple[str, ...]
    images: int
    objects: int


@dataclass(frozen=True)
class Export:
    """What an export has written.

    Attributes:
        files: The datasets.
        download: Id of the ZIP with all of them, for `Downloads.get`.
    """

    files: tuple[Exported, ...]
    download: str


class Downloads:
    """ZIPs of exports, of which the latest are kept.

    Args:
        folder: A folder of their own, which is made when the first is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, out: Path, places: Iterable[Path]) -> str:
        """Make a ZIP of files and folders, and return its id.

        Args:
            out: Folder to which the names in the ZIP are relative.
            places: The files and folders. Links are followed, hidden files are left out.

        Raises:
            OutputError: It cannot be written.
        """
        name = uuid.uuid4().hex
        with output_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(self._path(name)) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as packed:
                for path in _files(places):
                    packed.write(path, path.relative_to(out).as_posix(), zipfile.ZIP_STORED if path.suffix.lower() in _PACKED else None)
            for old in sorted(self._folder.glob("*.zip"), key=lambda path: path.stat().st_mtime_ns)[:-KEPT]:
                old.unlink(missing_ok=True)
        return name

    def get(self, name: str) -> Path:
        """Return the ZIP of an id.

        Raises:
            NotFoundError: There is none, or no longer.
        """
        path = self._path(name)
        if not (name.isalnum() and path.is_file()):
            raise NotFoundError(f"there is no export {name[:80]!r}, or no longer: export again")
        return path

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.zip"


def check_export(formats: Sequence[str], out: Path) -> None:
    """Check, before any image is read, that formats are known and can be written.

    Raises:
        ConfigError: There is no format, or one is unknown.
        OutputError: Something that promptseg did not write is in the place of an output.
        MissingDependencyError: A format needs a package that is not installed.
    """
    if not formats:
        raise ConfigError("an export has at least one format, such as coco")
    for name in formats:
        check_output(name, out)


def export(formats: Sequence[str], images: Callable[[], Images], out: Path, classes: Sequence[str], downloads: Downloads) -> Export:
    """Write images in formats, and pack the files. It reports its progress.

    Args:
        formats: Names of the formats, of `promptseg.datasets.catalog.WRITABLE`.
        images: Returns the images, once for each format.
        out: Folder of the dataset.
        classes: Classes in their order. Others follow in the order of their first appearance.
        downloads: Gets the ZIP.

    Raises:
        ConfigError: As `check_export`.
        OutputError: As `check_export`, or a file cannot be written.
        InputError: The journal was damaged, or GeoJSON needs a georeference that an image does not have.
    """
    formats = tuple(dict.fromkeys(formats))
    check_export(formats, out)
    written = write_formats(formats, images, out, classes)
    with output_errors(out):
        packed = downloads.add(out, [place for report in written for place in places(report, out)])
    return Export(tuple(told(report, out) for report in written), packed)


def write_formats(formats: Sequence[str], images: Callable[[], Images], out: Path, classes: Sequence[str]) -> list[WriteReport]:
    """Write images in formats that are checked, and return what became of each. The arguments and errors are those of `export`."""
    reports = []
    for name in formats:
        found = images()
        reports.append(write(name, track(found, stage=f"write {name}", total=len(found), unit="image"), out, classes=classes))
    return reports


def told(report: WriteReport, out: Path) -> Exported:
    """Return what is told of a written format."""
    lost = tuple(line.strip() for line in str(report).split("\n")[1:])
    return Exported(report.format, os.path.relpath(report.path, out), lost, report.images, report.masks)


def places(report: WriteReport, out: Path) -> Iterator[Path]:
    """Yield the files and folders of a written format."""
    writer = OUTPUT_VARIANTS[report.format].writer(out, Classes(), WriteStats())
    yield writer.output_path
    if isinstance(writer, SingleFileWriter):
        yield from writer.beside


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and not path.name.startswith("."))
