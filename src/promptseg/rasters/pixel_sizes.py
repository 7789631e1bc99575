"""Sizes of pixels in micrometers, as files of microscopes and scanners state them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

PixelSize = tuple[float, float]
"""Width and height of a pixel in micrometers."""

_MICROMETERS: Mapping[str, float] = {
    "nm": 1e-3,
    "nanometer": 1e-3,
    "µm": 1.0,
    "μm": 1.0,  # The letter mu, and not the sign of micro.
    "um": 1.0,
    "micrometer": 1.0,
    "micron": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "in": 25_400.0,
    "inch": 25_400.0,
}


def stated_in_tiff(file: Any) -> PixelSize | None:
    """Return the size of a pixel that a TIFF file of a microscope or scanner states, or None.

    Args:
        file: The file, as ``tifffile.TiffFile``.
    """
    page = file.series[0].keyframe
    if file.is_svs:
        found = _MPP.search(page.description)
        return None if found is None else _checked(found[1], found[1], "µm")
    if file.is_ome:
        return _of_ome(file.ome_metadata or "")
    return _of_resolution(page.tags)


def stated_in_scale(scale: Sequence[Any], axes: Sequence[Any]) -> PixelSize | None:
    """Return the size of a pixel that a scale of OME-Zarr states, or None.

    Args:
        scale: The steps along the axes.
        axes: The axes, with ``name`` and ``unit``.
    """
    steps = {each.get("name"): (step, each.get("unit")) for each, step in zip(axes, scale, strict=False) if isinstance(each, Mapping)}
    (width, unit), (height, other) = steps.get("x", (None, None)), steps.get("y", (None, None))
    return _checked(width, height, unit) if unit == other else None


def _of_ome(text: str) -> PixelSize | None:
    """Return what the first image of OME-XML states."""
    pixels = _PIXELS.search(text)
    stated = dict(_ATTRIBUTE.findall(pixels[0])) if pixels else {}
    units = {stated.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XY"}
    return _checked(stated.get("PhysicalSizeX"), stated.get("PhysicalSizeY"), units.pop()) if len(units) == 1 else None


def _of_resolution(tags: Any) -> PixelSize | None:
    """Return what the tags of a TIFF file state: numbers of pixels for an inch or a centimeter."""
    unit = {2: "inch", 3: "cm"}.get(int(tags.valueof("ResolutionUnit", 1)))
    (across, wide), (down, high) = (tags.valueof(f"{axis}Resolution", (0, 0)) for axis in "XY")
    return _checked(wide / across, high / down, unit) if across and down else None


def _checked(width: Any, height: Any, unit: object) -> PixelSize | None:
    """Return a width and a height in a unit as micrometers, or None where they are no such values."""
    scale = _MICROMETERS.get(unit) if isinstance(unit, str) else None
    try:
        size = float(width) * (scale or 0), float(height) * (scale or 0)
    except (TypeError, ValueError):
        return None
    return size if all(math.isfinite(side) and side > 0 for side in size) else None


_MPP = re.compile(r"\|\s*MPP\s*=\s*([\d.]+)")
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
