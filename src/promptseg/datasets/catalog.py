"""The list of all formats."""

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
"""Every format, in the order in which help texts list them. A new format is a module in `promptseg.datasets.formats`, and a line here."""

READERS: Mapping[str, Reader] = {each.name: each.reader for each in FORMATS if each.reader is not None}
"""How each format that can be read is read, by its name."""

FORMS: Mapping[str, Form] = {
    form.name: form for form in sorted((form for each in FORMATS for form in each.forms), key=lambda form: form.name)
}
"""How each form that can be written is written, by its name."""

READABLE: tuple[str, ...] = tuple(READERS)
"""The formats that `promptseg.datasets.reading.open_dataset` reads; its arguments have ``_`` for ``-``."""

WRITABLE: tuple[str, ...] = tuple(FORMS)
"""The forms that `promptseg.datasets.writing.write` writes."""
