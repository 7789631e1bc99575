"""LabelMe: one JSON file an image, with polygons, rectangles, circles and masks.

Corners lie on pixel edges here and masks are filled by the rule of the COCO API, so that an outline may differ by a pixel from that of
LabelMe's own pictures. Shapes of one label and one ``group_id`` are one object.
"""

from __future__ import annotations

import base64
import io
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..masks import Mask, Masks, Size
from .annotated import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, annotated, files_under, image_size, read_json


def read_labelme(annotations: str | os.PathLike[str], images: str | os.PathLike[str] | None = None) -> Dataset:
    """Images with the shapes of LabelMe files.

    Points and lines have no area: they are skipped, and a finding says so.

    Args:
        annotations: Folder of the JSON files.
        images: Folder of the images; by default each is where its file's ``imagePath`` says.

    Raises:
        InputError: A folder is absent, or there is no JSON file in it.
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
            findings.append(Finding(file, "unreadable", f"{path} is not a file of LabelMe: {error!r}"))
            continue
        photo = path.parent / image_path if images is None else Path(images) / image_path.name
        name = (Path(file).parent / image_path.name).as_posix()
        if photo.is_file():
            entries.append(Entry(name, partial(_read, name, photo, shapes)))
        else:
            findings.append(Finding(file, "unpaired", f"its image {photo} is not there"))
    return Dataset(f"{images or annotations} with the LabelMe files of {annotations}", tuple(entries), tuple(findings))


def _read(name: str, path: Path, shapes: list[dict[str, Any]]) -> AnnotatedImage:
    size = image_size(path)
    parts: dict[tuple[object, object], tuple[str, list[Mask]]] = {}
    findings = []
    for index, shape in enumerate(shapes):
        label, group = shape.get("label"), shape.get("group_id")
        try:
            mask = _mask(shape, size)
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise AnnotationError(Finding(f"{name}#{index}", "unreadable", f"shape {index} cannot be read: {error!r}")) from error
        if mask is None:
            findings.append(Finding(f"{name}#{index}", "skipped", f"a {shape.get('shape_type')} has no area"))
            continue
        parts.setdefault((label, f"alone {index}" if group is None else group), (str(index), []))[1].append(mask)
    objects = [
        (key, Mask(size, Masks(masks).union().counts, label=None if label is None else str(label)))
        for (label, _), (key, masks) in parts.items()
    ]
    return annotated(name, path, objects, findings=findings)


def _mask(shape: dict[str, Any], size: Size) -> Mask | None:
    kind = shape.get("shape_type") or "polygon"
    points = np.asarray(shape["points"], np.float64).reshape(-1, 2)
    if kind == "polygon":
        return Mask.from_polygons([points], size)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        return Mask.from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], size)
    if kind == "circle":
        centre, rim = points
        height, width = size
        y, x = np.ogrid[:height, :width]
        return Mask.from_array((x + 0.5 - centre[0]) ** 2 + (y + 0.5 - centre[1]) ** 2 <= ((rim - centre) ** 2).sum())
    if kind == "mask":
        return Mask.from_array(_pasted(shape["mask"], points, size))
    if kind in ("point", "points", "line", "linestrip"):
        return None
    raise InputError(f"there is no shape_type {kind!r} in LabelMe")


def _pasted(encoded: str, points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """A mask shape: a PNG in base64, of which the first point is the top-left pixel."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        crop = np.asarray(image) > 0
    x, y = (round(value) for value in points[0].tolist())
    pixels = np.zeros(size, bool)
    window = pixels[max(0, y) : y + crop.shape[0], max(0, x) : x + crop.shape[1]]
    window[...] = crop[max(0, -y) :, max(0, -x) :][: window.shape[0], : window.shape[1]]
    return pixels
