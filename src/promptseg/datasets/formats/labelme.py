"""LabelMe: one JSON file an image, with polygons, rectangles, circles and masks.

Corners lie on pixel edges here and masks are filled by the rule of the COCO API, so that an outline may differ by a pixel from that of
LabelMe's own pictures. Shapes of one label and one ``group_id`` are one object. A score is the shape's ``score``, which LabelMe keeps and
does not show.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError
from ...masks import Mask, Masks, Size
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
    read_json,
    read_score,
)
from ..descriptor import Form, Format, Reader
from ..polygons import INSET, inset_parts, one_ring
from ..writer import NO_CLASS, FolderWriter, as_json, score_of


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
        name = (Path(file).parent / image_path.name).as_posix()
        if images is None:
            photo = path.parent / image_path
        else:
            photo = next((photo for photo in (Path(images) / name, Path(images) / image_path.name) if photo.is_file()), Path(images) / name)
        if photo.is_file():
            entries.append(Entry(name, partial(_read, name, photo, shapes)))
        else:
            findings.append(Finding(file, "unpaired", f"its image {photo} is not there"))
    return Dataset(f"{images or annotations} with the LabelMe files of {annotations}", tuple(entries), tuple(findings))


def _read(name: str, path: Path, shapes: list[dict[str, Any]]) -> AnnotatedImage:
    size = image_size(path)
    parts: dict[tuple[object, object], tuple[str, float | None, list[Mask]]] = {}
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
        own = (label, f"alone {index}" if group is None else group)
        parts.setdefault(own, (str(index), read_score(shape.get("score")), []))[2].append(mask)
    objects = [
        (key, Mask(size, Masks(masks).union().counts, score, None if label is None else str(label)))
        for (label, _), (key, score, masks) in parts.items()
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
        center, rim = points
        height, width = size
        y, x = np.ogrid[:height, :width]
        return Mask.from_array((x + 0.5 - center[0]) ** 2 + (y + 0.5 - center[1]) ** 2 <= ((rim - center) ** 2).sum())
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


class LabelmeWriter(FolderWriter):
    """The folder ``labelme``: a JSON file an image, the objects as shapes of the kind ``mask``. Exact; LabelMe reads them from 5.4 on."""

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "labelme"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        path = self.file("", image.name, ".json")
        final = (self.top / path.relative_to(self.folder)).parent
        (height, width) = image.size
        shapes: list[dict[str, Any]] = []
        for number, each in enumerate(objects, 1):
            own = [{**_shape(each.mask), **shape} for shape in self.shapes(each.mask, number)]
            parts = [mask for mask in (_mask(shape, image.size) for shape in own) if mask is not None]
            self.tally.wrote(each.mask, Masks(parts, image.size).union())
            shapes += own
        record: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            # Relative, as LabelMe writes it, so that photos and annotations can move together.
            "imagePath": Path(os.path.relpath(image.path.resolve(), final.resolve())).as_posix(),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        path.write_text(as_json(record) + "\n", "utf-8")

    def shapes(self, mask: Mask, number: int) -> list[dict[str, Any]]:  # noqa: ARG002 (for formats with groups)
        """What is particular to the shapes of the object of that number."""
        x0, y0, x1, y1 = (int(value) for value in mask.box.tolist())
        file = io.BytesIO()
        Image.fromarray(mask.crop()[0]).save(file, "PNG")
        # Both corners are pixels of the mask's box.
        corners = [[float(x0), float(y0)], [float(x1 - 1), float(y1 - 1)]]
        return [{"shape_type": "mask", "points": corners, "mask": base64.b64encode(file.getvalue()).decode("ascii")}]


class LabelmePolygonWriter(LabelmeWriter):
    """The folder ``labelme-polygons``: a polygon for each part, the parts of an object in one group, holes cut open. Exact."""

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "labelme-polygons"

    def shapes(self, mask: Mask, number: int) -> list[dict[str, Any]]:
        rings = [one_ring(part).tolist() for part in inset_parts(mask, INSET)]
        return [{"points": ring, "group_id": number if len(rings) > 1 else None} for ring in rings]


def _shape(mask: Mask) -> dict[str, Any]:
    score = score_of(mask)
    return {
        "label": mask.label or NO_CLASS,
        "points": [],
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
        **({} if score is None else {"score": score}),
    }


FORMAT = Format(
    "labelme",
    "LabelMe files",
    Reader(lambda images, folder: read_labelme(folder, images), "folder of LabelMe files", images="optional"),
    (
        Form("labelme", "labelme/: a JSON file an image, masks", LabelmeWriter),
        Form("labelme-polygons", "labelme-polygons/: the same with polygons", LabelmePolygonWriter),
    ),
)
