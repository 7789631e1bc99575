"""Format ``masks``: label images (gray or with a palette) or one binary mask image for each object, and a table of the objects.

The table ``objects.csv`` has a row for each object: its image, its mask image, its number in the mask image, its class, its score, and
whether it is a region to ignore. A folder without the table is read by `promptseg.datasets.formats.paired_masks`.
"""

from __future__ import annotations

import csv
import os
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError
from ...masks import Mask
from ..core import AnnotatedImage, AnnotatedObject, Dataset, Entry, Finding, annotated
from ..descriptor import Format, Option, OutputVariant, Place, Reader
from ..label_image_writing import VOID, paint, save_palette, with_void
from ..mask_image_reading import MaskKind
from ..safe_names import text_name
from ..writer_base import FolderWriter, score_of
from .paired_masks import read_paired_masks

TABLE = "objects.csv"
COLUMNS = ("image", "mask", "number", "label", "score", "ignored")


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
            path = self.file(f"{folder}/{number:04}.png")
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


def read_mask_table(images: str | os.PathLike[str], masks: str | os.PathLike[str]) -> Dataset:
    """Read a dataset from mask images and their table ``objects.csv``, as promptseg writes them.

    Args:
        images: Folder of the images.
        masks: Folder of the mask images and the table.

    Raises:
        InputError: When the table cannot be read.
    """
    folder = Path(masks)
    rows: dict[str, list[_Row]] = defaultdict(list)
    try:
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                own = rows[row["image"]]
                # An image without objects has a row without a number. Its label image may still have void pixels.
                score = float(row["score"]) if row["score"] else None
                own.append(_Row(row["mask"], int(row["number"] or 0), row["label"] or None, score, row["ignored"] == "1"))
    except OSError as error:
        raise InputError(f"cannot read {folder / TABLE}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{folder / TABLE} is not a table with the columns {', '.join(COLUMNS)} ({error!r})") from error
    entries, findings = [], []
    for name in sorted(rows):
        if (Path(images) / name).is_file():
            entries.append(Entry(name, partial(_read, name, Path(images) / name, folder, rows[name])))
        else:
            findings.append(Finding(name, "unpaired", f"{TABLE} lists the image, but it is not in {images}"))
    return Dataset(f"{images} with the mask images of {masks}", tuple(entries), tuple(findings))


def _read(name: str, image_file: Path, folder: Path, rows: list[_Row]) -> AnnotatedImage:
    objects: list[tuple[str, Mask]] = []
    ignored: list[Mask] = []
    by_file: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.mask:
            by_file[row.mask].append(row)
    for file, own in by_file.items():
        pixels = _pixels(folder / file)
        for row in own:
            if not row.number:
                continue
            chosen = pixels if pixels.dtype == bool else pixels == row.number
            mask = Mask.from_array(chosen, label=row.label, score=row.score)
            if row.ignored:
                ignored.append(mask)
            else:
                objects.append((str(row.number), mask))
        if pixels.dtype == np.uint8 and (pixels == VOID).any():
            ignored.append(Mask.from_array(pixels == VOID))
    return annotated(name, image_file, objects, ignored)


def _pixels(path: Path) -> NDArray[Any]:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read mask {path}: {error}") from error
    if pixels.ndim != 2:
        raise InputError(f"mask {path} is in color: expected object numbers or black and white")
    return pixels if pixels.dtype in (bool, np.uint8) else pixels.astype(np.uint16)


def _open(images: Place, masks: Place, *, mask_kind: MaskKind = "auto") -> Dataset:
    """Read mask images by their table if there is one, otherwise by their names."""
    if (Path(masks) / TABLE).is_file():
        return read_mask_table(images, masks)
    return read_paired_masks(images, masks, mask_kind)


_KIND = Option("Kind of the mask images. By default it is detected for each.", "auto", get_args(MaskKind))

FORMAT = Format(
    "masks",
    "Folder of mask images",
    Reader(_open, "folder of mask images with the names of the images, or with a table that promptseg wrote", options={"mask_kind": _KIND}),
    (
        OutputVariant("labels", "labels/: gray PNG, objects.csv", GrayLabelWriter),
        OutputVariant("palette", "palette/: PNG with a palette, objects.csv", PaletteLabelWriter),
        OutputVariant("masks", "masks/IMAGE/0001.png, …, objects.csv", BinaryMaskWriter),
    ),
)
