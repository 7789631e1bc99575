"""The tiles of a raster as images of a dataset: each pixel in one image, each with the parts of the objects that it shows."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..datasets.manifest import FOLDER_MANIFEST
from ..masks import Mask
from ..rasters.raster import Raster
from ..rasters.window import Window
from ..runtime.files import output_errors, remove_leftovers, write_atomically
from ..scene_masks import SceneMasks
from ..tiling.grid import TileGrid
from .drawings import key_of
from .own_folders import mark_folder

FOLDER = "tiles"
"""Name of the folder of the images in the output folder."""


@dataclass(frozen=True)
class TileImages:
    """The cores of a raster's tiles at full resolution as annotated images, in the order of their names.

    Tiles without data are left out, and so are those that show a part of what no tile was annotated for: they would say that there is
    nothing. An iteration writes the image files that are missing or show something else. It can be repeated.

    Attributes:
        raster: The raster.
        scene: Its objects.
        grid: Tiles at full resolution.
        folder: Folder of the image files.
        undone: (N, 4) boxes ``xyxy`` of the parts of the raster that are not annotated.
    """

    raster: Raster
    scene: SceneMasks
    grid: TileGrid
    folder: Path
    undone: NDArray[np.int64]

    def __iter__(self) -> Iterator[AnnotatedImage]:
        with output_errors(self.folder):
            mark_folder(self.folder)
            remove_leftovers(self.folder)
        wanted = set()
        for tile in self.grid:
            name = f"r{tile.row:05}-c{tile.column:05}.png"
            if _touching(self.undone, tile.core).any() or not self.raster.valid(tile.core).any():
                continue
            wanted.add(name)
            with output_errors(self.folder / name):
                _save(self.folder / name, self.raster.read(tile.core))
            objects = tuple(AnnotatedObject(f"{name}#{number}", mask) for number, mask in _parts(self.scene, tile.core))
            yield AnnotatedImage(name, self.folder / name, tile.core.size, objects, group=self.raster.name)
        _remove_others(self.folder, wanted)


def remove_tiles(folder: Path) -> None:
    """Remove the images that an earlier run wrote, and their folder unless something else is in it.

    Args:
        folder: The folder of the images. It need not exist.

    Raises:
        OutputError: A file cannot be removed.
    """
    marker = folder / FOLDER_MANIFEST
    if not marker.is_file():
        return
    with output_errors(folder):
        remove_leftovers(folder)
        _remove_others(folder, set())
        if [*folder.iterdir()] == [marker]:
            marker.unlink()
            folder.rmdir()


def _remove_others(folder: Path, wanted: set[str]) -> None:
    """Remove files that an earlier run wrote for tiles that are not there any more."""
    with output_errors(folder):
        for path in folder.iterdir():
            if path.name not in wanted and _NAME.fullmatch(path.name) and _is_ours(path):
                path.unlink()


def whole_image(raster: Raster, scene: SceneMasks, path: Path) -> AnnotatedImage:
    """Return a raster as one annotated image.

    Raises:
        InputError: The raster has more pixels than a mask can have.
    """
    objects = (AnnotatedObject(f"{raster.name}#{number}", mask) for number, mask in enumerate(scene.to_masks(), 1))
    return AnnotatedImage(raster.name, path, scene.size, tuple(objects))


def _parts(scene: SceneMasks, window: Window) -> Iterator[tuple[int, Mask]]:
    """Yield the number and the mask of each object that a window shows, as far as the window shows it. The first object is number 1."""
    for index in np.flatnonzero(_touching(scene.boxes, window)).tolist():
        mask = scene[index].within(window)
        if mask.area:
            yield index + 1, mask


def _touching(boxes: NDArray[np.int64], window: Window) -> NDArray[np.bool_]:
    """Return which of (N, 4) boxes ``xyxy`` reach into a window."""
    x0, y0, x1, y1 = window.box
    reach: NDArray[np.bool_] = (boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0)
    return reach


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an image, unless the file shows it already."""
    key = hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
    if key_of(path) == key:
        return
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", key)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", pnginfo=text, compress_level=1)
    with write_atomically(path) as file:
        file.write(content.getvalue())


def _is_ours(path: Path) -> bool:
    return re.fullmatch("[0-9a-f]{64}", key_of(path) or "") is not None


_NAME = re.compile(r"r\d{5,}-c\d{5,}\.png")
"""Names of image files."""
