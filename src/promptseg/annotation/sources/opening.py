"""Opening of a source by what it is."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..._checks import absent_hint, is_whole_number
from ...errors import ConfigError, InputError
from ...images import IMAGE_SUFFIXES
from ...weights.credentials import shown_source
from .coco_boxes import read_coco_boxes
from .core import ListedImages, Source, SourceImage
from .folder import of_folder, of_pattern
from .names import look_up
from .table import read_table
from .values import SourceItem, of_list, of_values
from .video import VIDEO_SUFFIXES, VideoImages


def open_source(
    source: str | os.PathLike[str] | Iterable[SourceItem],
    images: str | os.PathLike[str] | None = None,
    out: Path | None = None,
    every: int | None = None,
) -> Source:
    """Return the images of a source.

    A source is one of these: a folder; a pattern such as ``images/*.jpg``; one image; a video; a list of paths, ``.txt``, one a line; a
    table of images and prompts, ``.csv`` or ``.parquet`` (`read_table` lists its columns); a COCO file with boxes, ``.json``; or an
    iterable of paths and pairs ``(path, prompts)``.

    Args:
        source: The source.
        images: Folder to which paths in a list, table or COCO file are relative; by default the folder of that file.
        out: Output folder of the run. Images in it do not belong to the source. The frames of a video are written to it.
        every: Take every n-th frame of a video.

    Raises:
        ConfigError: When `every` is missing for a video, or given for another source.
        InputError: When the source does not exist, cannot be read, or has no image.
    """
    if (video := _video(source)) is not None:
        if out is None or not is_whole_number(every, 1):
            raise ConfigError(
                f"{video} is a video, which needs the distance of the frames to annotate, such as every=30; got every={every}"
            )
        return VideoImages(video, int(every), out / "frames")
    if every is not None:
        raise ConfigError(f"every is for a video, and {source} is not a video: leave it out")
    opened = _open(source, images, out)
    if next(iter(opened), None) is None:
        raise InputError(
            f"there is no image in {source}: give what holds images" + (f"; left out: {opened.unused}" if opened.unused else "")
        )
    return opened


def _video(source: object) -> Path | None:
    """Return the path of the video, or None if the source is not a video."""
    if not isinstance(source, (str, os.PathLike)) or Path(source).suffix.lower() not in VIDEO_SUFFIXES or not Path(source).is_file():
        return None
    return Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow links.


def _open(source: Any, images: str | os.PathLike[str] | None, without: Path | None) -> Source:
    if not isinstance(source, (str, os.PathLike)):
        return of_values(source)
    if "://" in (text := os.fspath(source)):
        raise InputError(f"{shown_source(text)} is an address, and images to annotate are files: download them, and give their folder")
    if text == "-":
        raise InputError("standard input is not a source of images to annotate: give a folder, a pattern, or a file that lists images")
    path = Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    if path.is_dir():
        if any((path / name).is_file() for name in _ZARR):
            raise InputError(f"{source} is a raster in the format Zarr: give the size of its tiles (--tile, or tile=), such as 1024")
        return of_folder(path, without)
    if not path.exists():
        if glob.has_magic(str(path)):
            return of_pattern(path, without)
        raise InputError(
            f"a source is a folder, a pattern, an image, or a list, table or COCO file of images; there is no {source}{absent_hint(source)}"
        )
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return ListedImages({"image": str(path.resolve())}, (SourceImage(path.name, path),))
    if suffix not in _FILES:
        raise InputError(
            f"{path} is not a source of images: expected a folder, a pattern, an image, a .txt, .csv, .parquet or .json file of images, "
            "or a raster with the size of its tiles (--tile, or tile=)"
        )
    root = Path(images) if images is not None else path.parent
    listed = _FILES[suffix](path, root)
    listed = replace(listed, images=look_up(listed.images, root))
    if listed.images and not any(os.path.exists(image.path) for image in listed.images):  # noqa: PTH110 - It takes any text.
        first, several = listed.images[0].name, len(listed.images) > 1
        lacks = f"has none of the {len(listed.images)} images of {path}, such as {first}" if several else f"does not have {first} of {path}"
        raise InputError(f"the folder {root} {lacks}: give the folder of the images (--images, or images=)")
    return listed


_ZARR = ("zarr.json", ".zgroup", ".zarray")
"""Files of which a folder that is a Zarr group or array has one."""

_FILES = {".txt": of_list, ".json": read_coco_boxes, ".csv": read_table, ".parquet": read_table}
