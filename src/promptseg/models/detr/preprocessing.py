"""Model inputs of RF-DETR and D-FINE, as the preprocessor files of their folders describe them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError, WeightsMismatchError, shown
from ...masks import Size
from ...runtime.structured import is_finite, is_integer, read_json
from ..bilinear import resized
from ..pixels import PIXEL_MEAN, PIXEL_STD, Color, normalized

Family = Literal["rf_detr", "d_fine"]

PREPROCESSOR = "preprocessor_config.json"
"""Name of the file that describes the model input, in a folder of transformers."""

MAX_SIDE = 2048
"""Longest side of a model input in pixels that a file may ask for. The largest that is published is 880."""

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelInput:
    """How an image becomes a model input: it is squashed to one size, whatever its proportions.

    Attributes:
        size: ``(height, width)`` in pixels. None: not known yet.
        mean: Mean that is taken off pixels in [0, 1].
        std: Standard deviation that is divided by.
        antialias: Whether the image is filtered when it is made smaller.
    """

    size: Size | None = None
    mean: Color = (0.0, 0.0, 0.0)
    std: Color = (1.0, 1.0, 1.0)
    antialias: bool = True

    def sized(self, size: Size) -> ModelInput:
        """Return the model input with another size."""
        return replace(self, size=size)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the model input of an image.

        Args:
            pixels: (H, W, 3) uint8 RGB.

        Returns:
            (3, *size) float32.
        """
        assert self.size is not None  # noqa: S101 - For the type checker: a detector is made with a size.
        if self.antialias:
            return normalized(pixels, self.size, Image.Resampling.BILINEAR, self.mean, self.std)
        scaled = (resized(pixels, self.size) / np.float32(255) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


OF_FAMILY: dict[Family, ModelInput] = {
    "rf_detr": ModelInput(mean=PIXEL_MEAN, std=PIXEL_STD, antialias=False),
    "d_fine": ModelInput((640, 640)),
}
"""Model inputs without a file. An RF-DETR of another size is another model, and so it has none."""


def read_preprocessor(path: Path, family: Family) -> ModelInput:
    """Return the model input that a preprocessor file describes.

    Its size, mean and standard deviation are read. Resizing is the family's: what a file says about it is of the class that wrote it.

    Args:
        path: The file.
        family: Family of the model.

    Raises:
        WeightsMismatchError: The file is damaged, or describes something else than one size for all images.
    """
    values = read_object(path)
    own = OF_FAMILY[family]
    size = values.get("size", own.size and {"height": own.size[0], "width": own.size[1]})
    height, width = (size.get("height"), size.get("width")) if isinstance(size, dict) else (size, size)
    if not (is_integer(height, 1) and is_integer(width, 1) and max(height, width) <= MAX_SIDE):
        raise WeightsMismatchError(f"{path} has size {shown(size)}, expected a height and a width of at most {MAX_SIDE} pixels")
    scaled = values.get("do_rescale", True), values.get("rescale_factor", 1 / 255)
    if scaled[0] is not True or not is_finite(scaled[1]) or abs(scaled[1] * 255 - 1) > 1e-6:
        raise WeightsMismatchError(f"{path} has do_rescale={shown(scaled[0])} by {shown(scaled[1])}, expected true by 1 / 255")
    mean, std = ModelInput.mean, ModelInput.std
    if values.get("do_normalize", family == "rf_detr"):
        mean, std = (_color(path, values, key, default) for key, default in (("image_mean", PIXEL_MEAN), ("image_std", PIXEL_STD)))
    return replace(own, size=(height, width), mean=mean, std=std)


def read_object(path: Path, limit: int = _MAX_BYTES) -> dict[str, Any]:
    """Return the object in a JSON file of a model.

    Raises:
        WeightsMismatchError: The file is damaged, or holds something else.
    """
    try:
        values = read_json(path, limit)
    except InputError as error:
        raise WeightsMismatchError(f"{error}") from error
    if not isinstance(values, dict):
        raise WeightsMismatchError(f"{path} holds {shown(values)}, expected an object")
    return values


def _color(path: Path, values: dict[str, Any], key: str, default: Color) -> Color:
    color = values.get(key, default)
    least = 1e-6 if key == "image_std" else -1e6
    if not (isinstance(color, (list, tuple)) and len(color) == 3 and all(is_finite(each) and least <= each <= 1e6 for each in color)):
        raise WeightsMismatchError(f"{path} has {key}={shown(color)}, expected a number each for red, green and blue")
    red, green, blue = (float(each) for each in color)
    return (red, green, blue)
