"""Outputs that may be corrected by hand: which they are, where they are, and how they are read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.catalog import FORMATS, OUTPUT_VARIANTS
from ..datasets.core import Dataset
from ..datasets.descriptor import Format
from ..datasets.safe_names import text_name
from ..datasets.writer_base import Classes, WriteStats
from ..errors import ConfigError, InputError, nearest

YAML = "data.yaml"
"""Name of the file of classes that YOLO outputs have."""


@dataclass(frozen=True)
class CorrectedOutput:
    """Output to take corrections from.

    Attributes:
        name: Name of the output variant.
        place: The file or folder, or None for the one that was written in the output folder of the run.
        boxes: Whether objects that have only a box are read as filled boxes.
    """

    name: str
    place: Path | None = None
    boxes: bool = False

    @classmethod
    def parse(cls, text: str, boxes: bool = False) -> CorrectedOutput:
        """Return the corrections of a text such as ``labelme`` or ``cvat=export.xml``.

        Raises:
            ConfigError: When there is no such format, corrections cannot be read from it, or `boxes` is set and it has no boxes.
        """
        name, sign, place = text.partition("=")
        if name not in CORRECTABLE or (sign and not place):
            known = ", ".join(CORRECTABLE)
            raise ConfigError(f"corrections are FORMAT or FORMAT=PATH, with a format of {known}; got {text!r}.{nearest(name, CORRECTABLE)}")
        if boxes and not _has_boxes(name):
            known = ", ".join(filter(_has_boxes, CORRECTABLE))
            raise ConfigError(f"the format {name} has no option boxes (--boxes): the formats with boxes are {known}")
        return cls(name, Path(place) if place else None, boxes)

    def check(self, out: Path) -> None:
        """Check that the corrections are there.

        Raises:
            InputError: When there is no such file or folder.
        """
        place = self._place(out)
        if not place.exists() and self.place is not None:
            raise InputError(f"there is no {place} to take corrections from: give the path of a file or folder in the format {self.name}")
        if not place.exists():
            raise InputError(
                f"there is no {place} to take corrections from: the run has no output in the format {self.name}. "
                f"Give the format that you corrected, or the path of your file as {self.name}=PATH"
            )

    def open(self, out: Path, images: Path) -> Dataset:
        """Open the output with the images of a folder.

        Raises:
            InputError: When it cannot be read.
        """
        return open_output(self.name, self._place(out), images, self.boxes)

    def has_file(self, out: Path, name: str) -> bool:
        """Return whether the output says anything of an image. To YOLO, an image without a text file is one without objects."""
        place = self._place(out)
        return not (place / YAML).is_file() or (place / "labels" / name).with_suffix(".txt").is_file()

    def _place(self, out: Path) -> Path:
        return output_path(self.name, out) if self.place is None else self.place


@dataclass(frozen=True)
class TakenIn:
    """Outcome of taking corrections in.

    Attributes:
        name: Name of the output variant.
        images: Number of images whose objects were corrected since the last time.
        problems: What could not be taken in, each with its place in the output.
        notes: What was read in another way than the user may expect, or belongs to no image of the source.
        waiting: Names of the images and files that were not taken in.
        in_place: Whether the output of the run itself was read, and not a file elsewhere.
    """

    name: str
    images: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    in_place: bool = True

    @property
    def complete(self) -> bool:
        """Whether everything in the output of the run is in the journal now."""
        return self.in_place and not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as values that `json` can write."""
        problems, notes = ([text_name(each) for each in found] for found in (self.problems, self.notes))
        return {"format": self.name, "images": self.images, "problems": problems, "notes": notes, "complete": self.complete}


def output_path(name: str, out: Path) -> Path:
    """Return the file or folder that an output variant has in an output folder."""
    return OUTPUT_VARIANTS[name].writer(out, Classes(), WriteStats()).output_path


def open_output(name: str, place: Path, images: Path, boxes: bool = False) -> Dataset:
    """Open the file or folder of an output variant with the images of a folder. With `boxes`, boxes are read as filled boxes.

    Raises:
        InputError: When it cannot be read.
    """
    reader = _format_of(name).reader
    if reader is None:
        raise ConfigError(f"the format {name} cannot be read")
    options: dict[str, Any] = {"boxes": True} if boxes else {}
    if (place / YAML).is_file():
        options["names"], place = place / YAML, place / "labels"
    return reader.read(images, place, **options)


def _has_boxes(name: str) -> bool:
    reader = _format_of(name).reader
    return reader is not None and "boxes" in reader.options


def _format_of(name: str) -> Format:
    return next(each for each in FORMATS if any(variant.name == name for variant in each.variants))


CORRECTABLE: tuple[str, ...] = tuple(name for name in OUTPUT_VARIANTS if name != "yolo" and _format_of(name).reader is not None)
"""Output variants from which corrections can be taken: those that hold masks and can be read."""
