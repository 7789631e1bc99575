"""Writing of LabelMe files, with masks or polygons."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ....masks import Mask, Masks
from ...core import AnnotatedImage, AnnotatedObject
from ...polygons import INSET, inset_parts, one_ring
from ...simplification import simplified_parts
from ...writer_base import NO_CLASS, Classes, FolderWriter, WriteStats, as_json, score_of
from .shapes import shape_mask


class LabelmeWriter(FolderWriter):
    """Writer of the folder ``labelme``: one JSON file for each image, with shapes of type ``mask``. Exact. Needs LabelMe 5.4 or later."""

    holds_attributes = True

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
            common = {**_shape(each.mask), **({"attributes": dict(each.attributes)} if each.attributes else {})}
            own = [{**common, **shape} for shape in self.shapes(each.mask, number)]
            parts = [mask for mask in (shape_mask(shape, image.size) for shape in own) if mask is not None]
            self.stats.wrote(each.mask, Masks(parts, image.size).union())
            shapes += own
        record: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            # Relative, as LabelMe writes it, so that images and annotations can be moved together. LabelMe and promptseg open this path,
            # so a name that is not UTF-8 is not replaced: JSON escapes it.
            "imagePath": _relative(image.path, final).as_posix(),
            "imageData": None if image.content is None else base64.b64encode(image.content).decode("ascii"),
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


def _relative(image: Path, folder: Path) -> Path:
    """Return the path of an image from a folder. An image that is a link keeps its own name.

    The folder's links are followed, because ``..`` leads to the real parent. So are those of the image's folder if its path has ``..``.
    """
    path = image.parent.resolve() / image.name if ".." in image.parts else Path(os.path.abspath(image))  # noqa: PTH100 (follows no link)
    return Path(os.path.relpath(path, folder.resolve()))


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
