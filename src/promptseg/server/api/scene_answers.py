"""The masks of a raster as an answer: COCO RLE of the whole raster, or polygons."""

from __future__ import annotations

import json
import math
from typing import Any

from ..._rle import compressed, encode_crop
from ...masks import Size
from ...scene_masks import SceneMask
from ..scene_results import SceneResult

MOST_COUNTED = (1 << 32) - 1
"""Maximum number of pixels that run lengths of COCO count."""


def scene_values(result: SceneResult, image: str, model: str, polygons: bool = False) -> dict[str, Any]:
    """Return the masks of a raster as values for JSON, with the members that a result of an image has.

    Args:
        result: The masks. The raster has at most `MOST_COUNTED` pixels, unless `polygons` are asked for.
        image: Id of the raster.
        model: Name of the model.
        polygons: Whether to return polygons in place of run lengths.
    """
    height, width = result.masks.size
    return {
        "image": image,
        "model": model,
        "source": None,
        "size": {"height": height, "width": width},
        "masks": [_mask_values(mask, result.masks.size, polygons) for mask in result.masks],
        "phrases": [],
        "timings": dict(result.timings),
        "provenance": [entry.to_dict() for entry in result.provenance],
    }


def scene_bytes(result: SceneResult, image: str, model: str, polygons: bool) -> bytes:
    """Return the masks of a raster as JSON: see `scene_values`."""
    return json.dumps(scene_values(result, image, model, polygons), ensure_ascii=False).encode()


def whole_counts(mask: SceneMask, size: Size) -> str:
    """Return the compressed run lengths of an object in the whole raster, of a size ``(height, width)``."""
    return compressed(encode_crop(mask.mask.array, *mask.origin, *size), size).decode("ascii")


def _mask_values(mask: SceneMask, size: Size, polygons: bool) -> dict[str, Any]:
    score = None if mask.score is None or not math.isfinite(mask.score) else mask.score
    rings = [[ring.tolist() for ring in (part.exterior, *part.holes)] for part in mask.polygons()] if polygons else None
    return {
        "segmentation": {"size": list(size), "counts": whole_counts(mask, size)} if rings is None else rings,
        "area": mask.area,
        "box": [float(side) for side in mask.box],
        "score": score,
        "label": mask.label,
        "prompt_index": mask.mask.prompt_index,
        "detection_index": None,
        "from_box": False,
        "score_kind": None if score is None else "mask",
    }
