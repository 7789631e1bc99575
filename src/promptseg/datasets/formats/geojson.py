"""GeoJSON: one file for each image, one feature with a Polygon or MultiPolygon along pixel edges for each object. Exact.

Coordinates are pixels, ``x`` to the right and ``y`` down, or world coordinates when the image is georeferenced. The member ``promptseg``
of the feature collection says which, and names the image and its size. World coordinates are in the coordinate system of the image, which
the member ``crs`` names. Without ``crs`` they are longitude and latitude (RFC 7946).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...errors import InputError
from ...image_files import files_under
from ...masks import Mask, Polygon, Size
from ...rasters.georeference import Georeference, read_georeference
from ...runtime.structured import read_json
from ..core import AnnotatedImage, AnnotatedObject, Dataset, Entry, Finding, read_score
from ..descriptor import FIT, TOLERANCE, Format, Option, OutputVariant, Reader
from ..image_lookup import ImageLookup
from ..object_collector import ObjectCollector
from ..polygons import outlines
from ..safe_names import text_name
from ..simplification import simplified
from ..stated_size import stated_size
from ..writer_base import Classes, FolderWriter, WriteStats, as_json, score_of

_WGS84 = 4326


def read_geojson(images: str | os.PathLike[str], folder: str | os.PathLike[str], *, fit: bool = False) -> Dataset:
    """Read a dataset from GeoJSON files, one for each image.

    A file belongs to the image named in its member ``promptseg``, otherwise to the image with the file's own name. Without that member,
    coordinates are world coordinates if the image is georeferenced, and pixels if not. The class is the property ``label``, ``class`` or
    ``name``; other properties are attributes. Points and lines are skipped with a finding.

    Args:
        images: Folder of the images.
        folder: Folder of the GeoJSON files.
        fit: Fit annotations in pixels that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        InputError: When a folder does not exist, or there is no GeoJSON file in `folder`.
    """
    files = files_under(Path(folder), frozenset({".geojson", ".json"}))
    if not files:
        raise InputError(f"there is no GeoJSON file in {folder}")
    lookup, entries, findings = ImageLookup(images), [], []
    for file, path in files.items():
        try:
            stated, _ = _content(path)
        except InputError as error:
            findings.append(Finding(file, "unreadable", str(error)))
            continue
        wanted = str(stated.get("image") or PurePosixPath(file).with_suffix("").as_posix())
        name = lookup.find(wanted)
        if name is None:
            findings.append(lookup.missing(wanted, file))
        else:
            entries.append(Entry(name, partial(_read, name, lookup.folder / name, path, fit)))
    findings += lookup.findings()
    return Dataset(f"{images} with the GeoJSON files of {folder}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _content(path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Return the member ``promptseg`` and the features of a file."""
    content = read_json(path)
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise InputError(f"{path} is not a feature collection: it needs the list features")
    stated = content.get("promptseg")
    return (stated if isinstance(stated, dict) else {}), features


def _read(name: str, image_file: Path, file: Path, fit: bool) -> AnnotatedImage:
    # The features are read again, and not kept since the file was listed, so that memory does not grow with the folder.
    stated, features = _content(file)
    pixels = stated.get("coordinates") == "pixels"
    georeference = None if pixels else read_georeference(image_file)
    drawn_at = stated_size(stated.get("height"), stated.get("width")) if georeference is None else None
    collector = ObjectCollector(name, image_file, drawn_at, fit)
    for index, feature in enumerate(features):
        key = feature.get("id", index) if isinstance(feature, dict) else index
        with collector.reading(key, f"feature {key} of {file}"):
            properties = feature.get("properties") or {}
            named = next((field for field in ("label", "class", "name") if properties.get(field) is not None), None)
            label = None if named is None else str(properties[named])
            mask = _mask(feature.get("geometry") or {}, collector.size, georeference)
            if mask is None:
                collector.note(key, "skipped", "its geometry has no area")
                continue
            mask = Mask(mask.size, mask.counts, read_score(properties.get("score")), label)
            if properties.get("ignored") is True:
                collector.ignore(mask)
            else:
                attributes = {field: value for field, value in properties.items() if field not in (named, "score", "ignored")}
                collector.add(key, mask, attributes=attributes)
    return collector.collected()


