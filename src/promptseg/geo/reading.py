"""Files as prompts and as the objects of a scene: points, boxes and polygons with attributes, from GeoJSON, GeoPackage or GeoParquet.

Objects are also read from label rasters. ``trees.gpkg:points`` is the layer ``points`` of ``trees.gpkg``.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.core import read_score
from ..errors import InputError, InputWarning, PromptError, shown
from ..image_formats import MAX_PIXELS
from ..masks import Mask, Polygon, Size
from ..prompts import MAX_PROMPTS, Prompt, SpatialPrompt
from ..rasters.georeference import Georeference
from ..rasters.raster import Raster
from ..scene_masks import SceneMask, SceneMasks
from .crs import check_degrees, check_same_system, full_turn
from .label_raster import LABEL_SUFFIXES
from .label_reading import read_labels
from .parts_of_files import split_part
from .vector_file import VectorFeature, VectorFile, named, opened_vectors
from .wkb import Corners, Geometry

LABELS = ("label", "name", "class")
"""Attributes that may say what an object is, in small or capital letters. The first one that is there counts."""


@dataclass(frozen=True)
class VectorPrompt:
    """A prompt for one object of a raster.

    Attributes:
        prompt: Points, a box and a mask, in pixels of the raster. A polygon is the box around it and, unless it is a box itself, its
            pixels as a mask. Models that take no masks are given `prompt.without_mask()`.
        label: What the object is, or None.
        place: The first feature of the object, for messages: its number in the file, and its attribute ``id`` if it has one.
        attributes: The attributes of that feature.
    """

    prompt: SpatialPrompt
    place: str
    label: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def read_prompts(path: str | os.PathLike[str], raster: Raster) -> list[VectorPrompt]:
    """Read prompts for the objects of a raster.

    A point is a click, a multipoint several clicks for one object, a polygon a mask with the box around it. Attributes: ``label``,
    ``name`` or ``class`` says what the object is; ``foreground`` (true or false) whether points are on the object or on the background;
    features with the same ``object`` are one prompt, such as a box with a point that is not on the object.

    Features that lie outside of the raster are left out with an `InputWarning` that counts them.

    Args:
        path: The file: ``.geojson``, ``.json``, ``.gpkg``, ``.parquet`` or ``.geoparquet``, in the CRS of the raster, or in pixels (``x``
            to the right and ``y`` down, corners of pixels at whole numbers) if the raster has no georeference. A GeoPackage of several
            layers is followed by a colon and the name of one.
        raster: The raster.

    Returns:
        The prompts, in the order of the file.

    Raises:
        InputError: The file cannot be read, is in another CRS than the raster, has a feature that cannot be used, has none in the raster,
            or has more than `promptseg.prompts.MAX_PROMPTS`. The message names the feature, or both systems and how to reproject.
        MissingDependencyError: A package of the extra ``geo`` is not installed.
    """
    place, outside = Path(path), 0
    found: dict[str, list[_Asked]] = {}
    with opened_vectors(place) as file:
        for feature in _in_pixels(file, raster):
            asked = _asked(feature, raster.size, place)
            if asked is None:
                outside += 1
                continue
            own = feature.attributes.get("object")
            found.setdefault(f"#{feature.number}" if own is None else f"={own}", []).append(asked)
            if len(found) > MAX_PROMPTS:
                raise InputError(f"{place} has more than {MAX_PROMPTS} prompts, the limit: split it")
    if not found and not outside:
        raise InputError(f"{place} has no feature, where points, boxes or polygons are expected as prompts")
    _tell_outside(place, raster, outside, len(found))
    return [_together(asked) for asked in found.values()]


def read_scene(path: str | os.PathLike[str], raster: Raster) -> SceneMasks:
    """Read the objects of a raster: the truth to compare with, or what `promptseg.geo.vectors` and `promptseg.geo.label_raster` wrote.

    Of vectors, the pixels of an object are those whose centers lie in its polygons. Attributes: ``label``, ``name`` or ``class``, and
    ``score``. The part of an object outside of the raster is cut off. Objects without a pixel are left out with an `InputWarning` that
    counts them.

    Of a label raster, the pixels of one number are one object, wherever they are; 0 and pixels without data are the background. It has the
    size of the raster and lies at its place; one without a georeference lies where the raster lies. It is read by windows. A table beside
    it, ``NAME.csv`` with the columns ``id`` and ``label`` or ``score``, says what numbers are.

    Args:
        path: The file: vectors, as for `read_prompts`, or a label raster, ``.tif`` or ``.tiff``. If numbers are classes, ``:classes``
            follows, and each connected part of a number is an object, whose label is the one of the number, or else the number.
        raster: The raster.

    Returns:
        The objects, in the order of the file, or of their numbers.

    Raises:
        InputError: The file cannot be read, is in another CRS than the raster, or has a feature that is not a polygon. The message names
            the feature, or both systems and how to reproject. A label raster has another size or lies elsewhere than the raster.
        MissingDependencyError: A package of the extra ``geo`` is not installed.
    """
    place, empty = Path(path), 0
    labels, part = split_part(place)
    if labels.suffix.lower() in LABEL_SUFFIXES:
        return read_labels(labels, raster, classes=_is_of_classes(part, labels))
    masks: list[SceneMask] = []
    with opened_vectors(place) as file:
        for feature in _in_pixels(file, raster):
            if not feature.geometry.parts:
                raise InputError(f"{named(feature.number, feature.attributes, place)} is a point, where polygons are taken")
            mask = _filled(feature, raster.size, place)
            if mask is None:
                empty += 1
            else:
                masks.append(mask)
    _tell_outside(place, raster, empty, len(masks))
    return SceneMasks(masks, raster.size)


def _is_of_classes(part: str | None, path: Path) -> bool:
    if part not in (None, "classes"):
        raise InputError(f"a label raster is {path}, or {path}:classes if its numbers are classes, got {path}:{part}")
    return part is not None


@dataclass(frozen=True)
class _Asked:
    """What one feature asks for."""

    feature: VectorFeature
    what: str
    points: NDArray[np.float64]
    foreground: bool
    box: tuple[float, float, float, float] | None
    shape: SceneMask | None


def _in_pixels(file: VectorFile, raster: Raster) -> Iterator[VectorFeature]:
    """Yield the features of a file with their corners in pixels of the raster, after a check that they are in its CRS."""
    georeference = raster.georeference
    unsaid = georeference is None and not file.named  # GeoJSON of pixels states no system.
    features = file.features()
    if not file.named:
        if (first := next(features, None)) is None:
            return  # Without a feature, it is in no system.
        if file.crs is not None:
            check_degrees(_corner(first), georeference, file.path, raster.name)
        features = chain([first], features)
    check_same_system(None if unsaid else file.crs, georeference, file.path, raster.name)
    if georeference is None:
        yield from features
        return
    turn = full_turn(georeference)
    for feature in features:
        points = [_placed((point[None],), georeference, raster.size, turn)[0] for point in feature.geometry.points]
        parts = tuple(_placed(rings, georeference, raster.size, turn) for rings in feature.geometry.parts)
        yield VectorFeature(feature.number, Geometry(np.concatenate([np.zeros((0, 2)), *points]), parts), feature.attributes)


def _placed(rings: tuple[Corners, ...], georeference: Georeference, size: Size, turn: float | None) -> tuple[Corners, ...]:
    """Return a point or the rings of a polygon in pixels.

    Where a raster reaches beyond the antimeridian, longitudes in a file may be those of the other side: what lies outside of the raster is
    looked for a full turn away.
    """
    placed = tuple(map(georeference.to_pixels, rings))
    for by in (turn, -turn) if turn is not None and not _reaches(placed[0], size) else ():
        turned = tuple(georeference.to_pixels(ring + np.array([by, 0.0])) for ring in rings)
        if _reaches(turned[0], size):
            return turned
    return placed


def _reaches(corners: Corners, size: Size) -> bool:
    """Return whether the box around corners reaches into a raster of a size ``(height, width)``."""
    return bool((corners.max(axis=0) >= 0).all() and (corners.min(axis=0) <= [size[1], size[0]]).all())


def _corner(feature: VectorFeature) -> tuple[float, float]:
    corners = feature.geometry.parts[0][0] if feature.geometry.parts else feature.geometry.points
    return float(corners[0][0]), float(corners[0][1])


def _asked(feature: VectorFeature, size: Size, path: Path) -> _Asked | None:
    """Return what a feature asks for, or None if it lies outside of the raster."""
    what, (height, width) = named(feature.number, feature.attributes, path), size
    points = feature.geometry.points
    on = _foreground(feature.attributes.get("foreground"), what)
    if len(points):
        inside = ((points >= 0) & (points <= [width, height])).all(axis=1)
        # A prompt has the centers of pixels at whole numbers.
        return _Asked(feature, what, points[inside] - 0.5, on, None, None) if inside.any() else None
    if not on:
        raise InputError(f"{what} is a polygon with foreground false: only points can be on the background")
    corners = np.concatenate([part[0] for part in feature.geometry.parts])
    low, high = np.clip(corners.min(axis=0), 0, [width, height]), np.clip(corners.max(axis=0), 0, [width, height])
    if not (low < high).all():
        return None
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return _Asked(feature, what, np.zeros((0, 2)), True, box, None if _is_box(feature.geometry.parts) else _filled(feature, size, path))


def _foreground(value: object, what: str) -> bool:
    if value is None:
        return True
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in _SAID:
        return _SAID[value.lower()]
    raise InputError(f"foreground is true or false, got {shown(value)} in {what}")


def _together(asked: Sequence[_Asked]) -> VectorPrompt:
    """Return what the features of one object ask for as one prompt."""
    first = asked[0]
    boxes = [each for each in asked if each.box is not None]
    if len(boxes) > 1:
        raise InputError(f"{boxes[1].what} has the same object as {boxes[0].what}: one object has one polygon")
    if not boxes and not any(each.foreground for each in asked):
        raise InputError(f"{first.what} is on the background: give the same attribute object to it and to a point or a box on the object")
    try:
        prompt = _prompt(asked, boxes[0] if boxes else None)
    except PromptError as error:
        raise InputError(f"{first.what} cannot be used: {error}") from error
    labels = (label for each in asked if (label := _label(each.feature.attributes)) is not None)
    return VectorPrompt(prompt, first.what, next(labels, None), dict(first.feature.attributes))


def _prompt(asked: Sequence[_Asked], polygon: _Asked | None) -> SpatialPrompt:
    xy = np.concatenate([each.points for each in asked])
    on = np.concatenate([np.full(len(each.points), each.foreground) for each in asked])
    prompt = Prompt.points(xy, on) if len(xy) else SpatialPrompt()
    if polygon is not None and polygon.box is not None:
        prompt += Prompt.box(*polygon.box)
    if polygon is not None and polygon.shape is not None:
        prompt += Prompt.mask(polygon.shape)
    return prompt


def _is_box(parts: Sequence[Sequence[Corners]]) -> bool:
    """Return whether polygons are one rectangle along the pixels."""
    if len(parts) != 1 or len(parts[0]) != 1 or len(parts[0][0]) != 4:
        return False
    ring = parts[0][0]
    low, high = ring.min(axis=0), ring.max(axis=0)
    on_corners = (np.minimum(np.abs(ring - low), np.abs(ring - high)) < _STRAIGHT).all()
    along_pixels = (np.abs(ring - np.roll(ring, 1, axis=0)).min(axis=1) < _STRAIGHT).all()  # A bow tie has the same corners.
    return bool(on_corners and along_pixels) and len(np.unique(np.round(ring / _STRAIGHT), axis=0)) == 4


def _filled(feature: VectorFeature, size: Size, path: Path) -> SceneMask | None:
    """Return the pixels of polygons in the raster, or None if there are none."""
    parts, what = feature.geometry.parts, named(feature.number, feature.attributes, path)
    corners = np.concatenate([part[0] for part in parts])
    low = np.clip(np.floor(corners.min(axis=0) + _NOISE), 0, [size[1], size[0]]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) - _NOISE), 0, [size[1], size[0]]).astype(int)
    width, height = (high - low).tolist()
    if width < 1 or height < 1:
        return None
    if width * height > MAX_PIXELS:
        raise InputError(f"{what} is {width} pixels wide and {height} high, and an object has at most {MAX_PIXELS} pixels in its box")
    polygons = [Polygon(rings[0] - low, tuple(ring - low for ring in rings[1:])) for rings in parts]
    try:
        mask = Mask.from_polygons(
            polygons, (height, width), score=read_score(feature.attributes.get("score")), label=_label(feature.attributes)
        )
    except InputError as error:
        raise InputError(f"{what} cannot be used: {error}") from error
    if not mask.area:
        return None
    at = (int(low[0]), int(low[1]))
    return SceneMask(mask, at) if mask.box.tolist() == [0, 0, width, height] else SceneMask.of(mask, at)


def _label(attributes: Mapping[str, Any]) -> str | None:
    lowered = {name.lower(): value for name, value in attributes.items()}  # Such as Name, as KML has it.
    for name in LABELS:
        value = attributes.get(name, lowered.get(name))
        if value not in (None, "") and not (isinstance(value, float) and math.isnan(value)):
            return str(value)
    return None


def _tell_outside(path: Path, raster: Raster, outside: int, inside: int) -> None:
    if not outside:
        return
    height, width = raster.size
    which = f"{outside} of the {outside + inside} features of {path} {'has' if outside == 1 else 'have'}"
    what = f"{which} no pixel in {raster.name}, which is {width} wide and {height} high"
    if not inside:
        raise InputError(f"{what}: is the file of another raster?")
    warnings.warn(f"{what}: {'it is' if outside == 1 else 'they are'} left out", InputWarning, stacklevel=3)


_NOISE = 1e-6
"""Pixels by which corners on the edges of pixels are off after the way through world coordinates."""
_STRAIGHT = 1e-3
"""Pixels by which the sides of a box may be off."""
_SAID = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False, "t": True, "f": False}
