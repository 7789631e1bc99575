"""Format ``masks``: label images (gray or with a palette) or one binary mask image for each object, and a table of the objects.

The table ``objects.csv`` has a row for each object: its image, its mask image, its number in the mask image, its class, its score, and
whether it is a region to ignore. A folder without the table is read by `promptseg.datasets.formats.paired_masks`.
"""

from __future__ import annotations

import csv
import os
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError
from ...image_files import files_under
from ...image_formats import open_image
from ...masks import Mask
from ..core import AnnotatedImage, AnnotatedObject, Dataset, Entry, Finding, read_score
from ..descriptor import FIT, Format, Option, OutputVariant, Place, Reader
from ..image_lookup import ImageLookup
from ..label_image_writing import VOID, paint, save_palette, with_void
from ..mask_image_reading import MaskKind, read_mask_file
from ..object_collector import ObjectCollector
from ..safe_names import safe_name, text_name, written_names
from ..writer_base import FolderWriter, score_of
from .paired_masks import read_paired_masks

TABLE = "objects.csv"
COLUMNS = ("image", "mask", "number", "label", "score", "ignored")

_DIGITS = 4
"""Digits in the name of a mask image of one object."""


class MaskImageWriter(FolderWriter):
    """Base class of the writers of mask images. Writes the table ``objects.csv``."""

    holds_ignored = True
    taken = (TABLE,)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Create the folder and its table."""
        with super().open(), (self.folder / TABLE).open("w", encoding="utf-8", newline="") as file:
            # Text in quotes, so that a reader takes a carriage return in a label as part of it.
            self._table = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
            self._table.writerow(COLUMNS)
            yield
        self.stats.files += 1

    def row(
        self, image: AnnotatedImage, path: Path | None, number: int | None = None, mask: Mask | None = None, ignored: bool = False
    ) -> None:
        """Add a row to the table, for an object or for an image without objects."""
        label, score = (None, None) if mask is None else (mask.label, score_of(mask))
        mask_image = "" if path is None else path.relative_to(self.folder).as_posix()
        self._table.writerow((text_name(image.name), mask_image, number, label, score, int(ignored)))


class LabelImageWriter(MaskImageWriter):
    """Base class of the writers of label images. A pixel has the number of one object, so hidden parts of overlapping objects are lost."""

    limit: int
    """Maximum number of objects in an image."""

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        numbers, seen = paint(objects[: self.limit], image.size)
        path = self.file(self.path_for(image.name, ".png") + ".png")
        for number, (given, written) in enumerate(seen, 1):
            self.stats.wrote(given.mask, written)
            self.row(image, path, number, given.mask)
        if hidden := len(objects[: self.limit]) - len(seen):
            self.stats.lost["other objects hide them"] += hidden
        if more := len(objects) - len(objects[: self.limit]):
            self.stats.lost[f"a label image holds {self.limit} objects"] += more
        if not seen:
            self.row(image, path)
        self.save(image, numbers, path)

    @abstractmethod
    def save(self, image: AnnotatedImage, numbers: NDArray[Any], path: Path) -> None:
        """Write the label image with the (H, W) numbers of the objects."""


class GrayLabelWriter(LabelImageWriter):
    """Writer of gray PNG label images, with 8 bits for up to 127 objects and 16 bits for more. In 8 bits, regions to ignore are 255."""

    limit = 65535

    @property
    def output_path(self) -> Path:
        """The folder of the mask images."""
        return self.out / "labels"

    def save(self, image: AnnotatedImage, numbers: NDArray[Any], path: Path) -> None:
        # With more numbers, a reader could mistake an 8-bit image for a binary mask with soft edges.
        if numbers.max() > 127:
            self.stats.ignored += len(image.ignored)
            Image.fromarray(numbers).save(path)
        else:
            Image.fromarray(with_void(numbers, image.ignored)).save(path)


class PaletteLabelWriter(LabelImageWriter):
    """Writer of PNG label images with a color palette, as in DAVIS. They hold up to 254 objects; regions to ignore are 255."""

    limit = VOID - 1

    @property
    def output_path(self) -> Path:
        """The folder of the mask images."""
        return self.out / "palette"

    def save(self, image: AnnotatedImage, numbers: NDArray[Any], path: Path) -> None:
        save_palette(with_void(numbers, image.ignored), path)


class BinaryMaskWriter(MaskImageWriter):
    """Writer of one 1-bit PNG for each mask, in a folder with the full name of the image. Exact, even for overlapping objects."""

    @property
    def output_path(self) -> Path:
        """The folder of the mask images."""
        return self.out / "masks"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        both = [(each.mask, False) for each in objects] + [(mask, True) for mask in image.ignored]
        folder = self.path_for(image.name, "", whole=True)
        for number, (mask, ignored) in enumerate(both, 1):
            path = self.file(f"{folder}/{number:0{_DIGITS}}.png")
            Image.fromarray(mask.array).save(path)
            self.row(image, path, number, mask, ignored)
            if not ignored:
                self.stats.wrote(mask, mask)
        if not both:
            self.row(image, None)


@dataclass(frozen=True)
class _Row:
    mask: str
    number: int
    label: str | None
    score: float | None
    ignored: bool


def read_mask_table(images: str | os.PathLike[str], masks: str | os.PathLike[str], *, fit: bool = False) -> Dataset:
    """Read a dataset from mask images and their table ``objects.csv``, as promptseg writes them.

    What was painted by hand since needs no row: a number of a label image without a row, and a mask image without one, are objects without
    a class, with a finding.

    Args:
        images: Folder of the images.
        masks: Folder of the mask images and the table.
        fit: Fit mask images of another size, or that were made before the EXIF orientation was applied, to their images.

    Raises:
        InputError: When the table cannot be read.
    """
    folder = Path(masks)
    rows: dict[str, list[_Row]] = defaultdict(list)
    entries, findings = [], []
    try:
        with (folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                own = rows[row["image"]]
                try:
                    own.append(_row(row))
                except (TypeError, ValueError) as error:
                    findings.append(Finding(f"{TABLE}: line {number}", "dropped", f"the line cannot be read, and is left out: {error}"))
    except OSError as error:
        raise InputError(f"cannot read {folder / TABLE}: {error.strerror or error}") from error
    except (KeyError, ValueError, csv.Error) as error:
        raise InputError(f"{folder / TABLE} is not a table with the columns {', '.join(COLUMNS)} ({error!r})") from error
    lookup = ImageLookup(images)
    added = _added(folder, rows, lookup.folder, findings)
    for stated in sorted(rows.keys() | added.keys(), key=str):
        name = lookup.find(str(stated))
        if name is None:
            findings.append(lookup.missing(str(stated), TABLE))
        else:
            own, files = rows.get(stated, []), added.get(stated, [])
            entries.append(Entry(name, partial(_read, name, lookup.folder / name, folder, own, files, fit)))
    findings += lookup.findings()
    return Dataset(f"{images} with the mask images of {masks}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _row(row: Mapping[str, str]) -> _Row:
    """Return a row of the table.

    Raises:
        ValueError: When a number is not one, or the mask image is not inside the folder.
    """
    file = PurePosixPath(row["mask"] or "")
    if file.is_absolute() or ".." in file.parts:
        raise ValueError(f"the mask image is a path inside the folder, got {row['mask']!r}")
    # An image without objects has a row without a number. Its label image may still have void pixels.
    return _Row(row["mask"] or "", int(row["number"] or 0), row["label"] or None, read_score(row["score"] or None), row["ignored"] == "1")


def _added(folder: Path, rows: Mapping[str, list[_Row]], images: Path, findings: list[Finding]) -> dict[str, list[str]]:
    """Return the mask images without a row, by the names of their images. One without an image is a finding."""
    listed = {PurePosixPath(row.mask).as_posix() for own in rows.values() for row in own}
    inside = images.resolve()  # The folder of the images may be the folder of the mask images, or lie in it.
    files = [name for name, path in files_under(folder).items() if name not in listed and not path.parent.resolve().is_relative_to(inside)]
    if not files:
        return {}
    # First as the table has it, because an image of that name may have got another path.
    owners = {
        PurePosixPath(row.mask).parent.as_posix(): stated for stated, own in rows.items() for row in own if _is_numbered(row.mask, stated)
    }
    for stated in (*rows, *(files_under(images) if images.is_dir() else ())):
        for written in (safe_name(str(stated)), *written_names(str(stated), "")):
            owners.setdefault(written, stated)
    added: dict[str, list[str]] = defaultdict(list)
    for name in files:
        path = PurePosixPath(name)
        owner = owners.get(path.with_suffix("").as_posix()) or owners.get(path.parent.as_posix())
        if owner is None:
            findings.append(Finding(str(folder / name), "unpaired", f"the mask image has no row in {TABLE}, and no image has its name"))
        else:
            added[owner].append(name)
    return added


def _is_numbered(mask: str, stated: str) -> bool:
    """Return whether a mask image is one of those in the folder of an image, such as ``a.png/0001.png``, and no frame ``a/0001.png``."""
    path = PurePosixPath(mask)
    numbered = len(path.parts) > 1 and len(path.stem) == _DIGITS and path.stem.isdecimal()
    return numbered and path.with_suffix("").as_posix() not in written_names(str(stated), "")


def _read(name: str, image_file: Path, folder: Path, rows: list[_Row], added: list[str], fit: bool) -> AnnotatedImage:
    collector = ObjectCollector(name, image_file, fit=fit)
    by_file: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.mask:
            by_file[row.mask].append(row)
    for file, own in by_file.items():
        with collector.reading(file, f"mask {folder / file}"):
            pixels = _pixels(folder / file)
            if len(own) == 1 and _is_numbered(file, name) and set(np.unique(pixels).tolist()) <= {0, 255}:
                pixels = pixels > 0  # The mask image of one object, which an editor saved with 8 bits.
            for row in own:
                if row.number:
                    _collect(collector, row, pixels)
            _collect_painted(collector, {row.number for row in own}, pixels, folder / file)
            if pixels.dtype == np.uint8 and (pixels == VOID).any():
                collector.ignore(Mask.from_array(pixels == VOID))
    for file in added:
        with collector.reading(file, f"mask {folder / file}"):
            _collect_added(collector, file, folder / file)
    return collector.collected()


def _collect_painted(collector: ObjectCollector, known: set[int], pixels: NDArray[Any], path: Path) -> None:
    """Add the numbers of a label image that the table has no row for."""
    if pixels.dtype == bool:
        return
    void = {VOID} if pixels.dtype == np.uint8 else set()
    for number in sorted(set(np.unique(pixels).tolist()) - known - void - {0}):
        with collector.reading(number, f"number {number} of {path}"):
            collector.add(number, Mask.from_array(pixels == number))
            collector.note(number, "converted", f"{path} has the number {number} without a row in {TABLE}: an object without a class")


def _collect_added(collector: ObjectCollector, file: str, path: Path) -> None:
    """Add the objects of a mask image that the table has no row for."""
    objects, ignored, findings = read_mask_file(path)
    collector.findings += findings
    for key, mask in objects:
        where = file if len(objects) == 1 else f"{file} number {key}"
        with collector.reading(where, f"mask {path}"):
            collector.add(where, replace(mask, label=None))
            number = "" if len(objects) == 1 else f", number {key},"
            collector.note(where, "converted", f"{path}{number} has no row in {TABLE}: an object without a class")
    for mask in ignored:
        collector.ignore(mask)


def _collect(collector: ObjectCollector, row: _Row, pixels: NDArray[Any]) -> None:
    """Add the object of a row, or its region to ignore."""
    with collector.reading(row.number, f"object {row.number} of {row.mask}"):
        mask = Mask.from_array(pixels if pixels.dtype == bool else pixels == row.number, label=row.label, score=row.score)
        if row.ignored:
            collector.ignore(mask)
        else:
            collector.add(row.number, mask)


def _pixels(path: Path) -> NDArray[Any]:
    with open_image(path, f"mask {path}") as image:
        pixels = np.asarray(image)
    if pixels.ndim != 2:
        raise InputError(f"mask {path} is in color: expected object numbers or black and white")
    return pixels if pixels.dtype in (bool, np.uint8) else pixels.astype(np.uint16)


def _open(images: Place, masks: Place, *, mask_kind: MaskKind = "auto", fit: bool = False) -> Dataset:
    """Read mask images by their table if there is one, otherwise by their names."""
    if (Path(masks) / TABLE).is_file():
        return read_mask_table(images, masks, fit=fit)
    return read_paired_masks(images, masks, mask_kind, fit=fit)


_KIND = Option("Kind of the mask images. By default it is detected for each.", "auto", get_args(MaskKind))

FORMAT = Format(
    "masks",
    "Folder of mask images",
    Reader(
        _open,
        "folder of mask images with the names of the images, or with a table that promptseg wrote",
        options={"mask_kind": _KIND, "fit": FIT},
    ),
    (
        OutputVariant("labels", "labels/: gray PNG, objects.csv", GrayLabelWriter),
        OutputVariant("palette", "palette/: PNG with a palette, objects.csv", PaletteLabelWriter),
        OutputVariant("masks", "masks/IMAGE/0001.png, …, objects.csv", BinaryMaskWriter),
    ),
)
