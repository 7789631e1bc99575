"""Views of the predictions of rows, beside the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PIL import Image

from ..datasets.core import Dataset
from ..errors import InputError
from .concept_truth import joined_objects
from .ignored import counted
from .rows import ObjectRow
from .zoomed_view import zoomed_view


def draw_overlays(rows: Iterable[ObjectRow], dataset: Dataset, longest: int = 640) -> Iterator[Image.Image]:
    """Yield a zoomed view for each row: the object and the error, the truth with a solid and the prediction with a dashed outline.

    Args:
        rows: Rows to draw.
        dataset: Dataset of the run.
        longest: Length of the longer side of the zoomed part in pixels, at most.

    Raises:
        InputError: When the dataset lacks the object of a row, or its image cannot be read.
    """
    entries = {entry.name: entry for entry in dataset.entries}
    for row in rows:
        image = counted(entries[row.image].read(), []) if row.image in entries else None
        objects = (*image.objects, *joined_objects(image).values()) if image else ()
        truth = next((true.mask for true in objects if true.name == row.name), None)
        if image is None or truth is None:
            raise InputError(f"{dataset.source} has no object {row.name!r}")
        yield zoomed_view(image.pixels(), truth, row.mask, row.prompt, row.iou, longest)