def _mask(geometry: dict[str, Any], size: Size, georeference: Georeference | None) -> Mask | None:
    kinds = {"Polygon": 1, "MultiPolygon": 2}
    if geometry.get("type") not in kinds:
        return None
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    polygons = []
    for rings in parts:
        corners = [np.array([position[:2] for position in ring], np.float64) for ring in rings]
        if georeference is not None:
            corners = [georeference.to_pixels(ring) for ring in corners]
        polygons.append(Polygon(corners[0], tuple(corners[1:])))  # type: ignore[arg-type]
    return Mask.from_polygons(polygons, size)


class GeojsonWriter(FolderWriter):
    """Writer of the folder ``geojson``.

    Args:
        coordinates: ``"pixels"``, ``"world"`` (an error for an image without georeference) or ``"auto"`` (world coordinates if the image is
            georeferenced, otherwise pixels).
        tolerance: Distance in pixels by which outlines may be simplified.
    """

    holds_ignored = True
    holds_attributes = True
    other_attributes = frozenset({"label", "class", "name", "score", "ignored"})

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, coordinates: str = "auto", tolerance: float = 0.0) -> None:
        super().__init__(out, classes, stats)
        self._coordinates, self._tolerance = coordinates, tolerance

    @property
    def output_path(self) -> Path:
        """The folder of the GeoJSON files."""
        return self.out / "geojson"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        georeference = None if self._coordinates == "pixels" else read_georeference(image.path)
        if georeference is None and self._coordinates == "world":
            raise InputError(f"{image.path} has no georeference: world coordinates need a GeoTIFF, or a world file beside the image")
        path, (height, width) = self.file(self.path_for(image.name, ".geojson") + ".geojson"), image.size
        about = {
            "image": text_name(image.name),
            "width": width,
            "height": height,
            "coordinates": "pixels" if georeference is None else "world",
        }
        lines = [f'{{"type": "FeatureCollection", "promptseg": {as_json(about)}']
        if georeference is not None and georeference.epsg not in (None, _WGS84):
            lines.append(f', "crs": {as_json({"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{georeference.epsg}"}})}')
        elif georeference is not None and georeference.epsg is None:
            self.stats.notes["the image does not name its coordinate system"] += 1
        lines.append(', "features": [')
        features = [self._feature(text_name(each.name.rpartition("#")[2]), each.mask, georeference, each.attributes) for each in objects]
        features += [
            self._feature(f"ignored {number}", mask, georeference, {}, ignored=True) for number, mask in enumerate(image.ignored, 1)
        ]
        path.write_text("".join(lines) + ",".join(f"\n{as_json(feature)}" for feature in features) + "\n]}\n", "utf-8")

    def _feature(
        self, key: str, mask: Mask, georeference: Georeference | None, attributes: Mapping[str, str], *, ignored: bool = False
    ) -> dict[str, Any]:
        parts = []
        for part in simplified(outlines(mask), self._tolerance):
            # GeoJSON wants closed rings with counterclockwise exteriors. Read with y upwards, ours are, unless the map mirrors them.
            rings = [np.concatenate([ring, ring[:1]]) for ring in (part.exterior, *part.holes)]
            if georeference is not None:
                rings = [georeference.to_world(ring)[:: -1 if georeference.mirrors else 1] for ring in rings]
            parts.append([ring.tolist() for ring in rings])
        single = len(parts) == 1
        geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": parts[0] if single else parts}
        if not ignored:
            written = _mask(geometry, mask.size, georeference)
            self.stats.wrote(mask, written or Mask.from_polygons([], mask.size))
        properties = {"label": mask.label, "score": score_of(mask), "ignored": ignored or None, **attributes}
        kept = {name: value for name, value in properties.items() if value is not None}
        return {"type": "Feature", "id": key, "geometry": geometry, "properties": kept}


_COORDINATES = Option(
    "World or pixel coordinates; auto: world coordinates if the image is georeferenced.", "auto", ("auto", "pixels", "world")
)

FORMAT = Format(
    "geojson",
    "GeoJSON features, in world or pixel coordinates",
    Reader(read_geojson, "folder of GeoJSON files", options={"fit": FIT}),
    (OutputVariant("geojson", "geojson/: one file for each image", GeojsonWriter, {"coordinates": _COORDINATES, "tolerance": TOLERANCE}),),
)
