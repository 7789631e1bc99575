"""STAND-IN, removed when the branch formats6 is merged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import output_errors, write_atomically
from .annotated import AnnotatedImage

FORMATS = ("coco", "yolo-seg")


@dataclass(frozen=True)
class WriteReport:
    path: Path
    images: int

    def to_dict(self) -> dict[str, Any]:
        return {"path": str(self.path), "images": self.images}


def write(name: str, images: Iterable[AnnotatedImage], out: Path, **options: Any) -> WriteReport:
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.json"
    listed, annotations, labels = [], [], {}
    for image in images:
        listed.append({"id": len(listed) + 1, "file_name": image.name, "height": image.size[0], "width": image.size[1]})
        for one in image.objects:
            category = labels.setdefault(one.label or "object", len(labels) + 1)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(listed),
                    "category_id": category,
                    "segmentation": one.mask.to_coco_rle(),
                    "score": one.mask.score,
                    "bbox": one.mask.box.tolist(),
                    "area": one.mask.area,
                }
            )
    with output_errors(path), write_atomically(path, text=True) as file:
        json.dump({"images": listed, "annotations": annotations, "categories": [{"id": i, "name": n} for n, i in labels.items()]}, file)
    return WriteReport(path, len(listed))
