"""Overlays of predictions and truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PIL import Image

from .. import overlay
from ..datasets.core import Dataset
from ..errors import InputError
from ..masks import Masks
from .ignored import counted
from .rows import ObjectRow

TRUTH_COLOR, PREDICTION_COLOR = overlay.FOREGROUND, overlay.BACKGROUND


def draw_overlays(rows: Iterable[ObjectRow], dataset: Dataset, longest: int = 1024) -> Iterator[Image.Image]:
    """Yield an overlay for each row: the image with the truth in green, the prediction in red, and the prompt.

    Args:
        rows: Rows to draw.
        dataset: Dataset of the run.
        longest: Maximum length of the longer side in pixels.

    Raises:
        InputError: When the dataset lacks the object of a row, or its image cannot be read.
    """
    entries = {entry.name: entry for entry in dataset.entries}
    for row in rows:
        image = counted(entries[row.image].read(), []) if row.image in entries else None
        truth = next((true.mask for true in image.objects if true.name == row.name), None) if image else None
        if image is None or truth is None:
            raise InputError(f"{dataset.source} has no object {row.name!r}")
        prompts = [] if row.prompt is None else [row.prompt]
        colors = [TRUTH_COLOR, PREDICTION_COLOR]
        drawn = overlay.draw(image.pixels(), Masks([truth, row.mask]), prompts=prompts, colors=colors, labels=False)
        drawn.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        yield drawn
