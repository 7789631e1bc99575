"""Reader of a folder of images and a folder of mask images that are paired by name.

The formats ``masks`` and ``davis`` use it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ...image_files import files_under
from ..core import AnnotatedImage, Dataset, Entry, Finding, left_out
from ..mask_image_reading import MaskKind, read_mask_file
from ..object_collector import ObjectCollector


def read_paired_masks(
    images: str | os.PathLike[str], masks: str | os.PathLike[str], kind: MaskKind = "auto", *, fit: bool = False
) -> Dataset:
    """Read a dataset from a folder of images and a folder of mask images with the same names.

    The mask image of ``a/7.jpg`` is ``a/7.png`` or ``a/7_mask.png``, with any image suffix.
    `promptseg.datasets.mask_image_reading` describes the kinds of mask images.

    Args:
        images: Folder of the images, with or without subfolders.
        masks: Folder of the mask images, with the same subfolders.
        kind: Kind of the mask images. By default it is detected for each.
        fit: Fit mask images of another size, or that were made before the EXIF orientation was applied, to their images.

    Raises:
        InputError: When a folder does not exist, or there is no image in `images`.
    """
    image_files, mask_files = files_under(Path(images)), files_under(Path(masks))
    if not image_files:
        raise InputError(f"there is no image in {images}: give the folder of the images")
    by_stem = {"image": _by_stem(image_files), "mask": _by_stem(mask_files)}
    entries, findings, used = [], [], set()
    for stem, names in by_stem["image"].items():
        found = by_stem["mask"].get(stem) or by_stem["mask"].get(f"{stem}_mask", [])
        used.update(found)
        name = names[0]
        if len(names) > 1 or len(found) > 1:
            several = [*names, *(str(mask_files[mask]) for mask in found)]
            findings.append(Finding(name, "ambiguous", f"it is not clear which of these belong together: {', '.join(several)}"))
        elif not found:
            findings.append(Finding(name, "unpaired", f"there is no mask {stem}.* in {masks}"))
        else:
            entries.append(Entry(name, partial(_read, name, image_files[name], mask_files[found[0]], kind, fit)))
    findings += [Finding(str(mask_files[name]), "unpaired", "the mask image has no image") for name in mask_files if name not in used]
    for folder, listing in ((images, image_files), (masks, mask_files)):
        findings += left_out(folder, listing.unused)
    return Dataset(f"{images} with masks {masks}", tuple(entries), tuple(findings))


def _by_stem(names: dict[str, Path]) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names:
        stems[PurePosixPath(name).with_suffix("").as_posix()].append(name)
    return stems


def _read(name: str, image: Path, mask: Path, kind: MaskKind, fit: bool) -> AnnotatedImage:
    objects, ignored, findings = read_mask_file(mask, kind)
    masks = [*(each for _, each in objects), *ignored]
    collector = ObjectCollector(name, image, masks[0].size if masks else None, fit, findings)
    for key, each in objects:
        collector.add(key, each)
    for each in ignored:
        collector.ignore(each)
    return collector.collected()
