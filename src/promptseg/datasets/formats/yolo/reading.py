"""Reading of YOLO text files: where a dataset has its images, labels and class names, and what a line means.

A place is a folder of text files with the names of the images, or the YAML file of a dataset. Its ``train``, ``val`` and ``test`` name
folders or lists of images. The labels of an image in a folder ``images`` are in the folder ``labels`` beside it, as in Ultralytics.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...._boxes import filled_box
from ....errors import InputError
from ....image_files import files_under
from ....images import IMAGE_SUFFIXES
from ....masks import Mask
from ....runtime.structured import read_text, read_yaml
from ...class_list import read_classes
from ...core import AnnotatedImage, AnnotationError, Category, Dataset, Entry, Finding, left_out
from ...object_collector import ObjectCollector
from ...safe_names import written_names

_NAME_FILES = ("classes.txt", "obj.names", "labels.txt", "data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
"""Files beside the labels, or in the folder above, in which tools store the class names."""

_SPLITS = ("train", "val", "test")
_OVERHANG = 0.5
"""How far a normalized corner may lie outside the image. Beyond, the coordinates are pixels."""


def read_yolo(
    images: str | os.PathLike[str] | None,
    labels: str | os.PathLike[str],
    names: str | os.PathLike[str] | None = None,
    *,
    boxes: bool = False,
) -> Dataset:
    """Read a dataset from YOLO text files with the names of the images.

    An image without a text file has no objects, as in YOLO training, and a finding says so. Where text files have labels, but none has an
    image in the folder, the folder is a wrong one, and its images are left out. A value more than the coordinates need, at the
    end of a line, is its confidence. Corners slightly outside the image are cut off.

    Args:
        images: Folder of the images. May be None when `labels` is the YAML file or the folder of a dataset.
        labels: Folder of the text files, or the YAML file of the dataset, or its folder: one with that file, or with ``images`` and
            ``labels``.
        names: File with the class names: the YAML file of the dataset, or a text file with one name a line, such as ``classes.txt``. By
            default such a file is looked for beside the labels and one folder above. Without it, the label is the class number.
        boxes: Read a line with a box as the filled box, with `Mask.from_box` true, instead of skipping it.

    Raises:
        InputError: When a folder does not exist, there is no image, or the file of names has none.
    """
    place = _opened(Path(labels), None if images is None else Path(images))
    if images is None and place.name == "labels" and place != Path(labels):
        images = place.parent / "images"
    if place.suffix.lower() in (".yaml", ".yml"):
        pairs, findings = _of_yaml(place, None if images is None else Path(images))
        if images is not None and not pairs and (place.parent / "labels").is_dir():  # The images are elsewhere than the file says.
            pairs, findings = _of_folders(Path(images), place.parent / "labels")
        name_file: Path | None = place if names is None else Path(names)
    elif images is None:
        raise InputError("YOLO text files in a folder need the folder of the images as well; a data.yaml names it")
    else:
        pairs, findings = _of_folders(Path(images), place)
        name_file = Path(names) if names is not None else _name_file(place)
    if not pairs:
        raise InputError(f"there is no image in {images or labels}: give the folder of the images")
    if place.is_dir() and any(each.kind == "unpaired" for each in findings) and not any(file for _, file in pairs.values()):
        pairs = {}  # The text files are of other images, so that these have none says nothing about their objects.
    known = {} if name_file is None else _names(name_file, required=names is not None or name_file == place)
    entries = tuple(Entry(name, partial(_read, name, image, file, known, boxes)) for name, (image, file) in sorted(pairs.items()))
    categories = tuple(Category(name, number) for number, name in sorted(known.items()))
    return Dataset(f"{images or place.parent} with the YOLO labels of {labels}", entries, tuple(findings), categories)


_Pairs = dict[str, tuple[Path, "Path | None"]]
"""Image file and label file by the name of the image."""


def _opened(place: Path, images: Path | None) -> Path:
    """Return the YAML file or the folder of text files of a place that is the folder of a dataset. Any other place is returned as it is."""
    if not place.is_dir():
        return place
    file = next((place / name for name in _NAME_FILES if name.endswith((".yaml", ".yml")) and (place / name).is_file()), None)
    inner = place / "labels"
    if images is None and file is not None and any(_yaml(file).get(split) for split in _SPLITS):
        return file
    # The text files of images in a folder "labels" are in such a folder as well.
    if inner.is_dir() and (file is not None or (place / "images").is_dir()) and (images is None or not (images / "labels").is_dir()):
        return inner
    return place


def _of_folders(images: Path, labels: Path) -> tuple[_Pairs, list[Finding]]:
    image_files, label_files = files_under(images), files_under(labels, frozenset({".txt"}))
    pairs: _Pairs = {}
    used = set()
    for name, image_file in image_files.items():
        file = next((each for each in written_names(name, ".txt") if each in label_files), "")
        used.add(file)
        pairs[name] = image_file, label_files.get(file)
    findings = left_out(images, image_files.unused.without(".txt", ".yaml"))
    for file, path in label_files.items():
        if file in used or PurePosixPath(file).name in _NAME_FILES:
            continue
        if _holds_labels(path):
            findings.append(Finding(str(path), "unpaired", "the text file has no image"))
        else:
            findings.append(Finding(str(path), "skipped", "the text file has no labels"))
    return pairs, findings


def _of_yaml(file: Path, images: Path | None) -> tuple[_Pairs, list[Finding]]:
    content = _yaml(file)
    stated = content.get("path")
    # Ultralytics looks beside the file when the stated folder is not there.
    roots = [file.parent / str(stated)] if isinstance(stated, str) and stated else []
    root = images or next((each for each in roots if os.path.isdir(each)), file.parent)  # noqa: PTH112 - Unlike Path, it takes any text for a path.
    pairs: _Pairs = {}
    findings: list[Finding] = []
    for split in _SPLITS:
        value = content.get(split)
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, str) or not part:
                continue
            found = False
            for image in _images_of(root, part.replace("\\", "/")):
                found = True
                try:
                    name = image.relative_to(root).as_posix()
                except ValueError:
                    name = "/".join(image.parts[-2:])
                pairs.setdefault(name, (image, _label_file(image)))
            if not found:
                findings.append(Finding(f"{file.name}: {split}", "unpaired", f"there is no image in {root / part}"))
    return pairs, findings


def _images_of(root: Path, part: str) -> Iterator[Path]:
    """Yield the images of a part of a dataset: a folder, or a text file with one image a line."""
    places = (root / part, root / re.sub(r"^(\.\./)+", "", part))
    place = next((each for each in places if os.path.exists(each)), None)  # noqa: PTH110 - Unlike Path, it takes any text for a path.
    if place is None:
        return
    if place.is_dir():
        yield from files_under(place).values()
    elif place.suffix.lower() in IMAGE_SUFFIXES:
        yield place
    else:
        for line in _lines(place):
            if line.strip():
                # Ultralytics takes lines that begin with "./" as relative to the list.
                yield Path(os.path.normpath(place.parent / line.strip().replace("\\", "/")))


def _label_file(image: Path) -> Path | None:
    parts = list(image.parts)
    for index in range(len(parts) - 2, 0, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    file = Path(*parts).with_suffix(".txt")
    return file if file.is_file() else None


def _holds_labels(path: Path) -> bool:
    """Return whether a text file without an image is a label file, which the dataset then misses an image for."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(_LONGEST_LINE)
    except OSError:
        return True
    try:
        return not first.strip() or bool(_parse(first))
    except ValueError:
        return False


