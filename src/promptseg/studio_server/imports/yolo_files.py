"""Text files of YOLO that a person gave: they are paired with the images of a project by name, whatever folders either are in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ...datasets.image_lookup import ImageLookup
from ...datasets.safe_names import without_suffix


def beside_images(files: Iterable[Path], folder: Path, images: Path) -> Path:
    """Return a new folder with text files, each under the name of its image. One without an image keeps its own.

    Args:
        files: The text files.
        folder: The folder in which they are, such as ``labels/train/a.txt``.
        images: Folder of the images, such as ``a.jpg``.
    """
    lookup, placed = ImageLookup(images), Path(tempfile.mkdtemp(dir=folder))
    for file in files:
        name = file.relative_to(folder).as_posix()
        image = lookup.find(without_suffix(name))
        target = placed / (name if image is None else f"{image}.txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return placed
