"""Samples of images of more than 8 bits, as 8 bits.

Where a file does not state the range of its samples, their own range is used, by these rules:

- The range is the first of 0…1 (floats alone), 0…255, 0…1023, 0…4095, 0…16383 and 0…65535 (8, 10, 12, 14 and 16 bits) that holds all
  samples. So 12-bit images in 16-bit files look as they should, and images of one camera are read alike.
- Samples that fill less than a quarter of that range, such as those of a thermal camera between 7000 and 8500, are stretched from their
  minimum to their maximum. So are samples above 65535.
- Negative samples, NaN and infinities are refused: what they mean is not known.

A range that was chosen so is told by an `InputWarning`, unless it is that of all 16 bits.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import InputError, InputWarning

Range = tuple[float, float]
"""Sample values that become 0 and 255."""


def to_uint8(samples: NDArray[Any], name: str, limits: Range | None = None, *, once: bool = False) -> NDArray[np.uint8]:
    """Return samples as 8 bits.

    Args:
        samples: (H, W) or (H, W, channels) of bool, integers or floats. A fourth channel is alpha, and has a range of its own.
        name: Name of the image in messages.
        limits: The range, where it is known.
        once: Tell the range that was chosen for this name once only.

    Returns:
        An array of the same shape.

    Raises:
        InputError: The dtype holds no samples, or there are negative samples, NaN or infinities.
    """
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if samples.dtype == bool:
        return samples.astype(np.uint8) * 255
    if samples.dtype == np.uint8:
        return samples
    if samples.ndim == 3 and samples.shape[2] == 4:
        color, alpha = samples[..., :3], samples[..., 3:]
        opaque = _usual_range(alpha.dtype, *_extremes(alpha, name))[1]
        return np.concatenate([_scaled(color, limits or range_of(color, name, once=once)), _scaled(alpha, (0, opaque))], axis=2)
    if limits is not None and samples.dtype.kind == "f":
        _extremes(samples, name)  # NaN has no place in any range.
    return _scaled(samples, limits or range_of(samples, name, once=once))


def range_of(samples: NDArray[Any], name: str, *, once: bool = False) -> Range:
    """Return the range of samples of more than 8 bits by the rules of this module, and tell it.

    Args:
        samples: Integers or floats of any shape.
        name: Name of the image in messages.
        once: Tell the range for this name once only.

    Raises:
        InputError: The dtype holds no samples, or there are negative samples, NaN or infinities.
    """
    low, high = _extremes(samples, name)
    limits = _usual_range(samples.dtype, low, high)
    if low < high and (high > limits[1] or 4 * (high - low) < limits[1]):
        limits = (low, high)
    if samples.dtype.kind == "f" or limits != (0, 65535):
        tell = _tell_once if once else _tell
        tell(
            f"{name} has {samples.dtype} samples from {low:g} to {high:g} and does not state their range: {limits[0]:g} is read as black "
            f"and {limits[1]:g} as white. For another range, convert it to uint8"
        )
    return limits


def _tell(message: str) -> None:
    warnings.warn(message, InputWarning, stacklevel=3)


# Python's own memory of the warnings that were shown is lost whenever its filters change.
_tell_once = lru_cache(maxsize=10_000)(_tell)


def stated_range(image: Image.Image) -> Range | None:
    """Return the range of the samples of an open image file that the file states, or None. The pixels are not loaded yet.

    It is stated by ``sBIT`` in PNG, ``BitsPerSample`` and ``SMaxSampleValue`` in TIFF, the maximum in PGM, and the precision in JPEG 2000.
    A stated range that is the whole range of the data type is none: programs write it whatever the samples are.
    """
    if image.format == "JPEG2000" or (image.format == "PPM" and _tile(image)[0] != "raw"):
        return (0, 65535) if image.mode in ("I", "I;16") else None  # Pillow has scaled the samples.
    if image.format == "PNG":
        bits = _significant_bits(image)
    elif image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]  # It is a TIFF file.
        low, high = (_number(tags.get(new, tags.get(old))) for new, old in ((340, 280), (341, 281)))
        if high is not None and (low or 0) < high and high != 65535:
            return (low or 0, high)
        bits = int(_number(tags.get(258)) or 0)
    else:
        return None
    return (0, 2**bits - 1) if 8 <= bits < 16 else None


def holds(limits: Range, samples: NDArray[Any]) -> bool:
    """Return whether all samples are within a range."""
    return bool(limits[0] <= samples.min() and samples.max() <= limits[1])


def is_reduced(image: Image.Image) -> bool:
    """Return whether Pillow reduces the samples of an open color image from 16 bits to their high bytes."""
    codec, arguments = _tile(image)
    if image.mode not in ("LA", "RGB", "RGBA"):
        return False
    return ";16" in str(arguments) or (codec == "ppm" and isinstance(arguments, tuple) and arguments[-1] == 65535)


def file_bytes(image: Image.Image) -> bytes | None:
    """Return the content of the file of an open image, or None if it is not open any more."""
    file = getattr(image, "fp", None)
    if file is None:
        return None
    place = file.tell()
    file.seek(0)
    content = bytes(file.read())
    file.seek(place)
    return content


def decode_color(content: bytes, size: tuple[int, int], orientation: int) -> NDArray[np.uint16] | None:
    """Decode a color image with all its 16 bits, or return None if OpenCV cannot.

    Args:
        content: Content of the file.
        size: ``(width, height)`` as stored, which was checked.
        orientation: EXIF orientation to apply, from 1 to 8.

    Returns:
        (H, W, 3) RGB or (H, W, 4) RGBA.
    """
    import cv2

    try:
        samples = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if samples is None or samples.dtype != np.uint16 or samples.shape not in ((*size[::-1], 3), (*size[::-1], 4)):
        return None
    order = [2, 1, 0, 3][: samples.shape[2]]
    return np.ascontiguousarray(_upright(samples[..., order], orientation))


def _upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation to an (H, W, channels) array."""
    if orientation in (5, 6, 7, 8):
        samples = samples.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def _extremes(samples: NDArray[Any], name: str) -> Range:
    """Return the minimum and the maximum of samples that can be scaled."""
    if samples.dtype.kind not in "iuf":
        kind = {"U": "text", "S": "bytes", "O": "objects", "c": "complex numbers"}.get(samples.dtype.kind, str(samples.dtype))
        raise InputError(f"{name} must hold integers or floats, got {kind} ({samples.dtype}): give the samples as numbers, such as uint8")
    low, high = float(samples.min()), float(samples.max())
    if not np.isfinite([low, high]).all():
        count = int(samples.size - np.isfinite(samples).sum())
        raise InputError(
            f"{name} has {count} samples of {samples.size} that are NaN or infinite: replace them, for example by 0{_STRETCHED}"
        )
    if low < 0:
        raise InputError(
            f"{name} has {samples.dtype} samples from {low:g} to {high:g}, and an image's are at least 0: "
            f"scale them to uint8 (0…255) first{_STRETCHED}"
        )
    return low, high


