"""Masks as regions of Label Studio, in the form that its labeling configuration asks for."""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ...datasets.formats.label_studio.brush import encode_brush
from ...datasets.polygons import keyholed, outlines, ring_area
from ...datasets.simplification import simplified
from ...masks import Mask
from ._label_studio_config import Output


@dataclass(frozen=True)
class Place:
    """The image that regions are on.

    Attributes:
        image: Name of its tag.
        item: Its index in a task of several images; None for a task of one.
        rotation: Degrees by which the annotator has turned it on the screen. Regions do not turn with it.
        tolerance: Distance in pixels by which the outlines of polygons may be simplified. With 0, polygons are the exact mask.
    """

    image: str
    item: int | None = None
    rotation: int = 0
    tolerance: float = 1.0


def regions_of_masks(masks: Sequence[Mask], labels: Sequence[str | None], output: Output, place: Place) -> list[dict[str, Any]]:
    """Return masks as results of Label Studio. Empty masks are left out.

    Args:
        masks: The masks.
        labels: For each its label.
        output: The control that gets them.
        place: The image.
    """
    return [
        result
        for mask, label in zip(masks, labels, strict=True)
        if mask.area
        for value in _values(mask, output, place)
        for result in _results(value, mask, label, output, place)
    ]


def _values(mask: Mask, output: Output, place: Place) -> Iterator[dict[str, Any]]:
    """Yield the shapes of a mask: several only as polygons, one for each of its parts."""
    height, width = mask.size
    if output.shape == "brush":
        yield {"format": "rle", "rle": encode_brush(mask)}
    elif output.shape == "bitmask":
        yield {"imageDataURL": _bitmask(mask)}
    elif output.shape == "rectangle":
        x0, y0, x1, y1 = (mask.box.astype(np.float64) / (width, height, width, height) * 100).tolist()
        yield {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
    else:
        parts = sorted(outlines(mask), key=lambda part: -abs(ring_area(part.exterior)))
        seen = [part for part in parts if abs(ring_area(part.exterior)) > (SPECK * place.tolerance) ** 2]
        for part in simplified((seen or parts[:1])[:MAX_PARTS], place.tolerance):
            yield {"points": (keyholed(part).astype(np.float64) / (width, height) * 100).tolist(), "closed": True}


def _results(value: dict[str, Any], mask: Mask, label: str | None, output: Output, place: Place) -> Iterator[dict[str, Any]]:
    """Yield the results of one region: its shape, and its label where another control has the labels."""
    control, own = output.control, [] if label is None else [label]
    result = {
        "id": uuid.uuid4().hex[:10],
        "to_name": place.image,
        "original_width": mask.size[1],
        "original_height": mask.size[0],
        "image_rotation": place.rotation,
        **({} if place.item is None else {"item_index": place.item}),
        **({} if mask.score is None else {"score": mask.score}),
    }
    labels = {control.tag: own} if control.labeled else {}
    yield {**result, "from_name": control.name, "type": control.tag, "value": {**value, **labels}}
    if not control.labeled and output.labels is not None and own:
        yield {**result, "from_name": output.labels.name, "type": "labels", "value": {**value, "labels": own}}


def _bitmask(mask: Mask) -> str:
    """Return a mask as the address of a PNG: black pixels on a transparent background."""
    pixels = np.zeros((*mask.size, 2), np.uint8)
    pixels[..., 1] = np.where(mask.array, 255, 0)
    file = io.BytesIO()
    Image.fromarray(pixels, "LA").convert("RGBA").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


SPECK = 4
"""Side of the square, in tolerances, up to whose area a part of a mask becomes no polygon of its own: nobody could edit it."""
MAX_PARTS = 200
"""Maximum number of polygons for one mask, the largest ones: an editor has to show all."""
