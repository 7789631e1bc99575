"""`ImageStore`: the images that clients gave, by content, in a folder that is bounded in bytes and time."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, OutputError
from ..image_formats import open_image, pages
from ..images import load_image
from ..masks import Size
from ..runtime.files import write_atomically
from .errors import ImageGoneError, NotFoundError, TooLargeError


@dataclass(frozen=True)
class StoredImage:
    """An image of the store.

    Attributes:
        id: SHA-256 (hex) of its file.
        path: Its file in the store.
        size: ``(height, width)`` in pixels, upright.
        format: Format of the file, under Pillow's name.
        nbytes: Size of the file.
    """

    id: str
    path: Path
    size: Size
    format: str
    nbytes: int

    def content(self) -> bytes:
        """Return the file.

        Raises:
            ImageGoneError: The store has dropped it meanwhile.
        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ImageGoneError(f"the image {self.id[:12]}… is no longer kept: send it again") from error

    def pixels(self) -> NDArray[np.uint8]:
        """Return the pixels, (H, W, 3) uint8 RGB.

        Raises:
            ImageGoneError: The store has dropped it meanwhile.
            InputError: The image is damaged.
        """
        return load_image(self.content())


class ImageStore:
    """Images in a folder, of which the least recently used are dropped. Threads may share it.

    Args:
        folder: An existing folder of its own.
        max_bytes: Maximum size of all files.
        max_pixels: Maximum number of pixels of an image.
        idle_seconds: Time after which an image that nobody has used is dropped.
    """

    def __init__(self, folder: Path, max_bytes: int, max_pixels: int, idle_seconds: float) -> None:
        self._folder = folder
        self._max_bytes, self._max_pixels, self._idle = max_bytes, max_pixels, idle_seconds
        self._lock = threading.Lock()
        self._images: OrderedDict[str, tuple[StoredImage, float]] = OrderedDict()
        self._used = 0

    def __len__(self) -> int:
        return len(self._images)

    @property
    def nbytes(self) -> int:
        """Size of all files."""
        return self._used

    def has(self, name: str) -> bool:
        """Return whether an image is kept. It counts as used."""
        return self._touch(name) is not None

    def path_of(self, name: str) -> Path:
        """Return the path at which an image is, or would be."""
        self._touch(name)
        return self._folder / name

    def put(self, content: bytes, size: Size | None = None) -> StoredImage:
        """Keep an image. An image that is kept already is not written again.

        Args:
            content: The file.
            size: ``(height, width)`` of its pixels, upright, where the caller has read them all; None to check that they can be read.

        Raises:
            InputError: It is not an image, or is damaged.
            TooLargeError: It has too many pixels, or is larger than the store.
            OutputError: It cannot be written.
        """
        name = hashlib.sha256(content).hexdigest()
        known = self._touch(name)
        if known is not None:
            return known
        if len(content) > self._max_bytes:
            raise TooLargeError(f"the image has {len(content)} bytes, and this server keeps {self._max_bytes} in all")
        size, form = checked_image(content, self._max_pixels) if size is None else (size, _format_of(content))
        stored = StoredImage(name, self._folder / name, size, form, len(content))
        try:
            with write_atomically(stored.path) as file:
                file.write(content)
        except OSError as error:
            raise OutputError(f"the image cannot be kept: {error.strerror or error}") from error
        with self._lock:
            if name not in self._images:
                self._used += stored.nbytes
            self._images[name] = stored, time.monotonic()
            self._images.move_to_end(name)
        self.sweep()
        return stored

    def get(self, name: str) -> StoredImage:
        """Return a kept image.

        Raises:
            NotFoundError: There is none of this id, or no longer.
        """
        stored = self._touch(name)
        if stored is None:
            raise NotFoundError(f"there is no image {name[:80]!r}, or no longer: send it again")
        return stored

    def remove(self, name: str) -> None:
        """Drop an image.

        Raises:
            NotFoundError: There is none of this id.
        """
        self.get(name)
        with self._lock:
            self._drop(name)

    def sweep(self) -> None:
        """Drop images that nobody has used for long, and the least recently used ones beyond the maximum size."""
        with self._lock:
            oldest = time.monotonic() - self._idle
            for name, (_, used) in list(self._images.items()):
                if used >= oldest and self._used <= self._max_bytes:
                    break
                self._drop(name)

    def _touch(self, name: str) -> StoredImage | None:
        with self._lock:
            found = self._images.get(name)
            if found is None:
                return None
            self._images[name] = found[0], time.monotonic()
            self._images.move_to_end(name)
            return found[0]

    def _drop(self, name: str) -> None:
        stored, _ = self._images.pop(name, (None, 0.0))
        if stored is not None:
            self._used -= stored.nbytes
            with contextlib.suppress(OSError):
                stored.path.unlink()


def _format_of(content: bytes) -> str:
    with open_image(content) as image:
        return image.format or ""


def checked_image(content: bytes, max_pixels: int) -> tuple[Size, str]:
    """Return the upright size ``(height, width)`` and the format of an image file, of which every pixel can be read.

    Raises:
        InputError: It is not an image, or is damaged.
        TooLargeError: It has too many pixels.
    """
    with open_image(content) as image:
        count = len(pages(image))
        if count > 1:
            raise InputError(f"the image has {count} frames or pages, and an image has one: send the one that you mean, or all as a video")
        width, height = image.size
        if width * height > max_pixels:
            raise TooLargeError(f"the image has {width} x {height} pixels, and this server takes {max_pixels}: send a smaller one")
        form = image.format or ""
        pixels = load_image(content)
    return (pixels.shape[0], pixels.shape[1]), form
