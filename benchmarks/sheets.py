"""Sheets: real objects cut out of their images and laid on a ground at known places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from truth import images_with_truth

from promptseg.masks import Mask
from promptseg.scene_masks import SceneMask, SceneMasks


@dataclass(frozen=True)
class CutOut:
    """An object: (h, w, 3) uint8 RGB of its box, and (h, w) bool where it is."""

    image: np.ndarray
    inside: np.ndarray

    def sized(self, longest: int) -> CutOut:
        """Return the object with a longer side of so many pixels."""
        by = longest / max(self.inside.shape)
        height, width = (max(2, round(side * by)) for side in self.inside.shape)
        how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
        inside = cv2.resize(self.inside.astype(np.uint8) * 255, (width, height), interpolation=how) > 127
        return CutOut(cv2.resize(self.image, (width, height), interpolation=how), inside)


def coco_objects(data: Path) -> list[CutOut]:
    """Return the objects of `coco_tiny` of at least 60 pixels that no border of their image cuts and that are one part."""
    found = []
    for image, truths in images_with_truth(data, "coco_tiny (train)"):
        for truth in truths:
            x0, y0, x1, y1 = truth.box.astype(int).tolist()
            whole = x0 > 1 and y0 > 1 and x1 < image.shape[1] - 1 and y1 < image.shape[0] - 1
            parts = cv2.connectedComponents(truth.mask.astype(np.uint8))[0] - 1
            if whole and parts == 1 and max(x1 - x0, y1 - y0) >= 60:
                found.append(CutOut(image[y0:y1, x0:x1], truth.mask[y0:y1, x0:x1]))
    return found


def nuclei(data: Path) -> list[CutOut]:
    """Return the nuclei of the image of `dsb2018` that its border does not cut."""
    from promptseg import load_image

    (path,) = (data / "dsb2018").glob("*.png")
    image, found = load_image(path), []
    for file in sorted((data / "dsb2018" / "masks").glob("*.png")):
        inside = load_image(file)[..., 0] > 127
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        if min(x0, y0) > 0 and x1 < image.shape[1] and y1 < image.shape[0]:
            found.append(CutOut(image[y0:y1, x0:x1], inside[y0:y1, x0:x1]))
    return found


def sheet(objects: list[CutOut], side: int, count: int, sizes: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, SceneMasks]:
    """Return a square image of objects that do not overlap, and their true masks.

    Args:
        objects: What is laid on it, each many times.
        side: Height and width in pixels.
        count: Number of objects that are tried; fewer fit if they are many.
        sizes: Smallest and largest longer side of an object in pixels.
        seed: Seed of sizes and places.
    """
    random = np.random.default_rng(seed)
    coarse = random.normal(120, 12, (side // 64 + 2, side // 64 + 2)).astype(np.float32)
    ground = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)[..., None] + np.array([6, 0, -8], np.float32)
    ground = np.clip(ground + random.normal(0, 3, (side, side, 1)), 0, 255).astype(np.uint8)
    taken, truths = np.zeros((side, side), bool), []
    for cut in _drawn(objects, count, sizes, random):
        height, width = cut.inside.shape
        for _ in range(40):
            x, y = random.integers(2, side - width - 2), random.integers(2, side - height - 2)
            if not taken[y - 2 : y + height + 2, x - 2 : x + width + 2].any():
                ground[y : y + height, x : x + width][cut.inside] = cut.image[cut.inside]
                taken[y : y + height, x : x + width] = True
                truths.append(SceneMask.of(Mask.from_array(cut.inside), (int(x), int(y))))
                break
    return ground, SceneMasks(truths, (side, side))


def _drawn(objects: list[CutOut], count: int, sizes: tuple[int, int], random: np.random.Generator) -> Iterator[CutOut]:
    """Yield objects of random sizes, the largest first, so that they find room. Their logarithms are evenly spread."""
    low, high = np.log(sizes)
    for longest in sorted(np.exp(random.uniform(low, high, count)), reverse=True):
        yield objects[random.integers(len(objects))].sized(round(longest))
