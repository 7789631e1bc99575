"""YOLO: one text file for each image, one line for each object, with a class number and normalized corners or a normalized box.

Coordinates are normalized by the width and height of the image. A line is one ring. The parts and holes of an object are joined to one ring
by bridges that enclose no pixels, so filling it by the rule of the COCO API gives the exact mask. Ultralytics truncates corners to whole
pixels and also fills the pixels of the outline. It gets the exact mask when there are no bridges. Otherwise bridges are one pixel wide.
"""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from ..._boxes import filled_box
from ...masks import Mask
from ..core import AnnotatedImage, AnnotatedObject
from ..descriptor import BOXES, Format, Option, OutputVariant, Reader
from ..polygons import INSET, inset_parts, one_ring
from ..writer_base import Classes, FolderWriter, WriteStats
from .yolo_reading import read_yolo


class _YoloWriter(FolderWriter):
    """Writer of a folder for Ultralytics: ``data.yaml``, ``labels``, and ``images``, beside which Ultralytics looks for labels.

    Args:
        images: How the images are placed in ``images``: ``"link"`` (symbolic links), ``"copy"`` or ``"none"``.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, images: str = "link") -> None:
        super().__init__(out, classes, stats)
        self._images = images

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        path = self.file("labels", image.name, ".txt")
        lines = [f"{self.classes.number(each.label)} {' '.join(map(_number, self.coordinates(each.mask)))}\n" for each in objects]
        path.write_text("".join(lines), "utf-8")
        if self._images == "none":
            return
        image_file = self.folder / "images" / path.relative_to(self.folder / "labels").with_suffix(image.path.suffix)
        image_file.parent.mkdir(parents=True, exist_ok=True)
        if image.content is not None:  # There is no file to link or to copy.
            image_file.write_bytes(image.content)
        elif self._images == "link":
            image_file.symlink_to(image.path.resolve())
        else:
            shutil.copyfile(image.path, image_file)

    @abstractmethod
    def coordinates(self, mask: Mask) -> list[float]:
        """Return the normalized coordinates of an object's line."""

    def finish(self) -> None:
        # Without "path", Ultralytics looks beside data.yaml. It requires both splits.
        content = {"train": "images", "val": "images", "names": dict(enumerate(self.classes.names))}
        (self.folder / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
        self.stats.files += 1


class YoloSegWriter(_YoloWriter):
    """Writer of the folder ``yolo-seg``: one line for each object, with holes cut open and parts joined by bridges."""

    @property
    def output_path(self) -> Path:
        """The YOLO folder."""
        return self.out / "yolo-seg"

    def coordinates(self, mask: Mask) -> list[float]:
        (height, width), ring = mask.size, one_ring([ring for part in inset_parts(mask, INSET) for ring in part])
        coordinates = [float(_number(value)) for value in (ring / np.array([width, height], np.float64)).ravel().tolist()]
        self.stats.wrote(mask, Mask.from_polygons([np.reshape(coordinates, (-1, 2)) * [width, height]], mask.size))
        return coordinates


class YoloBoxWriter(_YoloWriter):
    """Writer of the folder ``yolo``: one line for each object, with its bounding box."""

    @property
    def output_path(self) -> Path:
        """The YOLO folder."""
        return self.out / "yolo"

    def coordinates(self, mask: Mask) -> list[float]:
        (height, width), (x0, y0, x1, y1) = mask.size, mask.box.tolist()
        self.stats.wrote(mask, filled_box([x0, y0, x1, y1], mask.size))
        return [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]


def _number(value: float) -> str:
    return f"{value:.9g}"


_IMAGES = Option("Place the images beside the labels as symbolic links or as copies, or leave them out.", "link", ("link", "copy", "none"))

_NAMES = Option("File with the class names: data.yaml or classes.txt. By default it is looked for beside the labels.", None)

FORMAT = Format(
    "yolo",
    "YOLO text files",
    Reader(read_yolo, "folder of YOLO text files, or data.yaml", images="optional", options={"names": _NAMES, "boxes": BOXES}),
    (
        OutputVariant("yolo", "yolo/: data.yaml, labels/, images/, boxes", YoloBoxWriter, {"images": _IMAGES}),
        OutputVariant("yolo-seg", "yolo-seg/: data.yaml, labels/, images/, outlines", YoloSegWriter, {"images": _IMAGES}),
    ),
)
