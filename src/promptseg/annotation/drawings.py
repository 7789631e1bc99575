"""Drawings of annotated images: thumbnails of the gallery and full-size overlays.

The comment of each file has a key of what was drawn: the image, its objects and their colors. So a later run draws again what changed,
and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ..class_colors import ClassColors
from ..images import load_image
from ..masks import Masks
from ..overlay import FEW, draw
from ..results import Result
from .records import mask_of

THUMBNAIL_SIZE = 480
"""Longer side of a thumbnail in pixels, at most."""

MAX_JPEG = 65_500
"""Maximum length of a side of a JPEG file in pixels. Larger images become PNG files."""

_VERSION = 1  # To be raised when drawings look different, so that those of earlier versions are drawn again.


def class_order(known: Sequence[str], models: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the order of the classes that decides the colors of a run: the known one, or else that of its detector.

    Args:
        known: Classes of the run, in their order.
        models: Provenance of the models, as in the journal.
    """
    return tuple(known) or next((tuple(model["classes"]) for model in models if model.get("classes")), ())


def drawing_key(record: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Return a key of what a drawing of an image shows. It differs when the image, its objects or their colors do.

    Args:
        record: Record of the image, with status ``done``.
        classes: Classes in the order that decides their colors.
    """
    masks = [[mask["counts"], mask["label"], mask["score"]] for mask in record["masks"]]
    colors = sorted(ClassColors(classes).indices(mask["label"] for mask in record["masks"]).items())
    content = json.dumps([_VERSION, record.get("sha256"), record["size"], masks, colors])
    return hashlib.sha256(content.encode()).hexdigest()


def key_of(path: Path) -> str | None:
    """Return the key of a drawing, or None if the file is not one, or not there."""
    try:
        with Image.open(path) as opened:
            comment = opened.info.get("comment")
    except (OSError, ValueError, SyntaxError):  # Pillow reports some damaged files as SyntaxError.
        return None
    return comment.decode("ascii", "replace") if isinstance(comment, bytes) else comment if isinstance(comment, str) else None


Pixels = Callable[[str], NDArray[np.uint8]]
"""Function that returns an image by its name, (H, W, 3) uint8 RGB."""


def result_of(record: Mapping[str, Any], pixels: Pixels | None = None) -> Result:
    """Return the image of a record with its masks.

    Args:
        record: Record of the image, with status ``done``.
        pixels: Function that returns images that are no files of their own; None for files.

    Raises:
        InputError: When the image cannot be read.
    """
    size = (record["size"][0], record["size"][1])
    masks = Masks([mask_of(entry, size) for entry in record["masks"]], size)
    return Result(masks, image=load_image(record["path"]) if pixels is None else pixels(record["name"]))


def draw_thumbnail(result: Result, classes: Sequence[str], key: str) -> bytes:
    """Return a small overlay of the masks as a JPEG file.

    The image is resized before the masks are drawn, so that drawing does not take longer for large images. Of more than `FEW` masks no
    labels are written, because they would hide the image.

    Args:
        result: The result, with its image.
        classes: Classes in the order that decides their colors.
        key: Key of the drawing.

    Raises:
        ValueError: When the result has no image.
    """
    if result.image is None:
        raise ValueError("the result has no image")
    height, width = result.size
    scale = min(1.0, THUMBNAIL_SIZE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = cv2.resize(result.image, size[::-1], interpolation=cv2.INTER_AREA) if scale < 1 else result.image
    masks = Masks((mask.resized(size) for mask in result.masks), size)
    drawn = draw(np.asarray(small, np.uint8), masks, classes=classes, labels=len(masks) <= FEW)
    file = io.BytesIO()
    drawn.save(file, "JPEG", quality=80, comment=key.encode())
    return file.getvalue()


def draw_overlay(result: Result, classes: Sequence[str], key: str) -> bytes:
    """Return a full-size overlay of the masks as a JPEG file, or as a PNG file if the image is too large for JPEG.

    Args:
        result: The result, with its image.
        classes: Classes in the order that decides their colors.
        key: Key of the drawing.

    Raises:
        InputError: When the image has another size than the masks.
        ValueError: When the result has no image.
    """
    if result.image is None:
        raise ValueError("the result has no image")
    drawn = draw(result.image, result.masks, classes=classes)
    file = io.BytesIO()
    if overlay_suffix(result.size) == ".jpg":
        drawn.save(file, "JPEG", quality=92, subsampling=0, comment=key.encode())  # Thin colored lines need colors at full size.
    else:
        text = PngImagePlugin.PngInfo()
        text.add_text("comment", key)
        drawn.save(file, "PNG", pnginfo=text)
    return file.getvalue()


def overlay_suffix(size: Sequence[int]) -> str:
    """Return the suffix of the file of an overlay of an image of a size."""
    return ".jpg" if max(size) <= MAX_JPEG else ".png"
