"""Objects of a raster as masks inside their boxes."""

from __future__ import annotations

from collections.abc import Iterable

from ...masks import Size
from ...scene_masks import SceneMask, SceneMasks
from ..documents import StudioObject


def scene_masks(objects: Iterable[StudioObject], size: Size) -> SceneMasks:
    """Return objects whose run lengths are of a raster of a size ``(height, width)``, which may be larger than a `promptseg.Mask`.

    Raises:
        InputError: The box of an object has more pixels than a mask can have.
    """
    return SceneMasks((scene_mask(each, size) for each in objects), size)


def scene_mask(each: StudioObject, size: Size) -> SceneMask:
    """Return an object, which has pixels, of a raster of a size ``(height, width)``. The errors are those of `scene_masks`."""
    return SceneMask.from_coco_rle({"size": list(size), "counts": each.counts}, score=each.score, label=each.label)
