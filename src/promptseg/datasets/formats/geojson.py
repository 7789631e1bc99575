"""GeoJSON: a file an image, an object a feature with a polygon or several, holes included, along pixel edges. Exact.

Coordinates are pixels, ``x`` to the right and ``y`` down, or those of the world where the image has a georeference. A member
``promptseg`` of the collection says which, with the image's name and size. Coordinates of the world are in the image's own system, and a
member ``crs`` names it; without it they are longitude and latitude (RFC 7946).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...errors import InputError
from ...masks import Mask, Polygon, Size
from ..core import (
    AnnotatedImage,
    AnnotatedObject,
    AnnotationError,
    Dataset,
    Entry,
    Finding,
    annotated,
    files_under,
    image_size,
    read_json,
    read_score,
)
from ..descriptor import Form, Format, Option, Reader
from ..georeference import Georeference, read_georeference
from ..polygons import outlines
from ..writer import Classes, FolderWriter, Tally, as_json, score_of

_WGS84 = 4326


def read_geojson(images: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Dataset:
    """Images with the features of GeoJSON files.

    A file is of the image that it names in its member ``promptseg``, else of that of its own name. Without that member, coordinates are
    those of the world where the image has a georeference, and pixels where it has none. The class is the property ``label``, ``class``
    or ``name``. Points and lines are skipped, and a finding says so.

    Args:
        images: Folder of the images.
        folder: Folder of the files.

    Raises:
        InputError: A folder is absent, or there is no GeoJSON file in it.
    """
    files = files_under(Path(folder), frozenset({".geojson", ".json"}))
    if not files:
        raise InputError(f"there is no GeoJSON file in {folder}")
    stems = {PurePosixPath(name).with_suffix("").as_posix(): name for name in reversed(files_under(Path(images)))}
    entries, findings = [], []
    for file, path in files.items():
        try:
            content = read_json(path)
            stated = (content.get("promptseg") or {}).get("image")
            features = list(content["features"])
        except (AttributeError, InputError, KeyError, TypeError) as error:
            findings.append(Finding(file, "unreadable", f"{path} is not a feature collection: {error!r}"))
            continue
        name = str(stated or stems.get(PurePosixPath(file).with_suffix("").as_posix(), ""))
        if name and (Path(images) / name).is_file():
            pixels = (content.get("promptseg") or {}).get("coordinates") == "pixels"
            entries.append(Entry(name, partial(_read, name, Path(images) / name, features, pixels)))
        else:
            findings.append(Finding(file, "unpaired", f"{images} has no image {name or 'of its name'}"))
    return Dataset(f"{images} with the GeoJSON files of {folder}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _read(name: str, photo: Path, features: list[dict[str, Any]], pixels: bool) -> AnnotatedImage:
    size, place = image_size(photo), None if pixels else read_georeference(photo)
    objects: dict[str, Mask] = {}
    ignored: list[Mask] = []
    findings = []
    for index, feature in enumerate(features):
        properties = feature.get("properties") or {}
        key = str(feature.get("id", index))
        key = f"{key} at {index}" if key in objects else key
        label = next((str(properties[field]) for field in ("label", "class", "name") if properties.get(field) is not None), None)
        try:
            mask = _mask(feature.get("geometry") or {}, size, place)
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise AnnotationError(Finding(f"{name}#{key}", "unreadable", f"its geometry cannot be read: {error!r}")) from error
        if mask is None:
            findings.append(Finding(f"{name}#{key}", "skipped", "its geometry has no area"))
            continue
        mask = Mask(mask.size, mask.counts, read_score(properties.get("score")), label)
        if properties.get("ignored") is True:
            ignored.append(mask)
        else:
            objects[key] = mask
    return annotated(name, photo, list(objects.items()), ignored, findings)


def _mask(geometry: dict[str, Any], size: Size, place: Georeference | None) -> Mask | None:
    kinds = {"Polygon": 1, "MultiPolygon": 2}
    if geometry.get("type") not in kinds:
        return None
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    polygons = []
    for rings in parts:
        corners = [np.array([position[:2] for position in ring], np.float64) for ring in rings]
        if place is not None:
            corners = [place.to_pixels(ring) for ring in corners]
        polygons.append(Polygon(corners[0], tuple(corners[1:])))  # type: ignore[arg-type]
    return Mask.from_polygons(polygons, size)


class GeojsonWriter(FolderWriter):
    """The folder ``geojson``.

    Args:
        coordinates: ``"pixels"``, ``"world"`` (an image without georeference is refused) or ``"auto"``: of the world where there is one.
    """

    holds_ignored = True

    def __init__(self, out: Path, classes: Classes, tally: Tally, *, coordinates: str = "auto") -> None:
        super().__init__(out, classes, tally)
        self._coordinates = coordinates

    @property
    def top(self) -> Path:
        """The folder."""
        return self.out / "geojson"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        place = None if self._coordinates == "pixels" else read_georeference(image.path)
        if place is None and self._coordinates == "world":
            raise InputError(f"{image.path} has no georeference: coordinates of the world need one, or a world file beside it")
        path, (height, width) = self.file("", image.name, ".geojson"), image.size
        about = {"image": image.name, "width": width, "height": height, "coordinates": "pixels" if place is None else "world"}
        lines = [f'{{"type": "FeatureCollection", "promptseg": {as_json(about)}']
        if place is not None and place.epsg not in (None, _WGS84):
            lines.append(f', "crs": {as_json({"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{place.epsg}"}})}')
        elif place is not None and place.epsg is None:
            self.tally.notes["the image does not say in which system its coordinates are"] += 1
        lines.append(', "features": [')
        features = [self._feature(each.name.rpartition("#")[2], each.mask, place) for each in objects]
        features += [self._feature(f"ignored {number}", mask, place, True) for number, mask in enumerate(image.ignored, 1)]
        path.write_text("".join(lines) + ",".join(f"\n{as_json(feature)}" for feature in features) + "\n]}\n", "utf-8")

    def _feature(self, key: str, mask: Mask, place: Georeference | None, ignored: bool = False) -> dict[str, Any]:
        parts = []
        for part in outlines(mask):
            # Closed, as GeoJSON wants it; by the numbers exteriors run anticlockwise, as ours do unless the world mirrors them.
            rings = [np.concatenate([ring, ring[:1]]) for ring in (part.exterior, *part.holes)]
            if place is not None:
                rings = [place.to_world(ring)[:: -1 if place.mirrors else 1] for ring in rings]
            parts.append([ring.tolist() for ring in rings])
        single = len(parts) == 1
        geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": parts[0] if single else parts}
        if not ignored:
            written = _mask(geometry, mask.size, place)
            self.tally.wrote(mask, written or Mask.from_polygons([], mask.size))
        properties = {"label": mask.label, "score": score_of(mask), "ignored": ignored or None}
        kept = {name: value for name, value in properties.items() if value is not None}
        return {"type": "Feature", "id": key, "geometry": geometry, "properties": kept}


_COORDINATES = Option(
    "Coordinates of the files: of the world where the image has a georeference, or of pixels.", "auto", ("auto", "pixels", "world")
)

FORMAT = Format(
    "geojson",
    "GeoJSON features, in coordinates of the world or of pixels",
    Reader(read_geojson, "folder of GeoJSON files"),
    (Form("geojson", "geojson/: a file an image", GeojsonWriter, {"coordinates": _COORDINATES}),),
)
