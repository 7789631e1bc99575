"""COCO files as sources: the boxes of their annotations are the prompts."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...runtime.structured import read_json
from .core import ListedImages
from .names import distinct, place
from .objects import with_prompts


def read_coco_boxes(file: Path, root: Path) -> ListedImages:
    """Read the images of a COCO file, with the boxes of their annotations as prompts.

    The label of a box is its category. Crowd annotations are left out. For an image without boxes there is nothing to segment.

    Args:
        file: The COCO file.
        root: Folder to which the file names are relative.

    Raises:
        InputError: When the file is not a COCO file with boxes.
    """
    content = read_json(file)
    try:
        labels = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        boxes: dict[Any, list[tuple[Any, str | None]]] = defaultdict(list)
        for annotation in content.get("annotations", []):
            if not annotation.get("iscrowd"):
                x, y, width, height = annotation["bbox"]
                category = annotation.get("category_id")
                label = labels.get(category, None if category is None else str(category))
                boxes[annotation["image_id"]].append(((x, y, x + width, y + height), label))
        images = []
        for image in content["images"]:
            own = boxes.get(image["id"], [])
            name, path = place(str(image["file_name"]), root)
            images.append(with_prompts(name, path, [({"box": box}, label) for box, label in own]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file} is not a COCO file with boxes: it needs images, and annotations with image_id and bbox ({error!r})"
        ) from error
    return ListedImages({"coco": str(file.resolve()), "images": str(root.resolve())}, distinct(images, file), has_prompts=True)
