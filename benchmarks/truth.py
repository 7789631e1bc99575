"""COCO images for the figures of quality, with the true masks of their objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SETS = {
    "coco_tiny (train)": ("coco_tiny", "train2017", "instances_train2017.json"),
    "coco_person (val)": ("coco_person", "val2017", "person_keypoints_val2017.json"),
}


@dataclass(frozen=True)
class Truth:
    """Ground truth of an object.

    Attributes:
        label: Its category.
        mask: (H, W) bool.
    """

    label: str
    mask: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """(4,) float32 tight box ``x0, y0, x1, y1``."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def images_with_truth(data: Path, name: str) -> Iterator[tuple[np.ndarray, list[Truth]]]:
    """Yield each image of a set, (H, W, 3) uint8 RGB, with its objects that are not crowds and have over 100 pixels.

    Images without such objects are left out.
    """
    from pycocotools import mask as coco

    from promptseg import load_image

    folder, images, truth_file = SETS[name]
    content = json.loads((data / folder / "annotations" / truth_file).read_text())
    labels = {category["id"]: category["name"] for category in content["categories"]}
    for entry in content["images"]:
        truths = []
        for annotation in content["annotations"]:
            if annotation["image_id"] != entry["id"] or annotation.get("iscrowd"):
                continue
            segmentation, height, width = annotation["segmentation"], entry["height"], entry["width"]
            if isinstance(segmentation, list):
                segmentation = coco.merge(coco.frPyObjects(segmentation, height, width))
            mask = coco.decode(segmentation).astype(bool)
            if mask.sum() > 100:
                truths.append(Truth(labels[annotation["category_id"]], mask))
        if truths:
            yield load_image(data / folder / images / entry["file_name"]), truths


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the IoU of two (H, W) bool masks."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0
