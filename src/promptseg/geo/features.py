"""Objects of a scene as features: outlines in world coordinates with the attributes of the object. One is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.polygons import outlines
from ..datasets.simplification import simplified
from ..datasets.writer_base import WriteStats, score_of
from ..masks import Mask, Polygon
from ..rasters.georeference import Georeference
from ..scene_masks import SceneMask
from .crs import AreaUnit

Ring = NDArray[np.float64]
"""(N, 2) corners ``(x, y)``. The first corner is repeated at the end."""


@dataclass(frozen=True)
class Feature:
    """An object of a scene as files hold it.

    Attributes:
        id: Number of the object in its scene, from 1. It is the value of its pixels in a label raster of the same objects.
        label: What it is, or None.
        score: Estimate of the quality of its mask, or None.
        area_pixels: Number of its pixels.
        area: Its area in a unit of the raster, or None when there is none. It is that of the exact mask.
        parts: Its outlines: the parts, each with its exterior, counterclockwise where y points up, and its holes, clockwise.
    """

    id: int
    label: str | None
    score: float | None
    area_pixels: int
    area: float | None
    parts: tuple[tuple[Ring, ...], ...]


def features_of(
    masks: Iterable[SceneMask], georeference: Georeference | None, unit: AreaUnit | None, tolerance: float, stats: WriteStats
) -> Iterator[Feature]:
    """Yield objects as features, and count how exactly their outlines hold their masks.

    Args:
        masks: The objects.
        georeference: Where the raster lies; None for coordinates in pixels.
        unit: Unit of the areas, or None.
        tolerance: Distance in units of the coordinates by which outlines may be simplified.
        stats: The counts.
    """
    ground = _ground(georeference)
    for number, each in enumerate(masks, 1):
        mask, area = each.mask, each.area
        parts = simplified(outlines(mask), tolerance, ground)
        stats.wrote(mask, Mask.from_polygons(parts, mask.size) if tolerance else mask)
        yield Feature(
            number,
            stats.label_text(mask.label),
            score_of(mask),
            area,
            None if unit is None else area * unit.pixel,
            tuple(_placed(part, each.origin, georeference) for part in parts),
        )


def _ground(georeference: Georeference | None) -> NDArray[np.float64] | None:
    if georeference is None:
        return None
    a, b, _, d, e, _ = georeference.matrix
    return np.array([[a, b], [d, e]])


def _placed(part: Polygon, origin: tuple[int, int], georeference: Georeference | None) -> tuple[Ring, ...]:
    """Return the rings of a part in world coordinates, closed."""
    rings = []
    for ring in (part.exterior, *part.holes):
        corners = np.concatenate([ring, ring[:1]]).astype(np.float64) + origin
        if georeference is not None:
            # Read with y upwards, exteriors along pixels run counterclockwise, unless the map mirrors them.
            corners = georeference.to_world(corners)[:: -1 if georeference.mirrors else 1]
        rings.append(corners)
    return tuple(rings)
