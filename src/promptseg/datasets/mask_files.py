"""Masks as pictures: one object in black and white, or a number for each object.

A picture is read by these rules, unless its kind is given:

- 1 bit, or nothing but 0 and the greatest value (255, or 65535 with 16 bits): one object.
- A JPEG, or 8-bit gray with values on both sides of 127 besides 0 and 255 and most of what is not black at 240 or more: one object
  with soft edges. It is cut at 127 (over it is the object), and a finding says so.
- Everything else (palette indices, 8 or 16 bits): a number is an object, 0 the background. In 8 bits 255 is void, as in VOC and DAVIS.

Colors are refused: which color means what is not in the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ConfigError, InputError
from ..masks import Mask
from .core import Finding

MaskKind = Literal["auto", "binary", "labels"]


def mask_kind(text: str) -> MaskKind:
    """The kind of that name.

    Raises:
        ConfigError: There is none.
    """
    if text not in get_args(MaskKind):
        raise ConfigError(f"masks are {', '.join(get_args(MaskKind))}, got {text!r}")
    return cast("MaskKind", text)


def read_mask_file(path: Path, kind: MaskKind = "auto") -> tuple[list[tuple[str, Mask]], list[Mask], list[Finding]]:
    """The objects of a mask picture.

    Args:
        path: The picture.
        kind: ``"binary"`` (one object, cut at half of the greatest value of its type), ``"labels"`` (each number an object, 255 too) or
            ``"auto"``, as the module describes.

    Returns:
        The objects with their numbers as keys (and, of label masks, as labels), the void regions, and what was found.

    Raises:
        InputError: It cannot be read, or is in color.
    """
    values, lossy, palette = _values(path)
    greatest = 255 if values.dtype == np.uint8 else 65535
    frequencies = np.bincount(values.ravel())
    counts = {value: int(frequencies[value]) for value in np.flatnonzero(frequencies).tolist()}
    soft = lossy or (not palette and greatest == 255 and _is_soft(counts))
    if kind == "binary" or (kind == "auto" and (soft or set(counts) <= {0, greatest})):
        return _binary(values, counts, greatest, path)
    void = 255 if kind == "auto" and greatest == 255 and 255 in counts else None
    masks = [(str(value), Mask.from_array(values == value, label=str(value))) for value in counts if value not in (0, void)]
    ignored = [] if void is None else [Mask.from_array(values == void)]
    return masks, ignored, []


def _binary(
    values: NDArray[Any], counts: dict[int, int], greatest: int, path: Path
) -> tuple[list[tuple[str, Mask]], list[Mask], list[Finding]]:
    limit = 0 if set(counts) <= {0, 1} else greatest // 2
    between = sum(count for value, count in counts.items() if value not in (0, greatest)) if limit else 0
    findings = []
    if between:
        share = 100 * between / values.size
        findings.append(Finding(str(path), "converted", f"{share:.2g} % of the mask is gray: what is over {limit} counts as the object"))
    pixels = values > limit
    return ([("1", Mask.from_array(pixels))] if pixels.any() else []), [], findings


def _is_soft(counts: dict[int, int]) -> bool:
    between = [value for value in counts if 0 < value < 255]
    if not between or not min(between) <= 127 < max(between):
        return False
    lit = sum(count for value, count in counts.items() if value)
    return 2 * sum(count for value, count in counts.items() if value >= 240) > lit


def _values(path: Path) -> tuple[NDArray[Any], bool, bool]:
    """(H, W) uint8 or uint16, whether the file's format loses detail, and whether the values are indices of a palette."""
    try:
        with Image.open(path) as image:
            lossy, mode = image.format == "JPEG", image.mode
            array = np.asarray(image)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read mask {path}: {error}") from error
    if array.ndim == 3:
        colors = array[..., :3] if mode in ("RGB", "RGBA", "RGBX") else array[..., :1]
        if (colors != colors[..., :1]).any():
            raise InputError(f"mask {path} is in color ({mode}): a mask is black and white, or has a number for each object")
        array = colors[..., 0]
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype.kind in "iu" and array.dtype != np.uint8 and array.min() >= 0 and array.max() <= 65535:
        array = array.astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"mask {path} has {array.dtype} samples from {array.min():g} to {array.max():g}: expected whole numbers to 65535")
    return array, lossy, mode == "P"
