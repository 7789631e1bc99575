"""Prompts simulated from the truth, and the truth as a model's low-resolution logits should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask
from ..postprocess import innermost_point
from ..prompts import Prompt, SpatialPrompt
from ..sam.geometry import Geometry

JITTER = 0.1
"""Each side of a jittered box is moved by up to this share of the box's width or height."""


def some(objects: Sequence[Mask], most: int, random: np.random.Generator) -> list[Mask]:
    """At most so many of the objects, in their order."""
    if len(objects) <= most:
        return list(objects)
    return [objects[index] for index in sorted(random.choice(len(objects), most, replace=False))]


def box(mask: Mask, random: np.random.Generator) -> SpatialPrompt:
    """The object's box, or as often one whose sides are off."""
    if random.random() < 0.5:
        return tight_box(mask)
    x0, y0, x1, y1 = (float(value) for value in mask.box)
    moved = random.uniform(-JITTER, JITTER, 4) * [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    height, width = mask.size
    x0, y0, x1, y1 = np.clip(np.array([x0, y0, x1, y1]) + moved, 0, [width, height, width, height]).tolist()
    return Prompt.box(x0, y0, x1, y1)


def point(mask: Mask, random: np.random.Generator) -> SpatialPrompt:
    """A point anywhere in the object, or as often its innermost one."""
    if random.random() < 0.5:
        return centre_point(mask)
    inside = np.flatnonzero(mask.array)
    y, x = divmod(int(inside[random.integers(len(inside))]), mask.size[1])
    return Prompt.point(x, y)


def tight_box(mask: Mask) -> SpatialPrompt:
    """The object's box."""
    return Prompt.box(*mask.box.tolist())


def centre_point(mask: Mask) -> SpatialPrompt:
    """The point that is farthest from the object's border."""
    return Prompt.point(*innermost_point(mask))


def low_res(mask: Mask, geometry: Geometry) -> NDArray[np.float32]:
    """The share of each low-resolution logit's area that the object covers: (height, width) of `Geometry.low_res_inner`, 0 to 1."""
    import cv2

    step = geometry.frame // geometry.low_res
    height, width = geometry.low_res_inner()
    share = cv2.resize(mask.array.astype(np.float32), geometry.inner[::-1], interpolation=cv2.INTER_AREA)
    share = np.pad(share, ((0, height * step - share.shape[0]), (0, width * step - share.shape[1])), mode="edge")
    blocks: NDArray[np.float32] = share.reshape(height, step, width, step).mean(axis=(1, 3), dtype=np.float32)
    return blocks
