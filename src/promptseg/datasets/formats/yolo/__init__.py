"""YOLO: one text file for each image, one line for each object, with a class number and normalized corners or a normalized box.

Coordinates are normalized by the width and height of the image. A line is one ring. The parts and holes of an object are joined to one ring
by bridges that enclose no pixels, so filling it by the rule of the COCO API gives the exact mask. Ultralytics truncates corners to whole
pixels and also fills the pixels of the outline. It gets the exact mask when there are no bridges. Otherwise bridges are one pixel wide.
"""

from __future__ import annotations

from ...descriptor import BOXES, TOLERANCE, Format, Option, OutputVariant, Reader
from .reading import read_yolo
from .writing import YoloBoxWriter, YoloSegWriter

__all__ = ["FORMAT", "YoloBoxWriter", "YoloSegWriter", "read_yolo"]

_NAMES = Option("File with the class names: data.yaml or classes.txt. By default it is looked for beside the labels.", None)
_IMAGES = Option("Place the images beside the labels as symbolic links or as copies, or leave them out.", "link", ("link", "copy", "none"))

FORMAT = Format(
    "yolo",
    "YOLO text files",
    Reader(
        read_yolo,
        "folder of YOLO text files, or data.yaml or its folder",
        images="optional",
        options={"names": _NAMES, "boxes": BOXES},
    ),
    (
        OutputVariant("yolo", "yolo/: data.yaml, labels/, images/, boxes", YoloBoxWriter, {"images": _IMAGES}),
        OutputVariant(
            "yolo-seg", "yolo-seg/: data.yaml, labels/, images/, outlines", YoloSegWriter, {"images": _IMAGES, "tolerance": TOLERANCE}
        ),
    ),
)
