"""YOLO: one text file an image, one object a line: its class number, and as shares of width and height the corners, or a box alone.

A line is one ring. Written, an object of several parts or with holes is one all the same, by bridges that enclose nothing: filled by the
rule of the COCO API it is the mask again. Ultralytics cuts corners to whole pixels and fills those on the outline as well: it gets the mask
again where there are no bridges, and these as lines one pixel wide where there are.
"""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import yaml
from numpy.typing import NDArray

from ..._boxes import filled_box
from ...errors import InputError
from ...masks import Mask
from ..core import (
    AnnotatedImage,
    AnnotatedObject,
    AnnotationError,
    Dataset,
    Entry,
    Finding,
    annotated,
    files_under,
    image_size,
)
from ..descriptor import BOXES, Form, Format, Option, Reader
from ..polygons import INSET, inset_parts, one_ring
from ..writer import Classes, FolderWriter, Tally


def read_yolo(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    names: str | os.PathLike[str] | None = None,
    *,
    boxes: bool = False,
) -> Dataset:
    """Images with the objects of YOLO's text files of the same names.

    An image without a file has no objects, as in YOLO's own training; a finding says so.

    Args:
        images: Folder of the images.
        labels: Folder of the text files.
        names: The dataset's YAML file with the names of the classes; without it, a label is the class's number.
        boxes: Read a line with a box alone as that box, filled (`Mask.from_box` says so), rather than skip it.

    Raises:
        InputError: A folder is absent, there is no image, or the YAML file has no names.
    """
    photos, files = files_under(Path(images)), files_under(Path(labels), frozenset({".txt"}))
    if not photos:
        raise InputError(f"there is no image in {images}")
    known = {} if names is None else _names(Path(names))
    entries, used = [], set()
    for name, photo in photos.items():
        file = PurePosixPath(name).with_suffix(".txt").as_posix()
        used.add(file)
        entries.append(Entry(name, partial(_read, name, photo, files.get(file), known, boxes)))
    findings = [Finding(str(path), "unpaired", "the labels have no image") for file, path in files.items() if file not in used]
    return Dataset(f"{images} with the YOLO labels of {labels}", tuple(entries), tuple(findings))


def _names(path: Path) -> dict[int, str]:
    try:
        names = yaml.safe_load(path.read_text("utf-8"))["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} has no names of classes: expected names: [person, car, …] ({error!r})") from error


def _read(name: str, photo: Path, file: Path | None, names: dict[int, str], boxes: bool) -> AnnotatedImage:
    size = image_size(photo)
    objects, findings = [], []
    try:
        lines = [] if file is None else file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise AnnotationError(Finding(name, "unreadable", f"cannot read {file}: {error}")) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            category, shares = _parse(line)
        except ValueError as error:
            raise AnnotationError(Finding(f"{name}#{number}", "unreadable", f"{file}, line {number}: {error}: {line[:60]!r}")) from error
        label = names.get(category, str(category))
        if len(shares) == 4 and boxes:
            objects.append((str(number), filled_box(_corners(shares) * np.tile([size[1], size[0]], 2), size, label)))
            continue
        if len(shares) == 4:
            findings.append(Finding(f"{name}#{number}", "skipped", "the line has a box alone"))
            continue
        corners = shares.reshape(-1, 2) * [size[1], size[0]]
        objects.append((str(number), Mask.from_polygons([corners], size, label=label)))
    return annotated(name, photo, objects, findings=findings)


def _parse(line: str) -> tuple[int, NDArray[np.float64]]:
    """The class and the shares of a line: four of a box, or two for each corner."""
    first, *values = line.split()
    shares = np.array(values, np.float64)
    # Rounding may put a corner a little outside the image; a corner in pixels lies far outside.
    if len(shares) < 4 or len(shares) % 2 or not ((shares >= -0.01) & (shares <= 1.01)).all():
        raise ValueError("expected a class and at least three corners from 0 to 1")
    return int(first), shares


def _corners(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[x0, y0, x1, y1]`` of a box by its center, width and height."""
    return np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])


class _YoloWriter(FolderWriter):
    """A folder for Ultralytics: ``data.yaml``, ``labels``, and ``images`` with a link to each photo, since labels are looked for beside.

    Args:
        photos: ``"link"`` (symbolic links), ``"copy"`` or ``"none"``.
    """

    def __init__(self, out: Path, classes: Classes, tally: Tally, *, photos: str = "link") -> None:
        super().__init__(out, classes, tally)
        self._photos = photos

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        path = self.file("labels", image.name, ".txt")
        lines = [f"{self.classes.number(each.label)} {' '.join(map(_number, self.shares(each.mask)))}\n" for each in objects]
        path.write_text("".join(lines), "utf-8")
        if self._photos == "none":
            return
        photo = self.folder / "images" / path.relative_to(self.folder / "labels").with_suffix(image.path.suffix)
        photo.parent.mkdir(parents=True, exist_ok=True)
        if self._photos == "link":
            photo.symlink_to(image.path.resolve())
        else:
            shutil.copyfile(image.path, photo)

    @abstractmethod
    def shares(self, mask: Mask) -> list[float]:
        """The numbers of an object's line."""

    def finish(self) -> None:
        # Without a path, Ultralytics looks beside the file; it wants both splits.
        content = {"train": "images", "val": "images", "names": dict(enumerate(self.classes.names))}
        (self.folder / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
        self.tally.files += 1


class YoloSegWriter(_YoloWriter):
    """The folder ``yolo-seg``: a line an object, holes cut open and parts joined by bridges."""

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "yolo-seg"

    def shares(self, mask: Mask) -> list[float]:
        (height, width), ring = mask.size, one_ring([ring for part in inset_parts(mask, INSET) for ring in part])
        shares = [float(_number(value)) for value in (ring / np.array([width, height], np.float64)).ravel().tolist()]
        self.tally.wrote(mask, Mask.from_polygons([np.reshape(shares, (-1, 2)) * [width, height]], mask.size))
        return shares


class YoloBoxWriter(_YoloWriter):
    """The folder ``yolo``: a line an object with its tight box."""

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "yolo"

    def shares(self, mask: Mask) -> list[float]:
        (height, width), (x0, y0, x1, y1) = mask.size, mask.box.tolist()
        self.tally.wrote(mask, filled_box([x0, y0, x1, y1], mask.size))
        return [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]


def _number(value: float) -> str:
    return f"{value:.9g}"


_PHOTOS = Option("Whether the images stand beside the labels, as links or as copies.", "link", ("link", "copy", "none"))

FORMAT = Format(
    "yolo",
    "YOLO text files",
    Reader(
        read_yolo, "folder of YOLO text files", options={"names": Option("YAML file with the names of the classes.", None), "boxes": BOXES}
    ),
    (
        Form("yolo", "yolo/: data.yaml, labels/, images/, boxes", YoloBoxWriter, {"photos": _PHOTOS}),
        Form("yolo-seg", "yolo-seg/: data.yaml, labels/, images/, outlines", YoloSegWriter, {"photos": _PHOTOS}),
    ),
)
