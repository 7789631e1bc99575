"""What a salient object model takes and makes: size and numbers of its input, and how its output becomes a saliency map.

The values are those of the authors' own code. Packages that run these models differ a little: rembg divides by the maximum of the image
for every model, subtracts ImageNet's mean for IS-Net, and stretches the output of BiRefNet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..._checks import is_number
from ...errors import InputError, WeightsMismatchError, shown
from ...masks import Size
from ...runtime.structured import read_json
from ..pixels import PIXEL_MEAN, PIXEL_STD, Color, normalized

LEAST_SIDE, MOST_SIDE = 32, 4096
"""Limits of the side of a model input in pixels. Published models have 320 to 2048."""

_MAX_CONFIG_BYTES = 1 << 16


@dataclass(frozen=True)
class Conventions:
    """What a model takes and makes.

    Attributes:
        size: ``(height, width)`` of the input in pixels, for a model that takes inputs of any size.
        mean: What is subtracted from red, green and blue in [0, 1].
        std: What they are divided by.
        by_maximum: Whether the image is divided by its own maximum instead of 255.
        stretched: Whether the saliency map is stretched to [0, 1], so that each image has a salient object.
    """

    size: Size = (1024, 1024)
    mean: Color = PIXEL_MEAN
    std: Color = PIXEL_STD
    by_maximum: bool = False
    stretched: bool = False

    def prepared(self, pixels: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
        """Return the model input for an image.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            size: ``(height, width)`` of the model input.

        Returns:
            (3, height, width) float32.
        """
        scale = max(1, int(pixels.max())) / 255 if self.by_maximum else 1.0
        mean, std = (_scaled(values, scale) for values in (self.mean, self.std))
        return normalized(pixels, size, Image.Resampling.BILINEAR, mean, std)

    def saliency(self, output: NDArray[np.float32], *, logits: bool) -> NDArray[np.float32]:
        """Return the saliency in [0, 1] for an output of the model.

        Args:
            output: (h, w) float32.
            logits: Whether the output is logits, not probabilities.
        """
        values = 1 / (1 + np.exp(-np.clip(output, -80, 80))) if logits else np.clip(output, 0, 1)
        return np.asarray(values, np.float32)

    def stretch(self, saliency: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a saliency map that is stretched to [0, 1] if the model's authors do so. An even map stays as it is."""
        least, most = float(saliency.min()), float(saliency.max())
        if not self.stretched or most - least < _EVEN:
            return saliency
        return np.asarray((saliency - least) / (most - least), np.float32)


_EVEN = 1e-3
"""Range of a map that shows nothing."""

CONVENTIONS: Mapping[str, Conventions] = {
    "u2net": Conventions((320, 320), by_maximum=True, stretched=True),
    "isnet": Conventions(mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0), stretched=True),
    "birefnet": Conventions(),
    "any": Conventions(),
}
"""Conventions by the variant of an engine."""


def with_preprocessor(conventions: Conventions, path: Path) -> Conventions:
    """Return conventions with the values of a ``preprocessor_config.json``, which folders on the Hugging Face hub have.

    Raises:
        WeightsMismatchError: It is damaged, or a value is out of its range.
    """
    try:
        values = read_json(path, _MAX_CONFIG_BYTES)
    except InputError as error:
        raise WeightsMismatchError(f"{error}") from error
    if not isinstance(values, dict):
        raise WeightsMismatchError(f"{path} is not a configuration of a preprocessor: expected an object, got {shown(values)}")
    changes: dict[str, Any] = {}
    # Numbers for pixels from 0 to 255, unless they are rescaled first.
    factor = _number(path, values, "rescale_factor", 1 / 255) if values.get("do_rescale", True) else 1.0
    if values.get("do_normalize", True):
        if "image_mean" in values:
            changes["mean"] = _scaled(_color(path, values, "image_mean"), 1 / (255 * factor))
        if "image_std" in values:
            changes["std"] = _scaled(_color(path, values, "image_std"), 1 / (255 * factor))
    else:
        changes |= {"mean": (0.0, 0.0, 0.0), "std": _scaled((1.0, 1.0, 1.0), 1 / (255 * factor))}
    size = values.get("size")  # Older files have one number.
    height, width = (size.get("height"), size.get("width")) if isinstance(size, dict) else (size, size)
    if height is not None and width is not None:
        changes["size"] = (checked_side(path, height), checked_side(path, width))
    return replace(conventions, **changes, by_maximum=False)


def checked_side(path: Path, side: object) -> int:
    """Return the side of a model input, checked.

    Raises:
        WeightsMismatchError: It is not a whole number in the limits.
    """
    if not isinstance(side, int) or isinstance(side, bool) or not LEAST_SIDE <= side <= MOST_SIDE:
        raise WeightsMismatchError(f"{path} takes images with a side of {shown(side)} pixels, expected {LEAST_SIDE} to {MOST_SIDE}")
    return side


def _color(path: Path, values: Mapping[str, Any], name: str) -> Color:
    given = values[name]
    listed = given if isinstance(given, list) else [given] * 3
    least = 1e-6 if name == "image_std" else -1e6
    if len(listed) != 3 or not all(is_number(value) and least <= value <= 1e6 for value in listed):
        raise WeightsMismatchError(f"{path} has {name} {shown(given)}, expected three numbers{' above 0' if name == 'image_std' else ''}")
    red, green, blue = (float(value) for value in listed)
    return red, green, blue


def _number(path: Path, values: Mapping[str, Any], name: str, default: float) -> float:
    value = values.get(name, default)
    if not is_number(value) or not 1e-6 <= value <= 1e6:
        raise WeightsMismatchError(f"{path} has {name} {shown(value)}, expected a number above 0")
    return float(value)


def _scaled(color: Color, scale: float) -> Color:
    red, green, blue = color
    return red * scale, green * scale, blue * scale
