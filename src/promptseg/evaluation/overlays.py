"""What an object, its truth and the prediction look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PIL import Image

from .. import overlay
from ..datasets.core import Dataset
from ..errors import InputError
from ..masks import Masks
from .rows import ObjectRow

TRUE_COLOR, GIVEN_COLOR = overlay.FOREGROUND, overlay.BACKGROUND


def draw_overlays(rows: Iterable[ObjectRow], dataset: Dataset, longest: int = 1024) -> Iterator[Image.Image]:
    """A picture of each row: the photo with the truth green, the prediction red, and the prompt as it was.

    Args:
        rows: What to draw.
        dataset: The images that the run was made on.
        longest: Longer side of a picture in pixels, at most.

    Raises:
        InputError: The dataset has not the object of a row, or its image cannot be read.
    """
    entries = {entry.name: entry for entry in dataset.entries}
    for row in rows:
        image = entries[row.image].read() if row.image in entries else None
        truth = next((true.mask for true in image.objects if true.name == row.name), None) if image else None
        if image is None or truth is None:
            raise InputError(f"{dataset.source} has no object {row.name!r}")
        prompts = [] if row.prompt is None else [row.prompt]
        colors = [TRUE_COLOR, GIVEN_COLOR]
        picture = overlay.draw(image.pixels(), Masks([truth, row.mask]), prompts=prompts, colors=colors, labels=False)
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        yield picture
