"""YOLO: one text file for each image, one line for each object, with a class number and normalized corners or a normalized box.

Coordinates are normalized by the width and height of the image. A line is one ring. The parts and holes of an object are joined to one ring
by bridges that enclose no pixels, so filling it by the rule of the COCO API gives the exact mask. Ultralytics truncates corners to whole
pixels and also fills the pixels of the outline. It gets the exact mask when there are no bridges. Otherwise bridges are one pixel wide.
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
from ..descriptor import BOXES, TOLERANCE, Format, Option, OutputVariant, Reader
from ..polygons import INSET, inset_parts, one_ring
from ..safe_names import safe_name
from ..simplification import simplified_parts
from ..writer_base import Classes, FolderWriter, WriteStats


def read_yolo(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    names: str | os.PathLike[str] | None = None,
    *,
    boxes: bool = False,
) -> Dataset:
    """Read a dataset from YOLO text files with the names of the images.

    An image without a text file has no objects, as in YOLO training, and a finding says so.

    Args:
        images: Folder of the images.
        labels: Folder of the text files.
        names: The YAML file of the dataset with the class names. Without it, the label is the class number.
        boxes: Read a line with a box as the filled box, with `Mask.from_box` true, instead of skipping it.

    Raises:
        InputError: When a folder does not exist, there is no image, or the YAML file has no class names.
    """
    image_files, label_files = files_under(Path(images)), files_under(Path(labels), frozenset({".txt"}))
    if not image_files:
        raise InputError(f"there is no image in {images}")
    known = {} if names is None else _names(Path(names))
    entries, used = [], set()
    for name, image_file in image_files.items():
        file = PurePosixPath(name).with_suffix(".txt").as_posix()
        used.add(file)
        entries.append(Entry(name, partial(_read, name, image_file, label_files.get(file), known, boxes)))
    findings = [Finding(str(path), "unpaired", "the text file has no image") for file, path in label_files.items() if file not in used]
    return Dataset(f"{images} with the YOLO labels of {labels}", tuple(entries), tuple(findings))


def _names(path: Path) -> dict[int, str]:
    try:
        names = yaml.safe_load(path.read_text("utf-8"))["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} has no class names: expected names: [person, car, …] ({error!r})") from error


def _read(name: str, image_file: Path, file: Path | None, names: dict[int, str], boxes: bool) -> AnnotatedImage:
    size = image_size(image_file)
    objects, findings = [], []
    try:
        lines = [] if file is None else file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise AnnotationError(Finding(name, "unreadable", f"cannot read {file}: {error}")) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            category, coordinates = _parse(line)
        except ValueError as error:
            raise AnnotationError(Finding(f"{name}#{number}", "unreadable", f"{file}, line {number}: {error}: {line[:60]!r}")) from error
        label = names.get(category, str(category))
        if len(coordinates) == 4 and boxes:
            objects.append((str(number), filled_box(_corners(coordinates) * np.tile([size[1], size[0]], 2), size, label)))
            continue
        if len(coordinates) == 4:
            findings.append(Finding(f"{name}#{number}", "skipped", "the line has a box and no mask"))
            continue
        corners = coordinates.reshape(-1, 2) * [size[1], size[0]]
        objects.append((str(number), Mask.from_polygons([corners], size, label=label)))
    return annotated(name, image_file, objects, findings=findings)


def _parse(line: str) -> tuple[int, NDArray[np.float64]]:
    """Return the class and the normalized coordinates of a line: four of a box, or two for each corner."""
    first, *values = line.split()
    coordinates = np.array(values, np.float64)
    # Rounding may put a corner slightly outside the image. A corner in pixels would lie far outside.
    if len(coordinates) < 4 or len(coordinates) % 2 or not ((coordinates >= -0.01) & (coordinates <= 1.01)).all():
        raise ValueError("expected a class and at least three corners from 0 to 1")
    return int(first), coordinates


def _corners(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``[x0, y0, x1, y1]`` of a box given by its center, width and height."""
    return np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])


