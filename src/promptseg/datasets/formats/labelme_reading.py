"""Reading of LabelMe files: one JSON file for each image, with polygons, rectangles, circles and masks.

Shapes with the same label and ``group_id`` are one object. The score is the member ``score`` of a shape, which LabelMe keeps but does not
show.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...masks import Mask, Masks
from ..core import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, annotated, files_under, image_size, read_json, read_score
from .labelme_shapes import shape_mask


def read_labelme(annotations: str | os.PathLike[str], images: str | os.PathLike[str] | None = None) -> Dataset:
    """Read a dataset from LabelMe files.

    Points and lines have no area. They are skipped with a finding.

    Args:
        annotations: Folder of the JSON files.
        images: Folder of the images. By default each image is found by the ``imagePath`` of its file.

    Raises:
        InputError: When a folder does not exist, or there is no JSON file in `annotations`.
    """
    folder = Path(annotations)
    files = files_under(folder, frozenset({".json"}))
    if not files:
        raise InputError(f"there is no JSON file in {folder}")
    entries, findings = [], []
    for file, path in files.items():
        try:
            content = read_json(path)
            # Written on Windows, a path may have backslashes.
            image_path = Path(str(content["imagePath"]).replace("\\", "/"))
            shapes = list(content["shapes"])
        except (InputError, KeyError, TypeError) as error:
            findings.append(Finding(file, "unreadable", f"{path} is not a LabelMe file: {error!r}"))
            continue
        name = (Path(file).parent / image_path.name).as_posix()
        if images is None:
            image_file = path.parent / image_path
        else:
            candidates = (Path(images) / name, Path(images) / image_path.name)
            image_file = next((each for each in candidates if each.is_file()), candidates[0])
        if image_file.is_file():
            entries.append(Entry(name, partial(_read, name, image_file, shapes)))
        else:
            findings.append(Finding(file, "unpaired", f"its image {image_file} does not exist"))
    return Dataset(f"{images or annotations} with the LabelMe files of {annotations}", tuple(entries), tuple(findings))


def _read(name: str, path: Path, shapes: list[dict[str, Any]]) -> AnnotatedImage:
    size = image_size(path)
    parts: dict[tuple[object, object], tuple[str, float | None, list[Mask]]] = {}
    findings = []
    for index, shape in enumerate(shapes):
        label, group = shape.get("label"), shape.get("group_id")
        try:
            mask = shape_mask(shape, size)
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise AnnotationError(Finding(f"{name}#{index}", "unreadable", f"shape {index} cannot be read: {error!r}")) from error
        if mask is None:
            findings.append(Finding(f"{name}#{index}", "skipped", f"a {shape.get('shape_type')} has no area"))
            continue
        own = (label, f"alone {index}" if group is None else group)
        parts.setdefault(own, (str(index), read_score(shape.get("score")), []))[2].append(mask)
    objects = [
        (key, Mask(size, Masks(masks).union().counts, score, None if label is None else str(label)))
        for (label, _), (key, score, masks) in parts.items()
    ]
    return annotated(name, path, objects, findings=findings)
