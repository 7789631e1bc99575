"""Mask images that promptseg writes: label images (gray or with a palette) or one image a mask; beside them a table of the objects.

The table ``objects.csv`` says which image and which picture an object is of, its number in the picture, its class and its score, and
whether it is a region to ignore.
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
from ..descriptor import Form, Format, Option, Place, Reader
from ..label_images import VOID, paint, save_palette, with_void
from ..mask_files import MaskKind
from ..writer import FolderWriter, score_of
from .folders import read_folders

TABLE = "objects.csv"
COLUMNS = ("image", "mask", "number", "label", "score", "ignored")


class PictureWriter(FolderWriter):
    """What writers of pictures share: the table."""

    holds_ignored = True

    @contextmanager
    def open(self) -> Iterator[None]:
        """A new folder with a table."""
        with super().open(), (self.folder / TABLE).open("w", encoding="utf-8", newline="") as file:
            self._table = csv.writer(file, lineterminator="\n")
            self._table.writerow(COLUMNS)
            yield
        self.tally.files += 1

    def row(
        self, image: AnnotatedImage, path: Path | None, number: int | None = None, mask: Mask | None = None, ignored: bool = False
    ) -> None:
        """Adds a row to the table: of an object, or of an image without any."""
        label, score = (None, None) if mask is None else (mask.label, score_of(mask))
        picture = "" if path is None else path.relative_to(self.folder).as_posix()
        self._table.writerow((image.name, picture, number, label, score, int(ignored)))


class NumberWriter(PictureWriter):
    """Pictures in which a number is an object and a pixel belongs to one: what others hide is lost."""

    limit: int

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        numbers, seen = paint(objects[: self.limit], image.size)
        path = self.file("", image.name, ".png")
        for number, (given, written) in enumerate(seen, 1):
            self.tally.wrote(given.mask, written)
            self.row(image, path, number, given.mask)
        if hidden := len(objects[: self.limit]) - len(seen):
            self.tally.lost["others hide them"] += hidden
        if more := len(objects) - len(objects[: self.limit]):
            self.tally.lost[f"a picture has {self.limit} numbers"] += more
        if not seen:
            self.row(image, path)
        self.save(image, numbers, path)

    @abstractmethod
    def save(self, image: AnnotatedImage, numbers: NDArray[Any], path: Path) -> None:
        """Writes the picture."""


class LabelWriter(NumberWriter):
    """Gray PNG files, of 8 bits up to 127 objects and of 16 bits beyond; in 8 bits, regions to ignore are 255."""

    limit = 65535

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "labels"

    def save(self, image: AnnotatedImage, numbers: NDArray[Any], path: Path) -> None:
        # More numbers in 8 bits would look like an object with soft edges.
        if numbers.max() > 127:
            self.tally.ignored += len(image.ignored)
            Image.fromarray(numbers).save(path)
        else:
            Image.fromarray(with_void(numbers, image.ignored)).save(path)


class PaletteWriter(NumberWriter):
    """PNG files with a palette, as those of DAVIS: up to 254 objects; regions to ignore are 255."""

    limit = VOID - 1

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "palette"

    def save(self, image: AnnotatedImage, numbers: NDArray[Any], path: Path) -> None:
        save_palette(with_void(numbers, image.ignored), path)


class MaskWriter(PictureWriter):
    """One PNG of 1 bit a mask, in a folder for each image that has the image's whole name; nothing is lost."""

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "masks"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        both = [(each.mask, False) for each in objects] + [(mask, True) for mask in image.ignored]
        for number, (mask, ignored) in enumerate(both, 1):
            path = self.file("", f"{image.name}/{number:04}", ".png")
            Image.fromarray(mask.array).save(path)
            self.row(image, path, number, mask, ignored)
            if not ignored:
                self.tally.wrote(mask, mask)
        if not both:
            self.row(image, None)


@dataclass(frozen=True)
class _Row:
    mask: str
    number: int
    label: str | None
    score: float | None
    ignored: bool


def read_mask_images(images: str | os.PathLike[str], masks: str | os.PathLike[str]) -> Dataset:
    """Images with the mask images that a table ``objects.csv`` lists, as promptseg writes them.

    Args:
        images: Folder of the images.
        masks: Folder of the masks.

    Raises:
        InputError: The table cannot be read.
    """
    folder = Path(masks)
    rows: dict[str, list[_Row]] = defaultdict(list)
    try:
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                own = rows[row["image"]]
                # Of an image without objects there is a row without number; a picture may have void all the same.
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
            findings.append(Finding(name, "unpaired", f"{TABLE} lists the image, and {images} does not have it"))
    return Dataset(f"{images} with the pictures of {masks}", tuple(entries), tuple(findings))


def _read(name: str, photo: Path, folder: Path, rows: list[_Row]) -> AnnotatedImage:
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
    return annotated(name, photo, objects, ignored)


def _pixels(path: Path) -> NDArray[Any]:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read mask {path}: {error}") from error
    if pixels.ndim != 2:
        raise InputError(f"mask {path} is in color: expected numbers or black and white")
    return pixels if pixels.dtype in (bool, np.uint8) else pixels.astype(np.uint16)


def _open(images: Place, masks: Place, *, mask_kind: MaskKind = "auto") -> Dataset:
    """Mask images with a table where there is one, else those of the same names as the images."""
    if (Path(masks) / TABLE).is_file():
        return read_mask_images(images, masks)
    return read_folders(images, masks, mask_kind)


_KIND = Option("What the mask images are: by default each is looked at.", "auto", get_args(MaskKind))

FORMAT = Format(
    "masks",
    "Folder of mask images",
    Reader(_open, "folder of mask images with the names of the images, or with a table that promptseg wrote", options={"mask_kind": _KIND}),
    (
        Form("labels", "labels/: gray PNG, objects.csv", LabelWriter),
        Form("palette", "palette/: PNG with a palette, objects.csv", PaletteWriter),
        Form("masks", "masks/IMAGE/0001.png, …, objects.csv", MaskWriter),
    ),
)
