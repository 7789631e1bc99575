"""How an encoder of transformers takes an image: size, normalization and padding, from ``preprocessor_config.json`` or the known values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...._checks import is_number, is_whole_number
from ....errors import InputError, WeightsMismatchError, shown
from ....masks import Size
from ....runtime.structured import read_json
from ..geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry, ResizeLongestSide, StretchToSquare
from .layouts import MAX_LENGTH, POSITIONS, Pair

PREPROCESSOR = "preprocessor_config.json"
"""Name of the file of transformers that tells how images are prepared."""

_MAX_BYTES = 1 << 20
_MAX_PATCH = 64
"""Maximum number of pixels of an image token along one side. SAM and SAM 2 have 16, SAM 3 has 14."""

_SMALLEST, _LARGEST = 1e-6, 1e3
"""Range of the numbers in the file: far more than any model has."""

_SAM3_PATCH = 14
_HALF = (127.5, 127.5, 127.5)
"""Mean and standard deviation of SAM 3 for values of 0 to 255."""


@dataclass(frozen=True)
class Preprocessing:
    """How images become the model's input.

    Attributes:
        side: Side of the square input in pixels.
        mean: Mean of red, green and blue, for values of 0 to 255.
        std: Their standard deviation.
        stretched: Whether images are stretched to the square. Otherwise the longer side fills it, and the rest is padding.
    """

    side: int
    mean: tuple[float, float, float] = PIXEL_MEAN
    std: tuple[float, float, float] = PIXEL_STD
    stretched: bool = False

    def geometry(self, size: Size, low_res: int) -> InputGeometry:
        """Return the geometry of images of a size, for logits of `low_res` by `low_res`."""
        return (StretchToSquare if self.stretched else ResizeLongestSide)(size, self.side, low_res)


def preprocessing_of(pair: Pair, file: Path | None, fixed: int | None) -> Preprocessing:
    """Return how images become the input of a pair in layout ``transformers-js``.

    Args:
        pair: The encoder and the decoder.
        file: File ``preprocessor_config.json`` of the pair, or None for the known values of the layout. They are those of SAM for a decoder
            that takes positions, of SAM 3 for 14 pixels an image token, and of SAM 2 otherwise.
        fixed: Side of the input that the encoder fixes; None if it is open.

    Raises:
        WeightsMismatchError: The file is damaged or does not fit the pair.
    """
    stretched = POSITIONS not in pair.features
    if file is None:
        side = fixed or pair.input_size
        mean, std = (_HALF, _HALF) if stretched and side == _SAM3_PATCH * pair.grid else (PIXEL_MEAN, PIXEL_STD)
        found = Preprocessing(side, mean, std, stretched)
    else:
        found = _read(file)
    if fixed not in (None, found.side):
        raise WeightsMismatchError(f"{pair.encoder} takes images of {fixed} x {fixed} pixels, and {file} says {found.side}")
    if found.side % pair.grid or not 1 < found.side // pair.grid <= _MAX_PATCH or found.side > MAX_LENGTH:
        raise WeightsMismatchError(
            f"{pair.encoder} takes images of {found.side} x {found.side} pixels, which are no whole number of pixels for each of the "
            f"{pair.grid} x {pair.grid} image tokens that {pair.decoder} takes"
        )
    return found


def _read(file: Path) -> Preprocessing:
    try:
        values = read_json(file, _MAX_BYTES)
    except InputError as error:
        raise WeightsMismatchError(f"{error}") from error
    if not isinstance(values, Mapping):
        raise WeightsMismatchError(f"{file} is not a preprocessor configuration: expected an object, got {shown(values)}")
    side, stretched = _side(file, values)
    factor = values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) is not False else 1
    if not is_number(factor) or not _SMALLEST <= factor <= 1:
        raise WeightsMismatchError(f"{file} has the rescale_factor {shown(factor)}, expected a number from {_SMALLEST} to 1")
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if values.get("do_normalize", True) is not False:
        mean, std = _three(file, values, "image_mean", -_LARGEST), _three(file, values, "image_std", _SMALLEST)
    red, green, blue = (value / factor for value in mean)
    return Preprocessing(side, (red, green, blue), (std[0] / factor, std[1] / factor, std[2] / factor), stretched)


def _side(file: Path, values: Mapping[str, Any]) -> tuple[int, bool]:
    """Return the side of the input, and whether images are stretched to it."""
    size = values.get("size")
    given = size if isinstance(size, Mapping) else {}
    sides = [given[name] for name in ("longest_edge", "height", "width") if given.get(name) is not None]
    known = len(sides) in (1, 2) and (given.get("longest_edge") is not None) is (len(sides) == 1)
    if not known or len(set(map(str, sides))) != 1 or not is_whole_number(sides[0], 1) or sides[0] > MAX_LENGTH:
        raise WeightsMismatchError(
            f"{file} has the size {shown(size)}, expected a longest_edge, or a height and a width that are equal, of at most {MAX_LENGTH}"
        )
    return int(sides[0]), len(sides) == 2


def _three(file: Path, values: Mapping[str, Any], name: str, least: float) -> tuple[float, float, float]:
    default = {"image_mean": PIXEL_MEAN, "image_std": PIXEL_STD}[name]
    given = values.get(name)
    if given is None:
        red, green, blue = (value / 255 for value in default)
        return red, green, blue
    if not isinstance(given, list) or len(given) != 3 or not all(is_number(value) and least <= value <= _LARGEST for value in given):
        raise WeightsMismatchError(f"{file} has the {name} {shown(given)}, expected three numbers from {least} to {_LARGEST}")
    red, green, blue = map(float, given)
    return red, green, blue