class _YoloWriter(FolderWriter):
    """Writer of a folder for Ultralytics: ``data.yaml``, ``labels``, and ``images``, beside which Ultralytics looks for labels.

    Args:
        images: How the images are placed in ``images``: ``"link"`` (symbolic links), ``"copy"`` or ``"none"``.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, images: str = "link") -> None:
        super().__init__(out, classes, stats)
        self._images = images

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        suffix = image.path.suffix if image.path.suffix == safe_name(image.path.suffix[:_LONG_SUFFIX]) else ""
        stem = self.path_for(image.name, ".txt", suffix)
        lines = [f"{self.classes.number(each.label)} {' '.join(map(_number, self.coordinates(each.mask)))}\n" for each in objects]
        self.file(f"labels/{stem}.txt").write_text("".join(lines), "utf-8")
        if self._images == "none":
            return
        image_file = self.folder / "images" / f"{stem}{suffix}"
        image_file.parent.mkdir(parents=True, exist_ok=True)
        if self._images == "link":
            image_file.symlink_to(image.path.resolve())
        else:
            shutil.copyfile(image.path, image_file)

    @abstractmethod
    def coordinates(self, mask: Mask) -> list[float]:
        """Return the normalized coordinates of an object's line."""

    def finish(self) -> None:
        # Without "path", Ultralytics looks beside data.yaml. It requires both splits.
        content = {"train": "images", "val": "images", "names": dict(enumerate(self.classes.names))}
        (self.folder / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
        self.stats.files += 1


class YoloSegWriter(_YoloWriter):
    """Writer of the folder ``yolo-seg``: one line for each object, with holes cut open and parts joined by bridges.

    Args:
        images: How the images are placed in ``images``.
        tolerance: Distance in pixels by which outlines may be simplified.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, images: str = "link", tolerance: float = 0.0) -> None:
        super().__init__(out, classes, stats, images=images)
        self._tolerance = tolerance

    @property
    def output_path(self) -> Path:
        """The YOLO folder."""
        return self.out / "yolo-seg"

    def coordinates(self, mask: Mask) -> list[float]:
        parts = simplified_parts(inset_parts(mask, INSET), self._tolerance)
        (height, width), ring = mask.size, one_ring([ring for part in parts for ring in part])
        coordinates = [float(_number(value)) for value in (ring / np.array([width, height], np.float64)).ravel().tolist()]
        self.stats.wrote(mask, Mask.from_polygons([np.reshape(coordinates, (-1, 2)) * [width, height]], mask.size))
        return coordinates


class YoloBoxWriter(_YoloWriter):
    """Writer of the folder ``yolo``: one line for each object, with its bounding box."""

    @property
    def output_path(self) -> Path:
        """The YOLO folder."""
        return self.out / "yolo"

    def coordinates(self, mask: Mask) -> list[float]:
        (height, width), (x0, y0, x1, y1) = mask.size, mask.box.tolist()
        self.stats.wrote(mask, filled_box([x0, y0, x1, y1], mask.size))
        return [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]


_LONG_SUFFIX = 16
"""Maximum length of the suffix of an image. What is longer is part of its name."""


def _number(value: float) -> str:
    return f"{value:.9g}"


_IMAGES = Option("Place the images beside the labels as symbolic links or as copies, or leave them out.", "link", ("link", "copy", "none"))

FORMAT = Format(
    "yolo",
    "YOLO text files",
    Reader(read_yolo, "folder of YOLO text files", options={"names": Option("YAML file with the class names.", None), "boxes": BOXES}),
    (
        OutputVariant("yolo", "yolo/: data.yaml, labels/, images/, boxes", YoloBoxWriter, {"images": _IMAGES}),
        OutputVariant(
            "yolo-seg", "yolo-seg/: data.yaml, labels/, images/, outlines", YoloSegWriter, {"images": _IMAGES, "tolerance": TOLERANCE}
        ),
    ),
)
