"""Pascal VOC: for each image an XML file with boxes, a label image of the objects and a label image of the classes.

Objects are numbered from 1 in the order of the XML file. Box corners are pixel numbers from 1, and both corners are inside the box.
"""

from __future__ import annotations

from ...core import Dataset
from ...descriptor import BOXES, FIT, Format, OutputVariant, Place, Reader
from .reading import read_voc
from .writing import VocWriter

__all__ = ["FORMAT", "VocWriter", "read_voc"]


def _open(images: Place | None, root: Place, *, boxes: bool = False, fit: bool = False) -> Dataset:
    return read_voc(root, images, boxes=boxes, fit=fit)


FORMAT = Format(
    "voc",
    "Pascal VOC",
    Reader(_open, "folder with Annotations and SegmentationObject", images="optional", options={"boxes": BOXES, "fit": FIT}),
    (OutputVariant("voc", "voc/: Annotations/, SegmentationObject/, SegmentationClass/, ImageSets/, labelmap.txt", VocWriter),),
)
