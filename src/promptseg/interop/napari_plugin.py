"""Plugin of napari: a widget that segments an image layer by layers of points and shapes. ``napari.yaml`` names what is here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, PromptError
from ..pipeline.runner import BuiltPipeline
from ..prompts import Prompt
from ..registry.builtin_backends import DEFAULT_MODEL
from ..samples import coffee
from .napari import Layer, to_napari
from .pipelines import load_pipeline

if TYPE_CHECKING:
    import napari.layers
    import napari.types


def segment_layer(
    image: napari.layers.Image,
    points: napari.layers.Points | None = None,
    background: napari.layers.Points | None = None,
    boxes: napari.layers.Shapes | None = None,
    model: str = DEFAULT_MODEL,
) -> list[napari.types.LayerDataTuple]:
    """Return a layer of labels for an image layer: 1, 2, … for the objects, in the order below.

    Layers may have other scales and places than the image: their coordinates are converted.

    Args:
        image: The image, (H, W) or (H, W, 3 or 4).
        points: Points on one object.
        background: Points beside that object.
        boxes: Shapes, each around one object: their bounding boxes are taken.
        model: Name of the segmenter.

    Raises:
        ConfigError: The image is a stack or a volume.
        PromptError: There is neither a point nor a shape, or one is outside the image.
    """
    pixels = np.asarray(image.data[0] if image.multiscale else image.data)
    if pixels.ndim != (3 if image.rgb else 2):
        raise ConfigError(f"the plugin segments single images, got layer {image.name!r} of shape {pixels.shape}: open one image of it")
    prompts = []
    clicks = [(place, on) for layer, on in ((points, True), (background, False)) if layer is not None for place in _places(layer, image)]
    if any(on for _, on in clicks):
        prompts.append(Prompt.points([place for place, _ in clicks], [on for _, on in clicks]))
    for shape in [] if boxes is None else boxes.data:
        corners = np.array([_place(boxes, image, corner) for corner in shape])
        prompts.append(Prompt.box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
    if not prompts:
        raise PromptError(
            "there is nothing to segment: add a points layer with a point on the object, or a shapes layer with a box around it"
        )
    masks = _pipeline(model)(pixels, *prompts).masks
    [(labels, arguments, kind)] = to_napari(masks)
    placed = {**arguments, "name": f"{image.name} masks", "scale": image.scale, "translate": image.translate}
    return [(labels, placed, kind)]


def sample() -> list[Layer]:
    """Return the sample image as a layer."""
    return [(coffee(), {"name": "coffee", "rgb": True}, "image")]


@lru_cache(maxsize=1)
def _pipeline(model: str) -> BuiltPipeline:
    return load_pipeline(model)


def _places(layer: Any, image: Any) -> list[tuple[float, float]]:
    return [_place(layer, image, point) for point in layer.data]


def _place(layer: Any, image: Any, point: NDArray[Any]) -> tuple[float, float]:
    """Return a point ``(x, y)`` in pixels of the image. napari's own order is row, column."""
    row, column = image.world_to_data(layer.data_to_world(point))[-2:]
    return float(column), float(row)