def _name_file(labels: Path) -> Path | None:
    """Return the file with the class names beside the labels or in the folders above, or None."""
    folders = (labels, labels.parent, labels.parent.parent) if labels.parent.name == "labels" else (labels, labels.parent)
    return next((folder / name for folder in folders for name in _NAME_FILES if (folder / name).is_file()), None)


def _names(path: Path, *, required: bool) -> dict[int, str]:
    """Return the class names by number. A file that was only looked for may have none."""
    try:
        listed = read_classes(path, may_be_empty=True)
    except InputError:
        if not required:
            return {}
        raise
    return {index if each.number is None else each.number: each.name for index, each in enumerate(listed)}


def _yaml(path: Path) -> Mapping[str, Any]:
    content = read_yaml(path)
    return content if isinstance(content, dict) else {}


def _lines(path: Path) -> list[str]:
    return read_text(path).splitlines()


def _read(name: str, image_file: Path, file: Path | None, names: Mapping[int, str], boxes: bool) -> AnnotatedImage:
    collector = ObjectCollector(name, image_file)
    try:
        lines = [] if file is None else _lines(file)
    except InputError as error:
        raise AnnotationError(Finding(name, "unreadable", str(error))) from error
    scale = np.array([collector.size[1], collector.size[0]], np.float64)
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        with collector.reading(number, f"line {number} of {file}"):
            line = _parse(text)
            label = names.get(line.category, str(line.category))
            if len(line.coordinates) > 4:
                corners = line.coordinates.reshape(-1, 2) * scale
                collector.add(number, Mask.from_polygons([corners], collector.size, label=label, score=line.score))
            elif boxes:
                mask = filled_box(_corners(line.coordinates) * np.tile(scale, 2), collector.size, label)
                collector.add(number, Mask(mask.size, mask.counts, line.score, label, from_box=True))
            else:
                collector.note(number, "skipped", "the line has a box and no mask: read it with boxes=True (--boxes)")
    return collector.collected()


@dataclass(frozen=True)
class _Line:
    """A line of a text file.

    Attributes:
        category: Number of the class.
        coordinates: Normalized coordinates: four of a box (center, width and height), or two for each corner.
        score: Confidence of a prediction, or None.
    """

    category: int
    coordinates: NDArray[np.float64]
    score: float | None


def _parse(text: str) -> _Line:
    """Return the meaning of a line.

    Raises:
        ValueError: When it is not a class, and a box or at least three corners, from 0 to 1.
    """
    first, *values = text[:_LONGEST_LINE].split()
    numbers = np.array(values, np.float64)
    # Ultralytics writes the confidence of a prediction last, where coordinates come in pairs.
    coordinates, score = (numbers[:-1], float(numbers[-1])) if len(numbers) % 2 else (numbers, None)
    expected = f"expected a class, and a box or at least three corners, from 0 to 1, got {text[:60]!r}"
    if len(coordinates) < 4 or not np.isfinite(numbers).all() or not float(first).is_integer() or abs(float(first)) > _GREATEST:
        raise ValueError(expected)
    if score is not None and not 0 <= score <= 1:
        raise ValueError(f"{expected}: {len(numbers)} coordinates are not pairs, and {score:g} is not a confidence")
    if not ((coordinates >= -_OVERHANG) & (coordinates <= 1 + _OVERHANG)).all():
        raise ValueError(f"{expected}: the coordinates seem to be pixels")
    return _Line(int(float(first)), coordinates, score)


def _corners(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``[x0, y0, x1, y1]`` of a box given by its center, width and height."""
    return np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])


_GREATEST = 10**9
"""Greatest class number."""
_LONGEST_LINE = 10_000_000
"""Maximum number of characters of a line."""
