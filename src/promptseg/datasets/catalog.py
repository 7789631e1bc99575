"""The catalog of dataset formats."""

from __future__ import annotations

from collections.abc import Mapping

from .descriptor import Form, Format, Reader
from .formats import coco, cvat, davis, geojson, label_studio, labelme, mask_folders, mask_images, parquet, voc, yolo

FORMATS: tuple[Format, ...] = (
    mask_images.FORMAT,
    coco.FORMAT,
    labelme.FORMAT,
    yolo.FORMAT,
    davis.FORMAT,
    voc.FORMAT,
    cvat.FORMAT,
    label_studio.FORMAT,
    geojson.FORMAT,
    parquet.FORMAT,
    mask_folders.FORMAT,
)
"""All formats, in the order of the help texts. A new format needs a module in `promptseg.datasets.formats` and a line here."""

READERS: Mapping[str, Reader] = {each.name: each.reader for each in FORMATS if each.reader is not None}
"""Readers of formats, by the name of the format."""

FORMS: Mapping[str, Form] = {
    form.name: form for form in sorted((form for each in FORMATS for form in each.forms), key=lambda form: form.name)
}
"""Forms that can be written, by name."""

READABLE: tuple[str, ...] = tuple(READERS)
"""Names of the formats that `promptseg.datasets.reading.open_dataset` reads. Its arguments have ``_`` in place of ``-``."""

WRITABLE: tuple[str, ...] = tuple(FORMS)
"""Names of the forms that `promptseg.datasets.writing.write` writes."""
