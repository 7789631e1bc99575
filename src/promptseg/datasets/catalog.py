"""The catalog of dataset formats."""

from __future__ import annotations

from collections.abc import Mapping

from .descriptor import Format, OutputVariant, Reader
from .formats import coco, cvat, davis, geojson, label_studio, labelme, mask_folders, mask_table, parquet, segment_results, voc, yolo

FORMATS: tuple[Format, ...] = (
    mask_table.FORMAT,
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
    segment_results.FORMAT,
)
"""All formats, in the order of the help texts. A new format needs a module in `promptseg.datasets.formats` and a line here."""

READERS: Mapping[str, Reader] = {each.name: each.reader for each in FORMATS if each.reader is not None}
"""Readers of formats, by the name of the format."""

OUTPUT_VARIANTS: Mapping[str, OutputVariant] = {
    variant.name: variant
    for variant in sorted((variant for each in FORMATS for variant in each.variants), key=lambda variant: variant.name)
}
"""Output variants of all formats, by name."""

READABLE: tuple[str, ...] = tuple(READERS)
"""Names of the formats that `promptseg.datasets.reading.open_dataset` reads. Its arguments have ``_`` in place of ``-``."""

WRITABLE: tuple[str, ...] = tuple(OUTPUT_VARIANTS)
"""Names of the output variants that `promptseg.datasets.writing.write` writes."""
