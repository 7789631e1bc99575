"""DAVIS benchmark: a folder of frames and a folder of label images for each sequence."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ..core import AnnotatedImage, Dataset, Entry
from ..descriptor import Format, Reader
from .paired_masks import read_paired_masks


def read_davis(root: str | os.PathLike[str]) -> Dataset:
    """Read a DAVIS folder with ``JPEGImages`` and ``Annotations``. Of several resolutions, ``480p`` is read.

    An image is a frame, named ``sequence/00000.jpg``. An object has the same number in all frames. The frames of a sequence form one
    group. A frame without annotation becomes a finding.

    Raises:
        InputError: When one of the two folders does not exist.
    """
    images, masks = (_resolution(Path(root) / part) for part in ("JPEGImages", "Annotations"))
    dataset = read_paired_masks(images, masks)
    frames = tuple(Entry(entry.name, partial(_frame, entry)) for entry in dataset.entries)
    return Dataset(f"DAVIS folder {root}", frames, dataset.findings)


def _frame(entry: Entry) -> AnnotatedImage:
    return replace(entry.read(), group=PurePosixPath(entry.name).parent.as_posix())


def _resolution(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"a DAVIS folder has JPEGImages and Annotations, but {folder} does not exist")
    return folder / "480p" if (folder / "480p").is_dir() else folder


FORMAT = Format(
    "davis",
    "Folders of the DAVIS benchmark",
    Reader(lambda _images, root: read_davis(root), "folder with JPEGImages and Annotations", images="ignored"),
)
