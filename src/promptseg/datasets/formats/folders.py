"""A folder of images beside a folder of mask images of the same names."""

from __future__ import annotations

import os
from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ..core import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, annotated, files_under
from ..mask_files import MaskKind, read_mask_file


def read_folders(images: str | os.PathLike[str], masks: str | os.PathLike[str], kind: MaskKind = "auto") -> Dataset:
    """Images with masks of the same names.

    The mask of ``a/7.jpg`` is ``a/7.png``, whatever the suffixes, or ``a/7_mask.png``. See `promptseg.datasets.mask_files` for what the
    masks may be.

    Args:
        images: Folder of the images, with folders in it or without.
        masks: Folder of the masks, arranged in the same way.
        kind: What the masks are; by default each is looked at.

    Raises:
        InputError: A folder is absent, or there is no image in it.
    """
    photos, pictures = files_under(Path(images)), files_under(Path(masks))
    if not photos:
        raise InputError(f"there is no image in {images}")
    by_stem = {"image": _by_stem(photos), "mask": _by_stem(pictures)}
    entries, findings, used = [], [], set()
    for stem, names in by_stem["image"].items():
        found = by_stem["mask"].get(stem) or by_stem["mask"].get(f"{stem}_mask", [])
        used.update(found)
        name = names[0]
        if len(names) > 1 or len(found) > 1:
            several = [*names, *(str(pictures[mask]) for mask in found)]
            findings.append(Finding(name, "ambiguous", f"it is not clear which belong together: {', '.join(several)}"))
        elif not found:
            findings.append(Finding(name, "unpaired", f"there is no mask {stem}.* in {masks}"))
        else:
            entries.append(Entry(name, partial(_read, name, photos[name], pictures[found[0]], kind)))
    findings += [Finding(str(pictures[name]), "unpaired", "the mask has no image") for name in pictures if name not in used]
    return Dataset(f"{images} with masks {masks}", tuple(entries), tuple(findings))


def _by_stem(names: dict[str, Path]) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names:
        stems[PurePosixPath(name).with_suffix("").as_posix()].append(name)
    return stems


def _read(name: str, image: Path, mask: Path, kind: MaskKind) -> AnnotatedImage:
    try:
        objects, ignored, findings = read_mask_file(mask, kind)
    except InputError as error:
        raise AnnotationError(Finding(name, "unreadable", str(error))) from error
    return annotated(name, image, objects, ignored, findings)
