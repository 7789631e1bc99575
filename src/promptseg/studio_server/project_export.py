"""Export of a project: its images as datasets, its rasters as files of their own."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from ..runtime.files import output_errors
from .documents import ImageState
from .exporting import Downloads, Export, Exported, check_export, places, told, write_formats
from .project import Project
from .rasters.export import check_raster_formats, write_rasters
from .rasters.formats import FOLDER, RASTER_FORMATS


def check_project_export(formats: Sequence[str], project: Project) -> None:
    """Check, before anything is read, that formats are known and can be written. The errors are those of `check_export`."""
    of_rasters = [name for name in formats if name in RASTER_FORMATS]
    check_raster_formats(of_rasters, project.out)
    if of_images := [name for name in formats if name not in RASTER_FORMATS]:
        check_export(of_images, project.out)
    elif not of_rasters:
        check_export((), project.out)


def export_project(project: Project, formats: Sequence[str], states: Collection[ImageState], downloads: Downloads) -> Export:
    """Write the images and rasters in some states, and pack the files. It reports its progress. The errors are those of `export`."""
    formats = tuple(dict.fromkeys(formats))
    check_project_export(formats, project)
    of_images = [name for name in formats if name not in RASTER_FORMATS]
    classes = [label.name for label in project.labels.all]
    reports = write_formats(of_images, partial(project.annotated, states), project.out, classes)
    found = [place for report in reports for place in places(report, project.out)]
    left_out = _left_out(project, states)
    done = [replace(told(report, project.out), lost=(*told(report, project.out).lost, *left_out)) for report in reports]
    for name in formats:
        if name in RASTER_FORMATS:
            of_rasters, files = write_rasters(project, name, states)
            found += files
            done += [replace(told(report, project.out), format=name) for report in of_rasters] or [Exported(name, FOLDER, (), 0, 0)]
    with output_errors(project.out):
        return Export(tuple(done), downloads.add(project.out, [place for place in found if os.path.lexists(place)]))


def _left_out(project: Project, states: Collection[ImageState]) -> tuple[str, ...]:
    """Return what is told of rasters that no dataset of images can have."""
    number = len(project.scenes(states))
    if not number:
        return ()
    which = "1 raster is" if number == 1 else f"{number} rasters are"
    return (f"{which} not in it, too large for a dataset of images or no image file: export {', '.join(RASTER_FORMATS)} too",)
