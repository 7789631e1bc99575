"""Images of a widget: where they come from, what they are called, their objects, and the picture that a browser gets of them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..image_files import list_names
from ..images import ImageLike, load_image
from .objects import Document

MOST_PIXELS = 32_000_000
"""Maximum number of pixels of a picture. Larger images are shown smaller: a browser needs four bytes a pixel."""

MOST_SIDE = 16_384
"""Maximum length of the longer side of a picture in pixels. Browsers draw no larger ones."""

SMALL = 1 << 16
"""Number of pixels up to which a picture is sent without loss."""


@dataclass(frozen=True)
class Picture:
    """An image as a browser shows it.

    Attributes:
        data: Content of an image file.
        kind: Its media type.
        reduced: Number of pixels of the image along each side of a pixel of the picture: 1, 2, 4, …
    """

    data: bytes
    kind: str
    reduced: int


def picture(pixels: NDArray[np.uint8]) -> Picture:
    """Return what a browser shows of an image, (H, W, 3) uint8 RGB."""
    height, width = pixels.shape[:2]
    reduced = 1
    while width * height > MOST_PIXELS * reduced**2 or max(width, height) > MOST_SIDE * reduced:
        reduced *= 2
    image, file = Image.fromarray(pixels).reduce(reduced), io.BytesIO()
    if image.width * image.height <= SMALL:
        image.save(file, "PNG")
        return Picture(file.getvalue(), "image/png", reduced)
    image.save(file, "JPEG", quality=90, subsampling=0)
    return Picture(file.getvalue(), "image/jpeg", reduced)


@dataclass(eq=False)
class ShownImage:
    """An image of a widget.

    Attributes:
        name: Its name, unique in the widget, with ``/`` as separator.
        source: What it is read from.
        path: Its file, or None.
        document: Its objects; None until the image is read.
    """

    name: str
    source: ImageLike
    path: Path | None = None
    document: Document | None = None
    _pixels: NDArray[np.uint8] | None = field(default=None, repr=False)

    def read(self) -> NDArray[np.uint8]:
        """Return the image, (H, W, 3) uint8 RGB, and remember it.

        Raises:
            InputError: The image cannot be read.
        """
        if self._pixels is None:
            self._pixels = load_image(self.source)
        if self.document is None:
            self.document = Document((self._pixels.shape[0], self._pixels.shape[1]))
        return self._pixels

    def forget(self) -> None:
        """Let go of the pixels, where they can be read again."""
        if self.path is not None:
            self._pixels = None


def of_folder(folder: Path) -> list[ShownImage]:
    """Return the images of a folder and its subfolders.

    Raises:
        InputError: It cannot be read, or has no image.
    """
    names, unused = list_names(folder)
    if not names:
        raise InputError(f"there is no image in {folder}: give what holds images" + (f"; left out: {unused}" if unused else ""))
    return [ShownImage(name, folder / name, folder / name) for name in names]


def of_images(images: Iterable[ImageLike]) -> list[ShownImage]:
    """Return images as images of a widget. The name of a file is its path from the folder that all have in common.

    Raises:
        InputError: There is none, or a file is given twice.
    """
    given = list(images)
    if not given:
        raise InputError("there is no image: give at least one")
    # abspath, as resolve() would follow links, and give a file another name than its owner does.
    paths = [Path(os.path.abspath(each)) if isinstance(each, (str, os.PathLike)) else None for each in given]  # noqa: PTH100
    names = _names(paths)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(f"image {name} is given twice, to a widget that tells images by their names: give it once")
    return [ShownImage(name, _kept(each), path) for name, each, path in zip(names, given, paths, strict=True)]


def _names(paths: Sequence[Path | None]) -> list[str]:
    files = [path for path in paths if path is not None]
    parents = {path.parent for path in files}
    try:
        root = Path(os.path.commonpath(parents)) if parents else Path()
    except ValueError:  # On different drives of Windows.
        root = Path()
    return [
        f"image-{number}.png" if path is None else (path.relative_to(root).as_posix() if root.parts else path.name)
        for number, path in enumerate(paths, 1)
    ]


def _kept(image: ImageLike) -> ImageLike:
    """Return an image that can be read later: an open file is read now."""
    opened: IO[bytes] | None = image if not isinstance(image, (bytes, str, os.PathLike)) and hasattr(image, "read") else None  # type: ignore[assignment]
    return image if opened is None else opened.read()
