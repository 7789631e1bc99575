"""LabelMe: one JSON file for each image, with polygons, rectangles, circles and masks.

Corners lie on pixel edges, and polygons are filled by the rule of the COCO API. An outline may therefore differ by a pixel from that of
mask images made by LabelMe. Shapes with the same label and ``group_id`` are one object. The score is the
member ``score`` of a shape, which LabelMe keeps but does not show.
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
from ..descriptor import TOLERANCE, Format, OutputVariant, Reader
from ..polygons import INSET, inset_parts, one_ring
from ..simplification import simplified_parts
from ..writer_base import NO_CLASS, Classes, FolderWriter, WriteStats, as_json, score_of


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
    raise InputError(f"LabelMe has no shape_type {kind!r}")


def _pasted(encoded: str, points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """Return the (H, W) mask of a mask shape: a PNG in base64, whose top-left pixel is the first point."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        crop = np.asarray(image) > 0
    x, y = (round(value) for value in points[0].tolist())
    pixels = np.zeros(size, bool)
    window = pixels[max(0, y) : y + crop.shape[0], max(0, x) : x + crop.shape[1]]
    window[...] = crop[max(0, -y) :, max(0, -x) :][: window.shape[0], : window.shape[1]]
    return pixels


class LabelmeWriter(FolderWriter):
    """Writer of the folder ``labelme``: one JSON file for each image, with shapes of type ``mask``. Exact. Needs LabelMe 5.4 or later."""

    @property
    def output_path(self) -> Path:
        """The folder of the JSON files."""
        return self.out / "labelme"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        path = self.file(self.path_for(image.name, ".json") + ".json")
        final = (self.output_path / path.relative_to(self.folder)).parent
        (height, width) = image.size
        shapes: list[dict[str, Any]] = []
        for number, each in enumerate(objects, 1):
            own = [{**_shape(each.mask), **shape} for shape in self.shapes(each.mask, number)]
            parts = [mask for mask in (_mask(shape, image.size) for shape in own) if mask is not None]
            self.stats.wrote(each.mask, Masks(parts, image.size).union())
            shapes += own
        record: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            # Relative, as LabelMe writes it, so that images and annotations can be moved together. LabelMe and promptseg open this path,
            # so a name that is not UTF-8 is not replaced: JSON escapes it.
            "imagePath": Path(os.path.relpath(image.path.resolve(), final.resolve())).as_posix(),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        path.write_text(as_json(record) + "\n", "utf-8")

    def shapes(self, mask: Mask, number: int) -> list[dict[str, Any]]:  # noqa: ARG002 (for formats with groups)
        """Return the shapes of an object, without the fields common to all shapes.

        Args:
            mask: The mask of the object.
            number: Number of the object in its image, from 1.
        """
        x0, y0, x1, y1 = (int(value) for value in mask.box.tolist())
        file = io.BytesIO()
        Image.fromarray(mask.crop()[0]).save(file, "PNG")
        # Both corners are pixels inside the bounding box.
        corners = [[float(x0), float(y0)], [float(x1 - 1), float(y1 - 1)]]
        return [{"shape_type": "mask", "points": corners, "mask": base64.b64encode(file.getvalue()).decode("ascii")}]


class LabelmePolygonWriter(LabelmeWriter):
    """Writer of the folder ``labelme-polygons``: one polygon for each part, one group for each object, holes cut open. Exact.

    Args:
        tolerance: Distance in pixels by which outlines may be simplified.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, tolerance: float = 0.0) -> None:
        super().__init__(out, classes, stats)
        self._tolerance = tolerance

    @property
    def output_path(self) -> Path:
        """The folder of the JSON files."""
        return self.out / "labelme-polygons"

    def shapes(self, mask: Mask, number: int) -> list[dict[str, Any]]:
        rings = [one_ring(part).tolist() for part in simplified_parts(inset_parts(mask, INSET), self._tolerance)]
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
        OutputVariant("labelme", "labelme/: one JSON file for each image, masks", LabelmeWriter),
        OutputVariant(
            "labelme-polygons", "labelme-polygons/: one JSON file for each image, polygons", LabelmePolygonWriter, {"tolerance": TOLERANCE}
        ),
    ),
)
