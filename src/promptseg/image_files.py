"""Files of images: their sizes, and the listing of folders."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from .errors import InputError
from .images import IMAGE_SUFFIXES
from .masks import Size


def image_size(path: Path) -> Size:
    """Read ``(height, width)`` of an image from its header, after the EXIF orientation is applied as in `promptseg.load_image`.

    Raises:
        InputError: When the file is not a readable image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    except Exception as error:  # Pillow's readers have no common base.
        raise InputError(f"cannot read image {path}: {error}") from error
    return (width, height) if turned else (height, width)


def files_under(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """Return the files of a folder and its subfolders, by their paths within the folder with ``/`` as separator.

    Hidden files and folders are left out.

    Raises:
        InputError: When the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    names = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}
    return {name: path for name, path in sorted(names.items()) if not any(part.startswith(".") for part in name.split("/"))}


_ORIENTATION = 0x0112
