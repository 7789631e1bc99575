"""Writing of YOLO text files, with outlines or boxes."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from ...._boxes import filled_box
from ....masks import Mask
from ...core import AnnotatedImage, AnnotatedObject
from ...polygons import INSET, inset_parts, one_ring
from ...safe_names import safe_name
from ...simplification import simplified_parts
from ...writer_base import Classes, FolderWriter, WriteStats


class _YoloWriter(FolderWriter):
    """Writer of a folder for Ultralytics: ``data.yaml``, ``labels``, and ``images``, beside which Ultralytics looks for labels.

    Args:
        images: How the images are placed in ``images``: ``"link"`` (symbolic links), ``"copy"`` or ``"none"``.
    """

    holds_scores = False
    taken = ("classes.txt", "labels.txt", "obj.names")  # Beside labels, they are lists of classes.

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, images: str = "link") -> None:
        super().__init__(out, classes, stats)
        self._images = images

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        suffix = image.path.suffix if safe_name(f"a{image.path.suffix}"[:_LONG_SUFFIX]) == f"a{image.path.suffix}" else ""
        stem = self.path_for(image.name, ".txt", suffix)
        lines = [f"{self.classes.number(each.label)} {' '.join(map(_number, self.coordinates(each.mask)))}\n" for each in objects]
        self.file(f"labels/{stem}.txt").write_text("".join(lines), "utf-8")
        if self._images == "none":
            return
        image_file = self.folder / "images" / f"{stem}{suffix}"
        image_file.parent.mkdir(parents=True, exist_ok=True)
        source = image.path.resolve()
        if image.content is not None:  # There is no file to link or to copy.
            image_file.write_bytes(image.content)
        # A link to a copy in the folder that is replaced would lead nowhere.
        elif self._images == "link" and not source.is_relative_to(self.output_path.resolve()):
            image_file.symlink_to(source)
        else:
            shutil.copyfile(source, image_file)

    @abstractmethod
    def coordinates(self, mask: Mask) -> list[float]:
        """Return the normalized coordinates of an object's line."""

    def finish(self) -> None:
        # Without "path", Ultralytics looks beside data.yaml. It requires both splits.
        content = {"train": "images", "val": "images", "names": dict(enumerate(self.classes.names))}
        (self.folder / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
        self.stats.files += 1


class YoloSegWriter(_YoloWriter):
    """Writer of the folder ``yolo-seg``: one line for each object, with holes cut open and parts joined by bridges.

    Args:
        images: How the images are placed in ``images``.
        tolerance: Distance in pixels by which outlines may be simplified.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, images: str = "link", tolerance: float = 0.0) -> None:
        super().__init__(out, classes, stats, images=images)
        self._tolerance = tolerance

    @property
    def output_path(self) -> Path:
        """The YOLO folder."""
        return self.out / "yolo-seg"

    def coordinates(self, mask: Mask) -> list[float]:
        parts = simplified_parts(inset_parts(mask, INSET), self._tolerance)
        (height, width), ring = mask.size, one_ring([ring for part in parts for ring in part])
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


_LONG_SUFFIX = 16
"""Maximum length of the suffix of an image. What is longer is part of its name."""


def _number(value: float) -> str:
    return f"{value:.9g}"
