"""Examples of a concept as boxes on one model input: in the searched image, or on a canvas with the example images beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....errors import PromptError, shown
from ....masks import Size
from ....prompts import Concept, Example, SpatialPrompt
from .canvas import Canvas, arrange

MAX_BOXES = 64
"""Maximum number of examples of a concept. The model was trained with a few."""

BoxOf = Callable[[NDArray[np.uint8], SpatialPrompt], NDArray[np.float32]]
"""Function that returns the box ``xyxy`` of the object of an image at a prompt that is neither a box nor a mask in pixels."""


@dataclass(frozen=True, eq=False)
class PlacedExamples:
    """The examples of a concept as boxes.

    Attributes:
        canvas: Canvas with the example images, or None if all examples are in the searched image.
        key: What tells this canvas from others: the digests of the example images, in order.
        boxes: (N, 4) float32 boxes ``xyxy`` in parts of the model input, from 0 to 1.
        positive: (N,) whether each is an example of the concept, or of what it is not.
    """

    canvas: Canvas | None
    key: tuple[str, ...]
    boxes: NDArray[np.float32]
    positive: NDArray[np.bool_]


def place(concept: Concept, searched: NDArray[np.uint8], side: int, box_of: BoxOf) -> PlacedExamples:
    """Return the examples of a concept as boxes.

    Args:
        concept: The concept.
        searched: The image that is searched, (H, W, 3) uint8 RGB.
        side: Side of the model input in pixels.
        box_of: Function for the examples that have no box of their own.

    Raises:
        PromptError: An example does not fit its image, there are too many examples or example images, or there are negative examples alone.
    """
    if concept.examples and concept.phrase is None and not any(example.positive for example in concept.examples):
        raise PromptError(f"{shown(concept)} says what the concept is not alone: add a phrase or a positive example")
    if len(concept.examples) > MAX_BOXES:
        raise PromptError(f"SAM 3 takes at most {MAX_BOXES} examples of a concept, got {len(concept.examples)}")
    others: dict[str, NDArray[np.uint8]] = {}
    found: list[tuple[NDArray[np.float32], Size, str | None]] = []
    for example in concept.examples:
        image, prompt = example.placed(searched)
        elsewhere = _digest_elsewhere(example, searched)
        if elsewhere is not None:
            others.setdefault(elsewhere, image)
        found.append((_box(image, prompt, box_of), (image.shape[0], image.shape[1]), elsewhere))
    canvas = arrange(searched, list(others.values()), side) if others else None
    numbers = {digest: index for index, digest in enumerate(others)}
    boxes = [
        _in_parts(box, size) if canvas is None else canvas.box(box, size, None if digest is None else numbers[digest])
        for box, size, digest in found
    ]
    positive = np.array([example.positive for example in concept.examples], bool)
    return PlacedExamples(canvas, tuple(others), np.array(boxes, np.float32).reshape(-1, 4), positive)


def _digest_elsewhere(example: Example, searched: NDArray[np.uint8]) -> str | None:
    """Return the digest of the image of an example, or None if it is the searched image."""
    if example.image is None or np.array_equal(example.image, searched):
        return None
    return f"{example.image.shape[0]} {example.image.shape[1]} {example.digest}"


def _box(image: NDArray[np.uint8], prompt: SpatialPrompt, box_of: BoxOf) -> NDArray[np.float32]:
    if prompt.xyxy is not None:
        return prompt.xyxy
    if prompt.mask_pixels is not None:
        return prompt.mask_pixels.box
    return box_of(image, prompt)


def _in_parts(box: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return a box in pixels of an image in parts of it."""
    return np.clip(box / np.array([size[1], size[0]] * 2, np.float32), 0, 1).astype(np.float32)
