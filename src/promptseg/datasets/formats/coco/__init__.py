"""COCO instances: polygons, compressed and uncompressed run lengths, crowds."""

from __future__ import annotations

from ...descriptor import BOXES, CROWDS, FIT, TOLERANCE, Format, OutputVariant, Reader
from .reading import read_coco
from .writing import CocoPolygonWriter, CocoWriter

__all__ = ["FORMAT", "CocoPolygonWriter", "CocoWriter", "read_coco"]

FORMAT = Format(
    "coco",
    "COCO instances",
    Reader(read_coco, "COCO instances file", options={"boxes": BOXES, "crowds": CROWDS, "fit": FIT}),
    (
        OutputVariant("coco", "coco.json, run lengths", CocoWriter),
        OutputVariant("coco-polygons", "coco-polygons.json, outlines along pixel edges", CocoPolygonWriter, {"tolerance": TOLERANCE}),
    ),
)
