"""Reading of one mask image file: a binary mask of one object, or a label image with a number for each object.

The kind of a mask image is detected by these rules:

- 1-bit images, and images with only 0 and the maximum value (255, or 65535 with 16 bits), are binary masks.
- JPEG files are binary masks with soft edges. So are 8-bit gray images with values on both sides of 127 besides 0 and 255, in which most of
  the pixels above 0 are 240 or more. Values above 127 are the object, and a finding says so.
- All other images (palette indices, 8 or 16 bits) are label images. A number is an object, 0 the background. In 8 bits 255 is void, as in
  VOC and DAVIS.

Where an image has an alpha channel, transparent pixels are background. Where all that is visible has one color, and the alpha varies, the
alpha is the mask. Color images are refused, because the meaning of a color is not known. So are files of several pages or frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from ..errors import ConfigError, InputError
from ..image_formats import check_single, open_image
from ..image_samples import decode_color, file_bytes, is_reduced
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
        InputError: When the file cannot be read, is too large, in color, or has several pages or frames.
    """
    values, lossy, palette, notes = _values(path)
    greatest = 255 if values.dtype == np.uint8 else 65535
    frequencies = _frequencies(values)
    counts = {value: int(frequencies[value]) for value in np.flatnonzero(frequencies).tolist()}
    soft = lossy or (not palette and greatest == 255 and _is_soft(counts))
    if kind == "binary" or (kind == "auto" and (soft or set(counts) <= {0, greatest})):
        masks, ignored, findings = _binary(values, counts, greatest, path)
        return masks, ignored, [*notes, *findings]
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


def _frequencies(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return how often each value occurs. NumPy makes 8 bytes of each value that it counts, so parts of the image are counted."""
    flat, total = values.ravel(), np.zeros(256**values.dtype.itemsize, np.int64)
    for start in range(0, flat.size, _BLOCK):
        total += np.bincount(flat[start : start + _BLOCK], minlength=len(total))
    return total


def _is_soft(counts: dict[int, int]) -> bool:
    between = [value for value in counts if 0 < value < 255]
    if not between or not min(between) <= 127 < max(between):
        return False
    lit = sum(count for value, count in counts.items() if value)
    return 2 * sum(count for value, count in counts.items() if value >= 240) > lit


def _values(path: Path) -> tuple[NDArray[Any], bool, bool, list[Finding]]:
    """Read (H, W) uint8 or uint16 values, whether the file format is lossy, whether the values are palette indices, and findings."""
    name = f"mask {path}"
    with open_image(path, name) as image:
        check_single(image, name)
        lossy, mode = image.format in _LOSSY, image.mode
        # Pillow reduces 16 bits of each color to 8, which would make small numbers 0.
        content = file_bytes(image) if is_reduced(image) else None
        stored, orientation = image.size, image.getexif().get(_ORIENTATION, 1)
        array = np.asarray(ImageOps.exif_transpose(image))
    deep = None if content is None else decode_color(content, stored, orientation)
    array = array if deep is None else deep
    if mode not in _GRAY | _COLOR:
        raise InputError(f"{name} has the mode {mode}, in which no value is a gray level: save it in gray, with a number for each object")
    findings = []
    if array.ndim == 3:
        alpha = array[..., -1] if array.shape[2] in (2, 4) and mode != "RGBX" else None
        colors = array[..., :3] if array.shape[2] > 2 else array[..., :1]
        if alpha is not None and _carries_mask(colors, alpha):
            findings.append(Finding(str(path), "converted", "all that is visible has one color: the alpha channel is read as the mask"))
            colors, lossy = (alpha * (255.0 / float(alpha.max())) + 0.5).astype(np.uint8)[..., None], True
        elif alpha is not None and alpha.any():
            colors = colors * (alpha[..., None] > 0)
        spread = int((colors.max(axis=2).astype(int) - colors.min(axis=2)).max())
        if spread > (_CHROMA_NOISE if lossy else 0):
            raise InputError(f"{name} is in color ({mode}): expected black and white, or a number for each object")
        array = colors[..., 0]
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype.kind in "iuf" and array.dtype != np.uint8 and _are_numbers(array):
        array = array.astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{name} has {array.dtype} samples from {array.min():g} to {array.max():g}: expected integers from 0 to 65535")
    return array, lossy, mode in ("P", "PA"), findings


def _carries_mask(colors: NDArray[Any], alpha: NDArray[Any]) -> bool:
    """Return whether an alpha channel, (H, W), varies, and all that it shows of the colors, (H, W, channels), is one color."""
    shown = colors[alpha > 0]
    return bool(len(shown)) and bool((alpha != alpha.flat[0]).any()) and bool((shown == shown[0]).all())


def _are_numbers(values: NDArray[Any]) -> bool:
    return bool(values.min() >= 0 and values.max() <= 65535 and (values.dtype.kind != "f" or (values == np.floor(values)).all()))


_GRAY = frozenset({"1", "L", "P", "I", "F", "LA", "La", "PA", "I;16", "I;16B", "I;16L", "I;16N"})
_COLOR = frozenset({"RGB", "RGBA", "RGBX", "RGBa"})
_LOSSY = frozenset({"JPEG", "MPO", "AVIF", "HEIF"})
_CHROMA_NOISE = 16
_ORIENTATION = 0x0112
_BLOCK = 1 << 20