def _usual_range(dtype: np.dtype[Any], low: float, high: float) -> Range:
    """Return the first usual range that holds the samples, otherwise their own."""
    usual = (*((1,) if dtype.kind == "f" else ()), *(2**bits - 1 for bits in (8, 10, 12, 14, 16)))
    return next(((0, limit) for limit in usual if high <= limit), (low, high))


def _scaled(samples: NDArray[Any], limits: Range) -> NDArray[np.uint8]:
    """Map a range to 0…255, with rounding. Samples outside are clipped."""
    low, high = limits
    if samples.dtype.kind in "iu" and samples.dtype.itemsize <= 2:  # A table is quicker and needs little memory.
        values = np.arange(int(max(samples.max(), 0)) + 1, dtype=np.float64)
        table: NDArray[np.uint8] = np.clip((values - low) * (255 / ((high - low) or 1)) + 0.5, 0, 255).astype(np.uint8)
        return np.take(table, samples)
    exact = samples.dtype.itemsize <= 4 if samples.dtype.kind == "f" else high <= 65535  # In float32, which takes half the memory.
    scaled = samples.astype(np.float32 if exact else np.float64)
    scaled -= low
    scaled /= (high - low) or 1
    scaled *= 255
    scaled += 0.5
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def _tile(image: Image.Image) -> tuple[str, Any]:
    """Return how the pixels of an open image file are decoded: the codec and its arguments. Both are empty for an image in memory."""
    tiles = getattr(image, "tile", None)
    return (str(tiles[0][0]), tiles[0][3]) if tiles else ("raw", None)


def _significant_bits(image: Image.Image) -> int:
    """Return the number of bits in the chunk ``sBIT`` of an open PNG file, or 0. Pillow passes it over."""
    file = getattr(image, "fp", None)
    if file is None:
        return 0
    place, bits = file.tell(), 0
    file.seek(8)
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:] == b"IDAT":
            break
        if head[4:] == b"sBIT" and 1 <= length <= 4:
            bits = file.read(1)[0]
            break
        file.seek(length + 4, 1)
    file.seek(place)
    return bits


def _number(value: Any) -> float | None:
    """Return a value of a TIFF tag as a number, the greatest if there are several, or None."""
    values = value if isinstance(value, tuple) else (value,)
    try:
        return max(float(each) for each in values)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


_MOST_CHUNKS = 100
"""Number of chunks of a PNG file that are looked at before the pixels."""
_STRETCHED = ". What is not a picture, such as an elevation, is stretched by promptseg.open_raster and by promptseg annotate --tile 1024"
"""What reads samples of any range."""
