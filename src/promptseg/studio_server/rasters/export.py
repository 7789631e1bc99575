"""Export of the objects of rasters, each raster as a file: polygons in its own coordinate system, or a raster of numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ...annotation.own_folders import mark_folder
from ...datasets.safe_names import safe_name
from ...datasets.writing import WriteReport, not_in_files
from ...geo.label_raster import check_label_raster, table_of, write_label_raster
from ...geo.vectors import check_vectors, write_vectors
from ...runtime.progress import track
from ..documents import ImageState
from ..project import Project
from .formats import FOLDER, RASTER_FORMATS
from .scene_objects import scene_masks


def check_raster_formats(formats: Sequence[str], out: Path) -> None:
    """Check, before any raster is read, that formats can be written.

    Raises:
        MissingDependencyError: A format needs a package that is not installed.
    """
    for name in formats:
        path = out / FOLDER / f"objects{RASTER_FORMATS[name][0]}"
        (check_label_raster if name == "label-tif" else check_vectors)(path, None)


def write_rasters(project: Project, name: str, states: Collection[ImageState]) -> tuple[list[WriteReport], list[Path]]:
    """Write the objects of all rasters in some states in a format. It reports its progress.

    Returns:
        A report for each raster, and the files.

    Raises:
        InputError: A raster cannot be read.
        OutputError: A file cannot be written.
        MissingDependencyError: A package that is needed is not installed.
    """
    folder, suffix = project.out / FOLDER, RASTER_FORMATS[name][0]
    mark_folder(folder)
    chosen = [each for each in project.summaries() if each.state in states and each.objects]
    rasters = [each for each in chosen if project.rasters.has(project.image(each.key).path)]
    reports, files = [], []
    names = _names([each.name for each in rasters])
    for each, own in track(zip(rasters, names, strict=True), stage=f"write {name}", total=len(rasters), unit="raster"):
        document = project.openable(each.key)
        with project.rasters.open(project.image(each.key).path) as raster:
            masks, place = scene_masks(document.objects, raster.size), folder / f"{own}{suffix}"
            write = write_label_raster if name == "label-tif" else write_vectors
            report = write(masks, place, georeference=raster.georeference)
        attributes = sum(len(each.attributes) for each in document.objects)
        notes = (not_in_files(attributes, "attribute"),) if attributes else ()
        reports.append(replace(report, notes=(*report.notes, *notes)))
        files += [place, table_of(place)] if name == "label-tif" else [place]
    return reports, files


def _names(rasters: Sequence[str]) -> list[str]:
    """Return what the names of the files of rasters begin with: their names without suffix, or with it where two would be the same."""
    names = [safe_name(name.replace("/", "-")) for name in rasters]
    stems = [Path(name).stem for name in names]
    return stems if len({stem.casefold() for stem in stems}) == len(stems) else names
