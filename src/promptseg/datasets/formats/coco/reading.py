"""Reading of COCO instances files: polygons, compressed and uncompressed run lengths, crowds, boxes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from ...._boxes import filled_box
from ....errors import InputError
from ....masks import Mask, Size
from ....runtime.structured import read_json
from ...core import AnnotatedImage, Category, Dataset, Entry, Finding, read_score
from ...image_lookup import ImageLookup, path_in_url
from ...object_collector import ObjectCollector
from ...stated_size import stated_size


def read_coco(
    images: str | os.PathLike[str],
    file: str | os.PathLike[str],
    *,
    boxes: bool = False,
    crowds: bool = False,
    fit: bool = False,
) -> Dataset:
    """Read a dataset from a COCO instances file. Objects are labeled with their categories.

    Crowds (``iscrowd``) become regions to ignore. Annotations without segmentation are skipped with a finding. The ids of images,
    annotations and categories are kept, and the ``attributes`` of annotations. Images of LVIS, which have an address and no ``file_name``,
    are found by the end of the address.

    Args:
        images: Folder of the images. Each ``file_name`` of the COCO file is found in it by `promptseg.datasets.image_lookup`.
        file: The COCO file.
        boxes: Read annotations without segmentation as their filled boxes, instead of skipping them.
        crowds: Read crowds as objects. CVAT marks every mask as a crowd when it exports COCO.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        InputError: When the file is not a COCO instances file.
    """
    path = Path(file)
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in ("images", "annotations")):
        raise InputError(f"{path} is not a COCO instances file: it needs the lists images and annotations, and categories")
    findings: list[Finding] = []
    categories = _categories(content.get("categories"), path, findings)
    options = _Options(path.name, {category.number: category.name for category in categories}, boxes, crowds, fit)
    by_image = _annotations_by_image(content["annotations"], path, findings)
    lookup, entries = ImageLookup(images), []
    for index, image in enumerate(content["images"]):
        stated = _stated_name(image)
        if stated is None or not _is_id(image.get("id")):
            findings.append(Finding(f"{path.name}: image at {index}", "dropped", "it has no id or no file_name"))
            continue
        name, own = lookup.find(stated), by_image.pop(image["id"], [])
        if name is None:
            findings.append(lookup.missing(stated, path.name))
        else:
            entries.append(Entry(name, partial(_read, name, lookup.folder / name, image, own, options)))
    findings += [
        Finding(f"{path.name}: image {image_id}", "unpaired", f"it has {len(own)} annotations, but it is not listed among the images")
        for image_id, own in by_image.items()
    ]
    if (finding := _only_crowds(content["annotations"], path)) is not None and not crowds:
        findings.append(finding)
    findings += lookup.findings()
    return Dataset(f"{images} with {file}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings), categories)


class _Options(NamedTuple):
    """What all images of a file are read with.

    Attributes:
        file: Name of the file, for messages.
        labels: Names of the categories, by their ids.
        boxes: Whether annotations without segmentation are read as filled boxes.
        crowds: Whether crowds are read as objects.
        fit: Whether annotations are fitted to the size of the image.
    """

    file: str
    labels: Mapping[Any, str]
    boxes: bool
    crowds: bool
    fit: bool


def _categories(listed: object, path: Path, findings: list[Finding]) -> tuple[Category, ...]:
    categories: dict[int, Category] = {}
    for index, each in enumerate(listed if isinstance(listed, list) else []):
        number, name = (each.get("id"), each.get("name")) if isinstance(each, dict) else (None, None)
        if not _is_id(number) or isinstance(number, str) or name is None or number in categories:
            message = "it needs a name, and an id of its own that is a number"
            findings.append(Finding(f"{path.name}: category at {index}", "dropped", message))
        else:
            categories[number] = Category(str(name), number)
    return tuple(categories.values())


def _annotations_by_image(listed: list[object], path: Path, findings: list[Finding]) -> dict[int | str, list[tuple[int, dict[str, Any]]]]:
    """Return the annotations of each image with their places in the file."""
    by_image: dict[int | str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for index, each in enumerate(listed):
        if isinstance(each, dict) and _is_id(each.get("image_id")):
            by_image[each["image_id"]].append((index, each))
        else:
            findings.append(Finding(f"{path.name}: annotation at {index}", "dropped", "it has no image_id, and is left out"))
    return by_image


def _is_id(value: object) -> TypeGuard[int | str]:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _stated_name(image: object) -> str | None:
    """Return the name of an image, or of LVIS the path of its address."""
    if not isinstance(image, dict):
        return None
    if isinstance(name := image.get("file_name"), str):
        return name
    return path_in_url(address) or None if isinstance(address := image.get("coco_url"), str) else None


def _only_crowds(annotations: list[object], path: Path) -> Finding | None:
    crowds = [bool(each.get("iscrowd")) for each in annotations if isinstance(each, dict) and each.get("segmentation")]
    if not crowds or not all(crowds):
        return None
    message = (
        f"all {len(crowds)} masks are crowds (iscrowd), which are regions to ignore and no objects; "
        "read them as objects with crowds=True (--crowds)"
    )
    return Finding(path.name, "skipped", message)


def _read(name: str, path: Path, image: dict[str, Any], annotations: list[tuple[int, dict[str, Any]]], options: _Options) -> AnnotatedImage:
    collector = ObjectCollector(name, path, stated_size(image.get("height"), image.get("width")), options.fit)
    for index, annotation in annotations:
        number = annotation.get("id")
        key = number if _is_id(number) else f"at {index}"
        with collector.reading(key, f"annotation {key} of {options.file}"):
            category = annotation.get("category_id")
            label = options.labels.get(category, None if category is None else str(category)) if _is_id(category) else None
            mask = segmentation_mask(
                annotation.get("segmentation"), collector.size, label, read_score(annotation.get("score")), collector, key
            )
            if mask is None and options.boxes and annotation.get("bbox") is not None:
                x, y, width, height = (float(value) for value in annotation["bbox"])
                mask = filled_box([x, y, x + width, y + height], collector.size, label)
            if mask is None:
                collector.note(key, "skipped", "the annotation has no segmentation")
            elif annotation.get("iscrowd") and not options.crowds:
                collector.ignore(mask)
            else:
                collector.add(key, mask, number if isinstance(number, int) else None, annotation.get("attributes"))
    return collector.collected(number=image["id"] if isinstance(image["id"], int) else None)


def segmentation_mask(
    segmentation: object, size: Size, label: str | None, score: float | None, collector: ObjectCollector | None = None, key: object = None
) -> Mask | None:
    """Return the mask of a segmentation, or None when there is none. A part that is not a polygon is dropped when others are good."""
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        return Mask.from_coco_rle(segmentation, label=label, score=score)
    if not isinstance(segmentation, list):
        raise InputError(f"a segmentation is a list of polygons or an object with run lengths, got {type(segmentation).__name__}")
    parts = segmentation if isinstance(segmentation[0], (list, tuple)) else [segmentation]
    good = [part for part in parts if len(part) >= _LEAST]
    if collector is not None and good and len(good) < len(parts):
        short = len(parts) - len(good)
        collector.note(key, "dropped", f"{short} of its {len(parts)} polygons have fewer than three corners, and are left out")
    return Mask.from_polygons(good or parts, size, label=label, score=score)


_LEAST = 6
"""Numbers of a polygon of three corners."""
