"""Annotated images, datasets of them, and findings about their files.

Every format is read into these classes. A `Dataset` lists its images when it is created and reads an annotation only when its image is
reached, so memory does not grow with the folder. A file that cannot be used becomes a `Finding` that names it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..images import IMAGE_SUFFIXES, load_image
from ..masks import Mask, Size

FindingKind = Literal[
    "unpaired", "ambiguous", "unreadable", "size", "dropped", "failed", "empty", "duplicate", "trained", "skipped", "converted"
]

BROKEN: frozenset[FindingKind] = frozenset({"unpaired", "ambiguous", "unreadable", "size", "dropped", "failed"})
"""Kinds of findings after which an image or annotation cannot be used."""


@dataclass(frozen=True)
class Finding:
    """A problem or a peculiarity of one file of a dataset.

    Attributes:
        source: The file, or the object within it.
        kind: ``"unpaired"`` (an image without annotation or the reverse), ``"ambiguous"`` (several that could be meant), ``"unreadable"``,
            ``"size"`` (the annotation is of an image of another size), ``"dropped"`` (an object that cannot be read; the rest of its image
            is read), ``"failed"`` (a model could not do it), ``"empty"`` (no true
            object), ``"duplicate"`` (the same image twice), ``"trained"`` (the model was trained on it), ``"skipped"`` (an annotation that
            is no mask) or ``"converted"`` (read, but not as it stands).
        message: Description for people.
    """

    source: str
    kind: FindingKind
    message: str

    @property
    def broken(self) -> bool:
        """Whether the image or annotation cannot be used."""
        return self.kind in BROKEN

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class AnnotationError(InputError):
    """An `InputError` that carries a `Finding`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class Category:
    """A class of a dataset, as its owner lists it.

    Attributes:
        name: Name of the class.
        number: The owner's number of the class, such as a category id of COCO, or None when the list has no numbers.
    """

    name: str
    number: int | None = None


@dataclass(frozen=True)
class AnnotatedObject:
    """One object that a person annotated or a model predicted.

    Attributes:
        name: The image's name, ``#`` and the object's key in the image. It is unique in the dataset and the same at each reading.
        mask: The pixels of the object, never empty. `Mask.label` is its class, or None.
        id: The owner's number of the annotation, or None when the format has none.
    """

    name: str
    mask: Mask
    id: int | None = None

    @property
    def label(self) -> str | None:
        """Class of the object, or None."""
        return self.mask.label


