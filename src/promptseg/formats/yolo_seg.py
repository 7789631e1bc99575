"""YOLO segmentation: one text file an image, one object a line: its class number and the corners as shares of width and height."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import yaml
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Mask
from .annotated import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, annotated, files_under, image_size


def read_yolo(images: str | os.PathLike[str], labels: str | os.PathLike[str], names: str | os.PathLike[str] | None = None) -> Dataset:
    """Images with the objects of YOLO's text files of the same names.

    An image without a file has no objects, as in YOLO's own training; a finding says so. Lines with a box alone are skipped.

    Args:
        images: Folder of the images.
        labels: Folder of the text files.
        names: The dataset's YAML file with the names of the classes; without it, a label is the class's number.

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
        entries.append(Entry(name, partial(_read, name, photo, files.get(file), known)))
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


def _read(name: str, photo: Path, file: Path | None, names: dict[int, str]) -> AnnotatedImage:
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
        if len(shares) == 4:
            findings.append(Finding(f"{name}#{number}", "skipped", "the line has a box alone"))
            continue
        corners = shares.reshape(-1, 2) * [size[1], size[0]]
        objects.append((str(number), Mask.from_polygons([corners], size, label=names.get(category, str(category)))))
    return annotated(name, photo, objects, findings=findings)


def _parse(line: str) -> tuple[int, NDArray[np.float64]]:
    """The class and the shares of a line: four of a box, or two for each corner."""
    first, *values = line.split()
    shares = np.array(values, np.float64)
    # Rounding may put a corner a little outside the image; a corner in pixels lies far outside.
    if len(shares) < 4 or len(shares) % 2 or not ((shares >= -0.01) & (shares <= 1.01)).all():
        raise ValueError("expected a class and at least three corners from 0 to 1")
    return int(first), shares
