"""LabelMe: one JSON file for each image, with polygons, rectangles, circles and masks."""

from __future__ import annotations

from ...descriptor import FIT, TOLERANCE, Format, OutputVariant, Reader
from .reading import read_labelme
from .writing import LabelmePolygonWriter, LabelmeWriter

__all__ = ["FORMAT", "LabelmePolygonWriter", "LabelmeWriter", "read_labelme"]

FORMAT = Format(
    "labelme",
    "LabelMe files",
    Reader(
        lambda images, folder, **options: read_labelme(folder, images, **options),
        "folder of LabelMe files",
        images="optional",
        options={"fit": FIT},
    ),
    (
        OutputVariant("labelme", "labelme/: one JSON file for each image, masks", LabelmeWriter),
        OutputVariant(
            "labelme-polygons", "labelme-polygons/: one JSON file for each image, polygons", LabelmePolygonWriter, {"tolerance": TOLERANCE}
        ),
    ),
)
