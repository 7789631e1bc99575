"""Format ``mask-folders``: for each image a folder of binary mask images, one for each object."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from ...image_files import files_under
from ..core import AnnotatedImage, Dataset, Entry, Finding, left_out
from ..descriptor import FIT, Format, Reader
from ..mask_image_reading import read_mask_file
from ..object_collector import ObjectCollector


def read_mask_folders(images: str | os.PathLike[str], masks: str | os.PathLike[str], *, fit: bool = False) -> Dataset:
    """Read a dataset with a folder of mask images for each image.

    The mask images of ``a/7.jpg`` are in the folder ``a/7.jpg`` or ``a/7``, one for each object.

    Args:
        images: Folder of the images.
        masks: Folder of the folders of mask images.
        fit: Fit mask images of another size, or that were made before the EXIF orientation was applied, to their images.

    Raises:
        InputError: When the folder of the images does not exist.
    """
    image_files = files_under(Path(images))
    entries, findings = [], left_out(images, image_files.unused)
    for name, image_file in image_files.items():
        folders = [Path(masks) / name, (Path(masks) / name).with_suffix("")]
        found = next((folder for folder in folders if folder.is_dir()), None)
        if found is None:
            findings.append(Finding(name, "unpaired", f"there is no folder of masks {folders[0]} or {folders[1].name}"))
        else:
            entries.append(Entry(name, partial(_read, name, image_file, found, fit)))
    return Dataset(f"{images} with folders of masks {masks}", tuple(entries), tuple(findings))


def _read(name: str, image_file: Path, folder: Path, fit: bool) -> AnnotatedImage:
    collector = ObjectCollector(name, image_file, fit=fit)
    files = files_under(folder)
    collector.findings += left_out(folder, files.unused)
    for file, path in files.items():
        with collector.reading(file, f"mask {path}"):
            masks, _, found = read_mask_file(path, "binary")
            for _, mask in masks:
                collector.add(file, mask)
            collector.findings += found
    return collector.collected()


FORMAT = Format(
    "mask-folders",
    "A folder of mask images for each image",
    Reader(read_mask_folders, "folder with a folder of mask images for each image", options={"fit": FIT}),
)
