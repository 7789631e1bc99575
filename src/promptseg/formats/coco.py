"""COCO instances: polygons, compressed and uncompressed run lengths, crowds."""

from __future__ import annotations

import os
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..masks import Mask, Size
from .annotated import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, annotated, image_size, read_json


def read_coco(images: str | os.PathLike[str], file: str | os.PathLike[str]) -> Dataset:
    """Images with the objects of a COCO file, labelled with their categories.

    Crowds (``iscrowd``) are regions to ignore. Annotations without segmentation are skipped, and a finding says so.

    Args:
        images: Folder in which the file's ``file_name`` are.
        file: The annotation file.

    Raises:
        InputError: The file is not a COCO file of instances.
    """
    path = Path(file)
    content = read_json(path)
    try:
        labels = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            by_image[annotation["image_id"]].append(annotation)
        listed = sorted(((str(image["file_name"]), image) for image in content["images"]), key=lambda pair: pair[0])
        entries, findings = [], []
        for name, image in listed:
            photo = Path(images) / name
            own = by_image.pop(image["id"], [])
            if photo.is_file():
                entries.append(Entry(name, partial(_read, name, photo, own, labels)))
            else:
                findings.append(Finding(name, "unpaired", f"{path.name} lists the image, and {images} does not have it"))
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a COCO file of instances: it needs images, annotations and categories ({error!r})") from error
    findings += [
        Finding(f"{path.name}: image {image_id}", "unpaired", f"it has {len(own)} annotations and is not listed")
        for image_id, own in by_image.items()
    ]
    return Dataset(f"{images} with {file}", tuple(entries), tuple(findings))


def _read(name: str, path: Path, annotations: list[dict[str, Any]], labels: dict[Any, str]) -> AnnotatedImage:
    size = image_size(path)
    objects: dict[str, Mask] = {}
    ignored: list[Mask] = []
    findings: list[Finding] = []
    for index, annotation in enumerate(annotations):
        key = str(annotation.get("id", f"at {index}"))
        if key in objects:
            key = f"{key} at {index}"
        category = annotation.get("category_id")
        try:
            mask = _mask(annotation.get("segmentation"), size, labels.get(category, None if category is None else str(category)))
        except InputError as error:
            raise AnnotationError(Finding(f"{name}#{key}", "unreadable", str(error))) from error
        if mask is None:
            findings.append(Finding(f"{name}#{key}", "skipped", "the annotation has no segmentation"))
        elif annotation.get("iscrowd"):
            ignored.append(mask)
        else:
            objects[key] = mask
    return annotated(name, path, list(objects.items()), ignored, findings)


def _mask(segmentation: object, size: Size, label: str | None) -> Mask | None:
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        return Mask.from_coco_rle(segmentation, label=label)
    if isinstance(segmentation, list):
        return Mask.from_polygons(segmentation, size, label=label)
    raise InputError(f"a segmentation is polygons or run lengths, got {type(segmentation).__name__}")
