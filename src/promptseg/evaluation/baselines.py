"""Baselines that need no model: predictions that any model must beat to be worth its time.

- ``filled_box``: the prompt's box, filled; for prompts with a box.
- ``whole_image``: every pixel; for prompts without one. Where objects are large, this is hard to beat.
- ``detected_box``: the boxes that the detector found, filled; for text. What the segmenter adds to its detector is what is above this.
- ``superpixel``: SLIC patches chosen by the same prompts (backend `promptseg.backends.superpixel`), where scikit-image is installed.

Superpixels take about as long as a small model, so that their predictions are kept on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from .._boxes import filled_box
from ..datasets.core import AnnotatedObject
from ..datasets.summary import content_key
from ..detections import Detections
from ..errors import MissingDependencyError
from ..masks import Mask, Masks
from ..prompts import SpatialPrompt
from ..protocols import Segmenter, Session
from ..registry import load_segmenter
from ..runtime.files import write_atomically
from ..runtime.home import home
from .predictions import Prediction

Scores = Mapping[str, float]
"""IoU of each baseline."""

_FORMAT = "promptseg-baseline-1"


def plain(prompt: SpatialPrompt | None, truth: Mask) -> dict[str, float]:
    """The baseline that needs nothing but the prompt."""
    if prompt is None or prompt.xyxy is None:
        return {"whole_image": truth.area / (truth.size[0] * truth.size[1])}
    return {"filled_box": metrics.iou(filled_box(prompt.xyxy, truth.size), truth)}


def filled_boxes(detections: Detections) -> Masks:
    """The boxes of detections as masks, with their labels and scores."""
    found = zip(detections.boxes, detections.labels, detections.scores.tolist(), strict=True)
    boxes = [(filled_box(box, detections.size), label, score) for box, label, score in found]
    return Masks([Mask(one.size, one.counts, score=score, label=label) for one, label, score in boxes], detections.size)


def superpixels() -> Segmenter | None:
    """The superpixel segmenter, or None where scikit-image is not installed."""
    try:
        segmenter: Segmenter = load_segmenter("superpixel")
    except MissingDependencyError:
        return None
    return segmenter


def superpixel_ious(
    segmenter: Segmenter,
    pixels: NDArray[np.uint8],
    objects: Sequence[AnnotatedObject],
    protocol: str,
    seed: int,
    ask: Callable[[Session], Sequence[Prediction]],
) -> list[float]:
    """IoU of superpixels for each object, from the disk where they were computed before.

    Args:
        segmenter: That of `superpixels`.
        pixels: The image, (H, W, 3) uint8 RGB.
        objects: Its objects.
        protocol: Name of the protocol.
        seed: The seed.
        ask: Asks a session by that protocol.
    """
    path = _folder() / f"{_key(pixels, objects, protocol, seed)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        ious = [float(iou) for iou in json.loads(path.read_text("utf-8"))]
        if len(ious) == len(objects):
            return ious
    predictions = ask(segmenter.open(pixels))
    ious = [metrics.iou(prediction.mask, true.mask) for prediction, true in zip(predictions, objects, strict=True)]
    with contextlib.suppress(OSError):  # A folder that cannot be written costs time, never the result.
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            json.dump(ious, file)
    return ious


def _folder() -> Path:
    return home() / "baselines"


def _key(pixels: NDArray[np.uint8], objects: Sequence[AnnotatedObject], protocol: str, seed: int) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {version('scikit-image')} {protocol} {seed} {content_key(pixels)}".encode())
    for true in objects:
        digest.update(f"\0{true.name}\0{true.label}\0".encode("utf-8", "surrogatepass") + true.mask.counts)
    return digest.hexdigest()
