"""Baselines that need no model. A model is only useful if it predicts better than they do.

- ``filled_box``: the box of the prompt, filled; for prompts with a box.
- ``whole_image``: every pixel; for prompts without a box. It is hard to beat on large objects.
- ``detected_box``: the boxes of the detector, filled; for text. The difference to it is the gain of the segmenter over its detector.
- ``superpixel``: SLIC superpixels selected by the same prompts (backend `promptseg.backends.superpixel`), if scikit-image is installed.

Superpixels take about as long as a small model. Their IoUs are therefore cached on the disk.
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
from ..errors import InputError, MissingDependencyError
from ..masks import Mask, Masks
from ..prompts import SpatialPrompt
from ..protocols import Segmenter, Session
from ..registry import load_segmenter
from ..runtime.files import write_atomically
from ..runtime.home import cache_dir
from ..runtime.structured import read_json
from .predictions import Prediction

Scores = Mapping[str, float]
"""IoU of each baseline."""

_FORMAT = "promptseg-baseline-1"


def prompt_baseline(prompt: SpatialPrompt | None, truth: Mask, ignored: Mask | None = None) -> dict[str, float]:
    """Return the IoU of the baseline that needs only the prompt: ``filled_box`` with a box, ``whole_image`` without.

    Args:
        prompt: The prompt for the object.
        truth: The true mask, without ignored pixels.
        ignored: Pixels that are left out.
    """
    if prompt is None or prompt.xyxy is None:
        return {"whole_image": truth.area / (truth.size[0] * truth.size[1] - (ignored.area if ignored else 0))}
    return {"filled_box": metrics.iou(filled_box(prompt.xyxy, truth.size), truth, ignored=ignored)}


def filled_boxes(detections: Detections) -> Masks:
    """Return the boxes of detections as filled masks, with their labels and scores."""
    found = zip(detections.boxes, detections.labels, detections.scores.tolist(), strict=True)
    boxes = [(filled_box(box, detections.size), label, score) for box, label, score in found]
    return Masks([Mask(one.size, one.counts, score=score, label=label) for one, label, score in boxes], detections.size)


def superpixels() -> Segmenter | None:
    """Return the superpixel segmenter, or None if scikit-image is not installed."""
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
    predict: Callable[[Session], Sequence[Prediction]],
    ignored: Mask | None = None,
) -> list[float]:
    """Return the IoU of superpixels for each object. IoUs that were computed before are read from the disk.

    Args:
        segmenter: Superpixel segmenter, as returned by `superpixels`.
        pixels: The image, (H, W, 3) uint8 RGB.
        objects: True objects of the image.
        protocol: Name of the prompt protocol.
        seed: Seed of the prompts.
        predict: Returns one prediction per object from a session.
        ignored: Pixels that are left out of the IoU.
    """
    path = cached_baselines() / f"{_key(pixels, objects, protocol, seed, ignored)}.json"
    with contextlib.suppress(InputError, ValueError, TypeError, OverflowError):
        ious = [float(iou) for iou in read_json(path)]
        if len(ious) == len(objects):
            return ious
    predictions = predict(segmenter.open(pixels))
    ious = [metrics.iou(prediction.mask, true.mask, ignored=ignored) for prediction, true in zip(predictions, objects, strict=True)]
    with contextlib.suppress(OSError):  # Without a writable folder the IoUs are only computed again.
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            json.dump(ious, file)
    return ious


def cached_baselines() -> Path:
    """Return the folder of cached baselines."""
    return cache_dir() / "baselines"


def _key(pixels: NDArray[np.uint8], objects: Sequence[AnnotatedObject], protocol: str, seed: int, ignored: Mask | None) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {version('scikit-image')} {protocol} {seed} {content_key(pixels)}".encode())
    for true in objects:
        digest.update(f"\0{true.name}\0{true.label}\0".encode("utf-8", "surrogatepass") + true.mask.counts)
    if ignored is not None:
        digest.update(b"\0ignored\0" + ignored.counts)
    return digest.hexdigest()
