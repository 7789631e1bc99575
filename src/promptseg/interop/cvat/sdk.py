"""What the functions share: the modules of cvat-sdk, and masks as its shapes."""

from __future__ import annotations

from typing import Any

from ...errors import InputError
from ...masks import Mask, Size
from ..packages import import_package

_INSTALL = "cvat-sdk[masks]>=2.80"


def auto_annotation() -> Any:
    """Return module ``cvat_sdk.auto_annotation``.

    Raises:
        MissingDependencyError: cvat-sdk is not installed, or is too old.
    """
    import_package("cvat_sdk.masks", _INSTALL)
    return import_package("cvat_sdk.auto_annotation", _INSTALL)


def models() -> Any:
    """Return module ``cvat_sdk.models``."""
    return import_package("cvat_sdk.models", _INSTALL)


def points_of(mask: Mask) -> list[float]:
    """Return the points of a shape of type ``"mask"``: the run lengths of its box, row by row, and its corners, both within it."""
    points: list[float] = import_package("cvat_sdk.masks", _INSTALL).encode_mask(mask.array)
    return points


def mask_of(points: list[float], size: Size) -> Mask:
    """Return the mask of the points of a shape of type ``"mask"``.

    Raises:
        InputError: They are not those of a mask of an image of this size.
    """
    decode = import_package("cvat_sdk.masks", _INSTALL).decode_mask
    try:
        return Mask.from_array(decode(points, image_width=size[1], image_height=size[0]))
    except (ValueError, TypeError) as error:
        raise InputError(f"the points of the mask are not those of an image of {size[0]} x {size[1]}: {error}") from error
