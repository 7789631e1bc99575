"""`Thumbnails`: small pictures of the images, kept in the dataset folder."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from ..errors import InputError
from ..image_formats import check_single, name_of, open_image
from ..images import from_pil
from ..rasters.window import Window
from ..runtime.files import write_atomically
from .file_stamps import stamp_of
from .rasters.files import RasterFiles

LONGEST = 160
"""Length of the longer side in pixels."""

QUALITY = 80


class Thumbnails:
    """Small pictures of image files, made on a thread of their own: the tiles of the open image go first. A changed file gets a new one.

    Args:
        folder: Folder for them. It is made when there is the first one.
        rasters: Tells which of the files are rasters.
    """

    def __init__(self, folder: Path, rasters: RasterFiles) -> None:
        self._folder, self._rasters = folder, rasters
        self._threads = ThreadPoolExecutor(1, "promptseg-thumbnails")

    async def get(self, name: str, path: Path) -> bytes:
        """Return the picture of an image file as JPEG.

        Args:
            name: Name of the image.
            path: The file.

        Raises:
            InputError: It cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._get, name, path)

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _get(self, name: str, path: Path) -> bytes:
        stamp = stamp_of(path)
        if stamp is None:
            raise InputError("the file of the image is no longer there")
        kept = self._folder / f"{_digest(name, stamp)}.jpg"
        with contextlib.suppress(OSError):
            return kept.read_bytes()
        content = self._of_raster(path) if self._rasters.has(path) else thumbnail(path)
        with contextlib.suppress(OSError):  # It is made again when it is asked for.
            self._folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(kept) as file:
                file.write(content)
        return content

    def _of_raster(self, path: Path) -> bytes:
        with self._rasters.open(path) as raster:
            height, width = raster.size
            longest = max(height, width)
            size = max(1, round(height * LONGEST / longest)), max(1, round(width * LONGEST / longest))
            return _jpeg(Image.fromarray(raster.read(Window(0, 0, height, width), size)))


def thumbnail(path: Path) -> bytes:
    """Return a small picture of an image file as JPEG, upright.

    Raises:
        InputError: It cannot be read.
    """
    with open_image(path) as image:
        check_single(image, name_of(path))
        if image.format == "JPEG":
            image.draft(None, (2 * LONGEST, 2 * LONGEST))  # Decodes an eighth of a large one.
        small = Image.fromarray(from_pil(image, name_of(path), once=True))
    small.thumbnail((LONGEST, LONGEST), reducing_gap=2.0)
    return _jpeg(small)


def _jpeg(small: Image.Image) -> bytes:
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _digest(name: str, stamp: tuple[int, int]) -> str:
    return hashlib.sha256(f"{name}\0{stamp}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
