"""Photos with their truth: a folder of photos and one of binary masks, paired by name."""

from __future__ import annotations

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import progress
from ..errors import InputError
from ..images import load_image
from ..masks import Mask, Size

THRESHOLD = 127
"""A mask of more than the values 0 and 1 shows its object where it is over this."""
_NAMED = 4
"""How many files a message names."""


@dataclass(frozen=True)
class Example:
    """A photo and the objects on it.

    Attributes:
        image: The photo.
        size: ``(height, width)`` of the photo in pixels.
        objects: Their masks, of the photo's size, none of them empty.
        digest: SHA-256 (hex) of the photo's pixels: equal for two files with one content.
    """

    image: Path
    size: Size
    objects: tuple[Mask, ...]
    digest: str


def read_folders(images: Path, masks: Path, only: Collection[str] | None = None) -> list[Example]:
    """The photos of a folder, each with the mask of the same name without the suffix, in the order of their names.

    A photo whose mask is empty has nothing to learn from and is left out, with a warning that names it.

    Args:
        images: Folder of photos.
        masks: Folder of binary masks: 0 and 1, or background up to 127 and the object over it.
        only: Names, without suffix, of the photos to read; default: all.

    Raises:
        InputError: A folder is absent or empty, a photo has no mask or a mask no photo, a file cannot be read, a mask has another size than
            its photo or is not binary, or no photo shows anything.
    """
    photos, truths = _by_stem(images), _by_stem(masks)
    for found, others, what, other in ((photos, truths, "photos", "mask"), (truths, photos, "masks", "photo")):
        alone = [found[name].name for name in found if name not in others]
        if alone:
            raise InputError(f"{what} without a {other} of the same name: {_some(alone)} (photos in {images}, masks in {masks})")
    if only is not None:
        absent = [name for name in only if name not in photos]
        if absent:
            raise InputError(f"there is no photo {_some(absent)} in {images}")
    names = [name for name in photos if only is None or name in only]
    examples = [_read(photos[name], truths[name]) for name in progress.track(names, total=len(names), unit="photo")]
    empty = [example.image.name for example in examples if not example.objects]
    if len(empty) == len(examples):
        raise InputError(f"all {len(examples)} masks in {masks} are empty")
    if empty:
        warnings.warn(f"left out because their masks are empty: {_some(empty)}", stacklevel=3)
    return [example for example in examples if example.objects]


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures in a folder by name without suffix, sorted."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in Image.registered_extensions())
    except OSError as error:
        raise InputError(f"cannot read folder {folder}: {error.strerror or error}") from error
    if not paths:
        raise InputError(f"there are no pictures in {folder}")
    found = defaultdict(list)
    for path in paths:
        found[path.stem].append(path)
    for same in found.values():
        if len(same) > 1:
            raise InputError(f"these files have one name but for the suffix: {', '.join(map(str, same))}")
    return {name: same[0] for name, same in found.items()}


def _read(image: Path, mask: Path) -> Example:
    photo, truth = load_image(image), _binary(mask)
    size = (photo.shape[0], photo.shape[1])
    if truth.shape != size:
        raise InputError(
            f"{mask} is {truth.shape[1]} wide and {truth.shape[0]} high, and its photo {image} {size[1]} wide and {size[0]} high"
        )
    digest = hashlib.sha256(repr(photo.shape).encode() + photo.tobytes()).hexdigest()
    return Example(image, size, (Mask.from_array(truth),) if truth.any() else (), digest)


def _binary(path: Path) -> NDArray[np.bool_]:
    values = load_image(path).max(axis=2)
    with Image.open(path) as picture:
        if picture.mode.startswith(("I", "F")):  # Labels of 16 bits: scaled to 8 bits, all would be 0.
            raise InputError(f"{path} is no binary mask: it has more than 8 bits (mode {picture.mode})")
    most = int(values.max())
    if 1 < most <= THRESHOLD:
        raise InputError(f"{path} is no binary mask: its largest value is {most}, expected 1, or more than {THRESHOLD}")
    binary: NDArray[np.bool_] = values > (0 if most <= 1 else THRESHOLD)
    return binary


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
