"""Atomic writing of images and JSON files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from ..errors import OutputError
from .files import output_errors, write_atomically


def image_format(path: Path) -> str | None:
    """Return Pillow's name of the image format for a path's suffix, or None when Pillow cannot write it."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind if kind in Image.SAVE else None


def check_image_format(path: Path) -> str:
    """Return Pillow's name of the image format for a path's suffix, after writing a small image in it to memory.

    Raises:
        OutputError: When Pillow cannot write a color image in this format.
    """
    kind = image_format(path)
    if kind is None:
        raise OutputError(f"cannot write {path}: {path.suffix or 'a name without a suffix'!r} is not an image format that Pillow writes")
    try:
        Image.new("RGB", (8, 8)).save(io.BytesIO(), kind)
    except Exception as error:  # Pillow's writers have no common base.
        raise OutputError(f"cannot write {path}: Pillow cannot write color images as {kind}: use .png or .jpg ({error})") from error
    return kind


def write_image(image: Image.Image, path: Path) -> None:
    """Write an image atomically, in the format of the path's suffix."""
    kind = check_image_format(path)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as file:
            try:
                image.save(file, kind)
            except OSError:
                raise
            except Exception as error:  # Such as a ValueError for an image that is too large for the format.
                raise OSError(f"Pillow cannot write it as {kind}: {error}") from error


def write_png(image: Image.Image, path: Path, key: str, text: str) -> None:
    """Write a PNG atomically, with a text under a key that `png_text` reads. Viewers do not show it."""
    described = PngImagePlugin.PngInfo()
    described.add_text(key, text)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as file:
            image.save(file, "PNG", pnginfo=described)


def png_text(path: Path, key: str) -> str | None:
    """Return the text under a key of a PNG, or None if there is no such file or text."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            found = image.info.get(key)
    except Exception:  # Whatever is wrong with it, it has no text of ours.
        return None
    return found if isinstance(found, str) else None


def write_json(values: Any, path: Path) -> None:
    """Write a JSON file atomically."""
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            json.dump(values, file, indent=1)
            file.write("\n")
