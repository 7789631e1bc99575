"""Readers of images as a video: a sequence, an array, a folder, or a file of several images such as an animation or a TIFF stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..image_files import list_names, matching_names
from ..image_formats import name_of, open_image, pages, pillow_errors
from ..image_samples import Range, range_of, stated_range, to_uint8
from ..images import ImageLike, from_pil, load_image
from ._reader import Reader, Unread


class ImageReader(Reader):
    """Reader of a sequence of images, each loaded when it is reached."""

    def __init__(self, images: Sequence[ImageLike], name: str) -> None:
        self.name, self._images, self.count = name, images, len(images)

    def read(self, start: int) -> Iterator[Unread]:
        for index in range(start, len(self._images)):
            yield None, lambda index=index: self._image(index)  # type: ignore[misc]

    def _image(self, index: int) -> NDArray[np.uint8]:
        try:
            return load_image(self._loadable(self._images[index]))
        except InputError as error:
            raise InputError(f"frame {index} of {self.name}: {error}") from error

    def _loadable(self, image: ImageLike) -> ImageLike:
        return image


class ArrayReader(ImageReader):
    """Reader of an (N, H, W, channels) array. Samples of more than 8 bits have one range in all frames.

    Raises:
        InputError: The array has another shape, or samples that are not those of an image.
    """

    def __init__(self, frames: NDArray[Any]) -> None:
        if frames.ndim != 4:
            raise InputError(f"a video array has shape (N, H, W, 3), got {frames.shape}: write [image] for a video of one frame")
        super().__init__(list(np.asarray(frames)), "the video array")
        wide = frames.size and frames.dtype not in (bool, np.uint8)
        self._limits = range_of(frames[..., :3], self.name) if wide else None

    def _loadable(self, image: Any) -> NDArray[np.uint8]:
        return to_uint8(image, self.name, self._limits)


class PageReader(Reader):
    """Reader of an image file, each page or frame of which is a frame. Samples of more than 8 bits have one range in all of them.

    Args:
        file: The path, or the content of the file.

    Raises:
        InputError: The file cannot be read.
    """

    def __init__(self, file: Path | bytes) -> None:
        self._file, self.name = file, name_of(file)
        with open_image(file) as image:
            self._pages, self._seeks = pages(image), image.format == "TIFF"
            self.count = len(self._pages)
            duration = _duration(image)
            self.fps = 1 / duration if duration and self.count > 1 else None
            self._limits = self._range(image) if image.mode.startswith(("I", "F")) else None

    def read(self, start: int) -> Iterator[Unread]:
        with open_image(self._file) as image:
            time = 0.0
            for index, page in enumerate(self._pages):
                if self._seeks and index < start:
                    continue
                if self.count != 1:
                    image.seek(page)
                if index >= start:
                    yield None if self.fps is None else time, lambda index=index: self._pixels(image, index)  # type: ignore[misc]
                time += _duration(image) or 0.0

    def _pixels(self, image: Image.Image, index: int) -> NDArray[np.uint8]:
        with pillow_errors(f"frame {index} of {self.name}"):
            return from_pil(image, f"frame {index} of {self.name}", self._limits)

    def _range(self, image: Image.Image) -> Range | None:
        """Return the range of the samples of all pages, or None if the file states it or has one page."""
        if self.count == 1 or stated_range(image) is not None:
            return None
        extremes: list[Any] = []
        for page in self._pages:
            image.seek(page)
            samples = np.asarray(image)
            extremes += [samples.min(), samples.max()]
        return range_of(np.array(extremes), self.name, once=True)


def folder_reader(folder: Path) -> ImageReader:
    """Return the reader of the images of a folder, without its subfolders, in natural order (2 before 10).

    Raises:
        InputError: The folder cannot be read, or has no image.
    """
    names, unused = list_names(folder, recursive=False)
    if not names:
        held = f"; it has {unused}" if unused else ""
        raise InputError(f"folder {folder} has no images: expected one image file for each frame, such as 0001.jpg{held}")
    return ImageReader([folder / name for name in sorted(names, key=_natural)], str(folder))


def pattern_reader(pattern: Path) -> ImageReader:
    """Return the reader of the images that a pattern such as ``frames/*.png`` matches, in natural order (2 before 10).

    Raises:
        InputError: The folder before the pattern cannot be read, or no image matches.
    """
    folder, names, unused = matching_names(pattern)
    if not names:
        raise InputError(f"no image matches {pattern}" + (f"; what matches is {unused}" if unused else ""))
    return ImageReader([folder / name for name in sorted(names, key=_natural)], str(pattern))


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key by which numbers in names are compared as numbers."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name))


def _duration(image: Image.Image) -> float | None:
    """Return how long the current frame of an animation is shown, in seconds, or None if it is not stated."""
    duration = image.info.get("duration")
    return float(duration) / 1000 if isinstance(duration, (int, float)) and 0 < duration < _LONGEST else None


_LONGEST = 1e9
