"""Overview of a raster with its objects, for the gallery."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from ..masks import Mask, Masks, Size
from ..overlay import draw
from ..rasters.raster import Raster
from ..rasters.window import Window
from ..runtime.files import output_errors, write_atomically
from ..scene_masks import SceneMask, SceneMasks
from .drawings import key_of

NAME = "overview.jpg"
"""Name of the file in the folder of the gallery."""

LONGEST = 1600
"""Longer side of an overview in pixels, at most."""

OUTLINED = 2000
"""Maximum number of objects that are outlined. Of more, the outlines would hide the raster."""

_FILL_ALONE = 0.55
"""Opacity of fills without outlines, so that they are seen on objects of a similar color."""

_VERSION = 2  # To be raised when overviews look different, so that those of earlier versions are drawn again.


def write_overview(raster: Raster, scene: SceneMasks, gallery: Path, classes: Sequence[str]) -> Path:
    """Draw the objects of a raster on a small image of it, unless the gallery has this drawing already.

    Args:
        raster: The raster.
        scene: Its objects.
        gallery: The folder of the gallery.
        classes: Classes in the order that decides their colors.

    Returns:
        The path of the drawing.

    Raises:
        InputError: The raster cannot be read.
        OutputError: The drawing cannot be written.
    """
    path, key = gallery / NAME, _key(raster, scene, classes)
    if key_of(path) == key:
        return path
    height, width = raster.size
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    image = raster.read(Window(0, 0, height, width), size)
    outline = len(scene) <= OUTLINED
    masks = Masks(_small(scene, size), size)
    drawn = draw(image, masks, classes=classes, labels=False, outline=outline, opacity=None if outline else _FILL_ALONE)
    content = io.BytesIO()
    drawn.save(content, "JPEG", quality=88, comment=key.encode())
    with output_errors(path), write_atomically(path) as file:
        file.write(content.getvalue())
    return path


def _small(scene: SceneMasks, size: Size) -> Iterator[Mask]:
    """Yield the masks of objects in a small image of the raster. Each has at least one pixel."""
    rows, columns = size[0] / scene.size[0], size[1] / scene.size[1]
    for each in scene:
        x0, y0, x1, y1 = each.box
        left, top = min(int(x0 * columns), size[1] - 1), min(int(y0 * rows), size[0] - 1)
        right, bottom = max(left + 1, min(round(x1 * columns), size[1])), max(top + 1, min(round(y1 * rows), size[0]))
        yield _scaled(each, (left, top), (bottom - top, right - left), size)


def _scaled(each: SceneMask, at: tuple[int, int], box: Size, size: Size) -> Mask:
    """Return the mask of an object in a small image.

    Args:
        each: The object.
        at: ``(x, y)`` of its box in the image.
        box: ``(height, width)`` of its box in the image.
        size: ``(height, width)`` of the image.
    """
    share = cv2.resize(each.mask.array.astype(np.float32), box[::-1], interpolation=cv2.INTER_AREA)
    pixels = np.asarray(share >= min(0.5, float(share.max())))
    return Mask.from_crop(pixels, at, size, label=each.label, score=each.score)


def _key(raster: Raster, scene: SceneMasks, classes: Sequence[str]) -> str:
    """Return a key of what an overview shows: it differs when the raster, the objects or their colors do."""
    digest = hashlib.sha256(json.dumps([_VERSION, dict(raster.description), list(classes)], sort_keys=True).encode())
    for each in scene:
        digest.update(json.dumps([each.box, each.label]).encode() + each.mask.counts)
    return digest.hexdigest()