@dataclass(frozen=True)
class AnnotatedImage:
    """An image with its objects: the ground truth, or the predictions of a model.

    Attributes:
        name: Path of the image within the folder of images, with ``/`` as separator.
        path: The image file.
        size: ``(height, width)`` in pixels, after the EXIF orientation is applied.
        objects: The annotated or predicted objects.
        ignored: Regions that are neither object nor background, such as crowds in COCO and void pixels in DAVIS.
        findings: Findings about this image.
        group: Name shared by images that depend on each other: the sequence of a video frame. By default the image's own name.
        id: The owner's number of the image, or None when the format has none.
    """

    name: str
    path: Path
    size: Size
    objects: tuple[AnnotatedObject, ...]
    ignored: tuple[Mask, ...] = ()
    findings: tuple[Finding, ...] = ()
    group: str = ""
    id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", self.group or self.name)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image, (H, W, 3) uint8 RGB.

        Raises:
            InputError: When the image cannot be read.
        """
        return load_image(self.path)


@dataclass(frozen=True)
class Entry:
    """An image of a dataset whose annotation is not read yet.

    Attributes:
        name: The image's name, as in `AnnotatedImage`.
        load: Function that reads the image with its annotation.
    """

    name: str
    load: Callable[[], AnnotatedImage] = field(repr=False)

    def read(self) -> AnnotatedImage:
        """Read the image with its objects.

        Raises:
            AnnotationError: When the image or its annotation cannot be used. The error carries the `Finding`.
        """
        try:
            return self.load()
        except AnnotationError:
            raise
        except InputError as error:
            raise AnnotationError(Finding(self.name, "unreadable", str(error))) from error


@dataclass(frozen=True)
class Dataset:
    """Annotated images from one source.

    Attributes:
        source: Description of the folders and files, for people.
        entries: The images, in the order of their names.
        findings: Findings from listing the files, such as images without annotation.
        categories: The class list of the dataset in its owner's order, with classes that no object has. Empty when the format has none.
    """

    source: str
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = ()
    categories: tuple[Category, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        """Iterate over the images with their objects.

        Raises:
            AnnotationError: When an image cannot be used. `usable` skips such images.
        """
        return (entry.read() for entry in self.entries)

    def usable(self, findings: list[Finding]) -> Iterator[AnnotatedImage]:
        """Iterate over the images that can be used.

        Args:
            findings: List to which the findings are appended, those of the dataset first.
        """
        findings += self.findings
        for entry in self.entries:
            try:
                image = entry.read()
            except AnnotationError as error:
                findings.append(error.finding)
                continue
            findings += image.findings
            yield image

    def only(self, names: Sequence[str]) -> Dataset:
        """Return a dataset of the named images alone.

        Raises:
            InputError: When the dataset has no image of one of the names.
        """
        wanted = set(names)
        unknown = sorted(wanted - {entry.name for entry in self.entries})
        if unknown:
            raise InputError(f"{self.source} has no image {unknown[0]!r}")
        return replace(self, entries=tuple(entry for entry in self.entries if entry.name in wanted))


def annotated(
    name: str, path: Path, masks: Sequence[tuple[str, Mask]], ignored: Sequence[Mask] = (), findings: Sequence[Finding] = ()
) -> AnnotatedImage:
    """Return an annotated image after checking its masks against the image file. Empty masks become findings.

    Args:
        name: The image's name.
        path: The image file.
        masks: The key of each object, unique in the image, with its mask.
        ignored: Regions that are neither object nor background.
        findings: Earlier findings about the image.

    Raises:
        AnnotationError: When the image cannot be read, or a mask is of another size.
    """
    try:
        size = image_size(path)
    except InputError as error:
        raise AnnotationError(Finding(name, "unreadable", str(error))) from error
    found = list(findings)
    for mask in (*(mask for _, mask in masks), *ignored):
        if mask.size != size:
            (height, width), (rows, columns) = size, mask.size
            raise AnnotationError(
                Finding(name, "size", f"the image is {width} wide and {height} high, its mask {columns} wide and {rows} high")
            )
    objects = []
    for key, mask in masks:
        if mask.area:
            objects.append(AnnotatedObject(f"{name}#{key}", mask))
        else:
            found.append(Finding(f"{name}#{key}", "empty", "the object has no pixels"))
    if not masks:
        found.append(Finding(name, "empty", "the image has no objects"))
    return AnnotatedImage(name, path, size, tuple(objects), tuple(ignored), tuple(found))


def image_size(path: Path) -> Size:
    """Read ``(height, width)`` of an image from its header, after the EXIF orientation is applied as in `promptseg.load_image`.

    Raises:
        InputError: When the file is not a readable image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read image {path}: {error}") from error
    return (width, height) if turned else (height, width)


def files_under(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """Return the files of a folder and its subfolders, by their paths within the folder with ``/`` as separator.

    Hidden files and folders are left out.

    Raises:
        InputError: When the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    names = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}
    return {name: path for name, path in sorted(names.items()) if not any(part.startswith(".") for part in name.split("/"))}


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: When the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error


def read_score(value: object) -> float | None:
    """Return a score as a finite float, or None when the value is not one."""
    try:
        score = float(cast("Any", value))
    except (TypeError, ValueError):
        return None
    return score if math.isfinite(score) else None


_ORIENTATION = 0x0112
