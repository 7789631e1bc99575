"""What every format is read into: images with their true objects, and what was found wrong with them.

A `Dataset` lists its images when it is made and reads the annotation of one when it is reached, so that a folder of any size can be gone
through. What cannot be used is a `Finding` that names the file: nothing is left out in silence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..images import IMAGE_SUFFIXES, load_image
from ..masks import Mask, Size

FindingKind = Literal["unpaired", "ambiguous", "unreadable", "size", "failed", "empty", "duplicate", "trained", "skipped", "converted"]

BROKEN: frozenset[FindingKind] = frozenset({"unpaired", "ambiguous", "unreadable", "size", "failed"})
"""The kinds for which an image or annotation could not be used at all."""


@dataclass(frozen=True)
class Finding:
    """Something about a file that whoever relies on the dataset should know.

    Attributes:
        source: The file, or what of it.
        kind: ``"unpaired"`` (an image without annotation or the reverse), ``"ambiguous"`` (several that could be meant), ``"unreadable"``,
            ``"size"`` (the annotation is of an image of another size), ``"failed"`` (a model could not do it), ``"empty"`` (no true
            object), ``"duplicate"`` (the same image twice), ``"trained"`` (the model was trained on it), ``"skipped"`` (an annotation that
            is no mask) or ``"converted"`` (read, but not as it stands).
        message: What is the matter, for people.
    """

    source: str
    kind: FindingKind
    message: str

    @property
    def broken(self) -> bool:
        """Whether something could not be used at all."""
        return self.kind in BROKEN

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class AnnotationError(InputError):
    """An `InputError` that knows which kind of `Finding` it is."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class AnnotatedObject:
    """One object as somebody annotated it, or as a model found it.

    Attributes:
        name: The image's name, ``#`` and what tells the objects of the image apart: unique in its dataset, and the same at each reading.
        mask: Its pixels, with its class as `label` where it has one; not empty.
    """

    name: str
    mask: Mask

    @property
    def label(self) -> str | None:
        """Its class."""
        return self.mask.label


@dataclass(frozen=True)
class AnnotatedImage:
    """An image with its true objects.

    Attributes:
        name: Its path within the folder of images, with ``/`` between the parts.
        path: Its file.
        size: ``(height, width)`` in pixels, upright.
        objects: The true objects.
        ignored: Regions that are neither object nor background: crowds of COCO, void pixels of DAVIS.
        findings: What was found on reading it.
        group: What it shares with images that are not independent of it: its sequence for a frame of a video, else its own name.
    """

    name: str
    path: Path
    size: Size
    objects: tuple[AnnotatedObject, ...]
    ignored: tuple[Mask, ...] = ()
    findings: tuple[Finding, ...] = ()
    group: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", self.group or self.name)

    def pixels(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) uint8 RGB.

        Raises:
            InputError: It cannot be read.
        """
        return load_image(self.path)


@dataclass(frozen=True)
class Entry:
    """An image of a dataset before its annotation is read.

    Attributes:
        name: The image's name, as in `AnnotatedImage`.
        load: Reads it.
    """

    name: str
    load: Callable[[], AnnotatedImage] = field(repr=False)

    def read(self) -> AnnotatedImage:
        """The image with its objects.

        Raises:
            AnnotationError: It cannot be used; the error has the `Finding`.
        """
        try:
            return self.load()
        except AnnotationError:
            raise
        except InputError as error:
            raise AnnotationError(Finding(self.name, "unreadable", str(error))) from error


@dataclass(frozen=True)
class Dataset:
    """Images with true objects, in one format.

    Attributes:
        source: Where they are, for people.
        entries: The images, in the order of their names.
        findings: What was found when they were listed, such as images without annotation.
    """

    source: str
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        """Each image with its objects.

        Raises:
            AnnotationError: One cannot be used; use `usable` to go on with the others.
        """
        return (entry.read() for entry in self.entries)

    def usable(self, findings: list[Finding]) -> Iterator[AnnotatedImage]:
        """The images that can be used; what is found on the way, this dataset's own findings first, is added to `findings`."""
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
        """The images of these names alone.

        Raises:
            InputError: There is no image of a name.
        """
        wanted = set(names)
        unknown = sorted(wanted - {entry.name for entry in self.entries})
        if unknown:
            raise InputError(f"{self.source} has no image {unknown[0]!r}")
        return Dataset(self.source, tuple(entry for entry in self.entries if entry.name in wanted), self.findings)


def annotated(
    name: str, path: Path, masks: Sequence[tuple[str, Mask]], ignored: Sequence[Mask] = (), findings: Sequence[Finding] = ()
) -> AnnotatedImage:
    """An image with its objects, checked against the image's file; masks without pixels become findings.

    Args:
        name: The image's name.
        path: Its file.
        masks: What tells each object apart, with its mask.
        ignored: Regions that are neither object nor background.
        findings: What was found before.

    Raises:
        AnnotationError: The image cannot be read, or a mask is not of its size.
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
            found.append(Finding(f"{name}#{key}", "empty", "the object has no pixel"))
    if not masks:
        found.append(Finding(name, "empty", "there is no true object on it"))
    return AnnotatedImage(name, path, size, tuple(objects), tuple(ignored), tuple(found))


def image_size(path: Path) -> Size:
    """``(height, width)`` of an image as `promptseg.load_image` gives it, from its header alone.

    Raises:
        InputError: The file is no image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read image {path}: {error}") from error
    return (width, height) if turned else (height, width)


def files_under(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """The files of a folder and its folders by their paths within it, with ``/`` between the parts; hidden ones are left out.

    Raises:
        InputError: There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    names = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}
    return {name: path for name, path in sorted(names.items()) if not any(part.startswith(".") for part in name.split("/"))}


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error


def read_score(value: object) -> float | None:
    """A score as formats write it: a number, or nothing where there is none that can be read."""
    try:
        score = float(cast("Any", value))
    except (TypeError, ValueError):
        return None
    return score if math.isfinite(score) else None


_ORIENTATION = 0x0112
