"""Annotated images, datasets of them, and findings about their files.

Every format is read into these classes. A `Dataset` lists its images when it is created and reads an annotation only when its image is
reached, so memory does not grow with the folder. A file that cannot be used becomes a `Finding` that names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..image_files import Unused
from ..images import load_image
from ..masks import Mask, Size

FindingKind = Literal[
    "unpaired",
    "ambiguous",
    "unreadable",
    "size",
    "dropped",
    "failed",
    "empty",
    "duplicate",
    "trained",
    "skipped",
    "converted",
    "attributes",
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
            is read), ``"failed"`` (a model could not do it), ``"empty"`` (no true object), ``"duplicate"`` (the same image twice),
            ``"trained"`` (the model was trained on it), ``"skipped"`` (an annotation that is not a mask, or files that are not used),
            ``"converted"`` (read, but not as it stands) or ``"attributes"`` (objects that are read without some of their attributes).
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
        attributes: Further values as text, by name.
    """

    name: str
    mask: Mask
    id: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

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
        content: Bytes of the image file, when the annotation file embeds them and there is no file at `path`. Otherwise None.
    """

    name: str
    path: Path
    size: Size
    objects: tuple[AnnotatedObject, ...]
    ignored: tuple[Mask, ...] = ()
    findings: tuple[Finding, ...] = ()
    group: str = ""
    id: int | None = None
    content: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", self.group or self.name)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image, (H, W, 3) uint8 RGB.

        Raises:
            InputError: When the image cannot be read.
        """
        return load_image(self.path if self.content is None else self.content)


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


def left_out(folder: object, unused: Unused) -> list[Finding]:
    """Return the finding about files of a folder that are not used, if there are any."""
    return [Finding(str(folder), "skipped", f"left out: {unused}")] if unused else []


def read_score(value: object) -> float | None:
    """Return a score as a finite float, or None when the value is not one."""
    try:
        score = float(cast("Any", value))
    except (OverflowError, TypeError, ValueError):
        return None
    return score if math.isfinite(score) else None
