"""Regions of an image that are neither object nor background: void pixels of VOC and DAVIS, crowds of COCO.

Their pixels are left out of everything: they are removed from the true objects, from which prompts are simulated, and from the predictions
before these are measured.
"""

from __future__ import annotations

from dataclasses import replace

from .._counting import number_of
from ..datasets.core import AnnotatedImage, Dataset, Finding
from ..masks import Mask, Masks
from ..metrics import without


def ignored_region(image: AnnotatedImage) -> Mask | None:
    """Return the union of the ignored regions of an image, or None if there is none."""
    region = Masks(image.ignored, image.size).union()
    return region if region.area else None


def counted(image: AnnotatedImage, findings: list[Finding]) -> AnnotatedImage:
    """Return an image whose objects have no ignored pixels.

    Args:
        image: The image.
        findings: List to which a finding is appended for each object that is left out, because all of its pixels are ignored.
    """
    region = ignored_region(image)
    if region is None:
        return image
    objects = [replace(true, mask=without(true.mask, region)) for true in image.objects]
    gone = [true.name for true in objects if not true.mask.area]
    findings += [Finding(name, "skipped", "all pixels of the object are in ignored regions (void or crowd)") for name in gone]
    return replace(image, objects=tuple(true for true in objects if true.mask.area))


def only_ignored(dataset: Dataset, images: int) -> str:
    """Return a sentence about a dataset without objects, in which some images have ignored regions; empty if no image has one.

    Args:
        dataset: The dataset.
        images: Number of images with ignored regions.
    """
    if not images:
        return ""
    have = "has" if images == 1 else "have"
    return (
        f"; {images} of its {number_of(len(dataset), 'image')} {have} ignored regions instead: crowds or void pixels. "
        "If each crowd of a COCO file is "
        "one object, as in files that CVAT exports from masks, set its iscrowd to 0"
    )
