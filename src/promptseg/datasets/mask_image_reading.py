"""Reading of one mask image file: a binary mask of one object, or a label image with a number for each object.

The kind of a mask image is detected by these rules:

- 1-bit images, and images with only 0 and the maximum value (255, or 65535 with 16 bits), are binary masks.
- JPEG files are binary masks with soft edges. So are 8-bit gray images with values on both sides of 127 besides 0 and 255, in which most of
  the pixels above 0 are 240 or more. Values above 127 are the object, and a finding says so.
- All other images (palette indices, 8 or 16 bits) are label images. A number is an object, 0 the background. In 8 bits 255 is void, as in
  VOC and DAVIS.

Color images are refused, because the meaning of a color is not known.
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
    """Return the kind of mask images with that name.

    Raises:
        ConfigError: When there is no such kind.
    """
    if text not in get_args(MaskKind):
        raise ConfigError(f"the kind of mask images is one of {', '.join(get_args(MaskKind))}; got {text!r}")
    return cast("MaskKind", text)


def read_mask_file(path: Path, kind: MaskKind = "auto") -> tuple[list[tuple[str, Mask]], list[Mask], list[Finding]]:
    """Read the objects of a mask image.

    Args:
        path: The mask image.
        kind: ``"binary"`` (one object, the values above half of the maximum of the data type), ``"labels"`` (each number is an object, also
            255) or ``"auto"`` (detected by the rules of this module).

    Returns:
        The objects with their numbers as keys (and in label images also as labels), the void regions, and the findings.

    Raises:
        InputError: When the file cannot be read or is in color.
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
        findings.append(Finding(str(path), "converted", f"{share:.2g} % of the mask is gray: values above {limit} are read as the object"))
    pixels = values > limit
    return ([("1", Mask.from_array(pixels))] if pixels.any() else []), [], findings


def _is_soft(counts: dict[int, int]) -> bool:
    between = [value for value in counts if 0 < value < 255]
    if not between or not min(between) <= 127 < max(between):
        return False
    lit = sum(count for value, count in counts.items() if value)
    return 2 * sum(count for value, count in counts.items() if value >= 240) > lit


def _values(path: Path) -> tuple[NDArray[Any], bool, bool]:
    """Read (H, W) uint8 or uint16 values, whether the file format is lossy, and whether the values are palette indices."""
    try:
        with Image.open(path) as image:
            lossy, mode = image.format == "JPEG", image.mode
            array = np.asarray(image)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read mask {path}: {error}") from error
    if array.ndim == 3:
        colors = array[..., :3] if mode in ("RGB", "RGBA", "RGBX") else array[..., :1]
        if (colors != colors[..., :1]).any():
            raise InputError(f"mask {path} is in color ({mode}): expected black and white, or a number for each object")
        array = colors[..., 0]
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype.kind in "iu" and array.dtype != np.uint8 and array.min() >= 0 and array.max() <= 65535:
        array = array.astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"mask {path} has {array.dtype} samples from {array.min():g} to {array.max():g}: expected integers from 0 to 65535"
        )
    return array, lossy, mode == "P"
