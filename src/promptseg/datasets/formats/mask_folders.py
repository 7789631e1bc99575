"""A folder of mask images for each image, one object an image."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..core import AnnotatedImage, Dataset, Entry, Finding, annotated, files_under
from ..descriptor import Format, Reader
from ..mask_files import read_mask_file


def read_mask_folders(images: str | os.PathLike[str], masks: str | os.PathLike[str]) -> Dataset:
    """Images with a folder of mask images each: the masks of ``a/7.jpg`` are the images in the folder ``a/7.jpg`` or ``a/7``.

    Args:
        images: Folder of the images.
        masks: Folder of the folders.

    Raises:
        InputError: The folder of the images is absent.
    """
    entries, findings = [], []
    for name, photo in files_under(Path(images)).items():
        folders = [Path(masks) / name, (Path(masks) / name).with_suffix("")]
        found = next((folder for folder in folders if folder.is_dir()), None)
        if found is None:
            findings.append(Finding(name, "unpaired", f"there is no folder of masks {folders[0]} or {folders[1].name}"))
        else:
            entries.append(Entry(name, partial(_read, name, photo, found)))
    return Dataset(f"{images} with folders of masks {masks}", tuple(entries), tuple(findings))


def _read(name: str, photo: Path, folder: Path) -> AnnotatedImage:
    objects, findings = [], []
    for file, path in files_under(folder).items():
        masks, _, found = read_mask_file(path, "binary")
        findings += found
        # An empty image is an object without pixels, which is told.
        objects += [(file, replace(mask, label=None)) for _, mask in masks]
    return annotated(name, photo, objects, findings=findings)


FORMAT = Format(
    "mask-folders",
    "Folders of mask images, one an image",
    Reader(read_mask_folders, "folder with a folder of mask images for each image"),
)
