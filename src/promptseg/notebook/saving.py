"""Writing of results and masks to files, with the format that the suffix says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ..errors import OutputError, shown
from ..runtime.output_files import image_format, write_image, write_json
from ..runtime.output_paths import check_output_file

if TYPE_CHECKING:
    from ..masks import Mask
    from ..results import Result

LOSSLESS = (".bmp", ".png", ".tif", ".tiff")
"""Suffixes of image formats that keep a mask as it is, on all systems."""


def save_result(result: Result, path: str | os.PathLike[str]) -> None:
    """Write the overlay of a result, or its values as JSON, as `promptseg.Result.save` describes."""
    target = _path(path)
    if target.suffix.lower() != ".json" and image_format(target) is None:
        given = repr(target.suffix) if target.suffix else "a name without a suffix"
        raise OutputError(f"cannot write {target}: {given} says no format: use .png or .jpg for the overlay, or .json for the masks")
    check_output_file(target, inputs=[result.source])
    if target.suffix.lower() == ".json":
        write_json(result.to_dict(), target)
    else:
        write_image(result.overlay(), target)


def save_mask(mask: Mask, path: str | os.PathLike[str]) -> None:
    """Write a mask as a black and white image, as `promptseg.Mask.save` describes."""
    target = _path(path)
    check_output_file(target, suffixes=LOSSLESS)
    write_image(Image.fromarray(mask.array), target)


def _path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise OutputError(f"a file is named by text or a path, got {shown(path)}")
    try:
        return Path(path)
    except TypeError as error:  # A path of bytes.
        raise OutputError(f"a file is named by text or a path, got {shown(path)}") from error
