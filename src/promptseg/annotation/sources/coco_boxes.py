"""COCO files as sources: the boxes of their annotations are the prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...datasets.core import Category
from ...datasets.image_lookup import ImageLookup, path_in_url
from ...datasets.safe_names import text_label, text_name
from ...errors import InputError
from ...runtime.structured import read_json
from .core import ListedImages, SourceImage
from .names import distinct, place
from .objects import ObjectValues, asked_objects, finite


def read_coco_boxes(file: Path, root: Path) -> ListedImages:
    """Read the images of a COCO file, with the boxes of their annotations as prompts.

    The label of a box is its category. Crowd annotations are left out. For an image without boxes there is nothing to segment. Images,
    annotations and categories keep their ids. An annotation that cannot be used is dropped and named. In LVIS files, which have no
    ``file_name``, the name is the end of ``coco_url``.

    Args:
        file: The COCO file.
        root: Folder to which the file names are relative.

    Raises:
        InputError: When the file is not a COCO file with images.
    """
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise InputError(f"{file} is not a COCO file with boxes: it needs images, and annotations with image_id and bbox")
    categories, labels = _categories(content.get("categories"))
    dropped: list[str] = []
    objects = _objects(content.get("annotations"), labels, dropped)
    by_path: dict[Path, tuple[str, int | None, list[ObjectValues]]] = {}
    known = set()
    lookup = ImageLookup(root)
    for number, image in enumerate(content["images"]):
        named = _file_name(image, lookup)
        if named is None:
            dropped.append(f"image {_id(image) or f'number {number}'}: it has no file_name")
            continue
        key = _key(image.get("id"))
        known.add(key)
        try:
            name, path = place(named, root)
        except InputError as error:
            dropped.append(f"image {_id(image) or f'number {number}'}: {error}")
            continue
        own = by_path.setdefault(path, (name, _number(image.get("id")), []))
        own[2].extend(objects.get(key, []))
    if not by_path:
        raise InputError(f"{file} is not a COCO file with boxes: it needs images with a file_name")
    dropped += [f"{each.place}: the file has no image of its image_id" for key, own in objects.items() if key not in known for each in own]
    images = []
    for path, (name, number_of, values) in by_path.items():
        asked, unusable = asked_objects(values)
        images.append(SourceImage(name, path, asked, unusable, id=number_of))
    description = {"coco": str(file.resolve()), "images": str(root.resolve())}
    return ListedImages(description, distinct(images, file), has_prompts=True, categories=categories, dropped=tuple(dropped))


def _categories(found: Any) -> tuple[tuple[Category, ...], dict[str, str]]:
    """Return the categories in their order, and the label of each category id."""
    categories: list[Category] = []
    labels: dict[str, str] = {}
    for category in found if isinstance(found, list) else []:
        if not isinstance(category, dict) or not str(category.get("name") or "").strip():
            continue
        name, number = text_label(str(category["name"])), _number(category.get("id"))
        labels.setdefault(_key(category.get("id")), name)
        if all(name != other.name and number != other.number for other in categories):
            categories.append(Category(name, number))
    return tuple(categories), labels


def _objects(found: Any, labels: Mapping[str, str], dropped: list[str]) -> dict[str, list[ObjectValues]]:
    """Return the objects of the annotations by the key of their image."""
    objects: dict[str, list[ObjectValues]] = defaultdict(list)
    for number, annotation in enumerate(found if isinstance(found, list) else []):
        where = f"annotation {_id(annotation) or f'number {number}'}"
        if not isinstance(annotation, dict) or annotation.get("image_id") is None:
            dropped.append(f"{where}: it has no image_id")
            continue
        if str(annotation.get("iscrowd") or 0).lower() not in ("0", "0.0", "false"):
            continue
        category = annotation.get("category_id")
        values = ObjectValues(where, label=None if category is None else labels.get(_key(category), text_label(_key(category))))
        values.id = _number(annotation.get("id"))
        try:
            values.box = _box(annotation.get("bbox"))
        except ValueError as error:
            values.problem = str(error)
        objects[_key(annotation["image_id"])].append(values)
    return objects


def _box(value: Any) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError(f"bbox is x, y, width, height, got {'none' if value is None else str(value)[:60]}")
    x, y, width, height = map(finite, value)
    if width <= 0 or height <= 0:
        raise ValueError(f"its box has no area: it is {width:g} wide and {height:g} high")
    return x, y, x + width, y + height


def _file_name(image: Any, lookup: ImageLookup) -> str | None:
    """Return the path of an image within its folder, or None without one. Of a URL, it is the file that it means, or the last part."""
    if not isinstance(image, dict):
        return None
    if named := image.get("file_name"):
        return str(named).replace("\\", "/")
    path = path_in_url(str(image.get("coco_url") or ""))
    return lookup.find(path) or path.split("/")[-1] or None


def _id(value: Any) -> str:
    return text_name(str(value["id"])[:40]) if isinstance(value, dict) and value.get("id") is not None else ""


def _key(value: Any) -> str:
    """Return a number or text as a key: ``7``, ``7.0`` and ``"7"`` are one id."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)[:200]


def _number(value: Any) -> int | None:
    """Return an id as a number of 63 bits, or None."""
    key = _key(value)
    return int(key) if key.isascii() and key.isdigit() and len(key) < 19 and not isinstance(value, bool) else None
