"""Conversion of masks to and from `supervision.Detections`, for its annotators, trackers and metrics.

Masks keep everything but their `logits` when they are converted there and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..masks import Mask, Masks, Size
from .packages import import_package


def to_supervision(masks: Masks, classes: Sequence[str] | None = None) -> Any:
    """Return masks as `supervision.Detections`.

    Args:
        masks: The masks.
        classes: Class names in the order of their ids, for the same ids in several images. Default: the labels in order of appearance.

    Returns:
        `supervision.Detections` with `xyxy` (N, 4) float32, `mask` (N, H, W) bool, `class_id` (-1 without a label) and `confidence`
        float64 (NaN for a mask without a score, None if no mask has one). `data` has ``class_name`` (empty without a label),
        ``prompt_index`` and ``detection_index`` (-1 without one), and ``from_box``.

    Raises:
        InputError: A label is not among `classes`.
        MissingDependencyError: supervision is not installed.
    """
    detections = import_package("supervision").Detections
    names = list(classes) if classes is not None else list(dict.fromkeys(label for label in masks.labels if label is not None))
    numbers = {name: number for number, name in enumerate(names)}
    if unknown := sorted({label for label in masks.labels if label is not None} - set(names)):
        raise InputError(f"labels {unknown} are not among the classes {names}: add them to classes")
    pixels = np.zeros((len(masks), *masks.size), bool)
    for index, mask in enumerate(masks):
        pixels[index] = mask.array
    scores = np.array([np.nan if mask.score is None else mask.score for mask in masks], np.float64)
    return detections(
        xyxy=masks.boxes,
        mask=pixels,
        confidence=None if len(masks) and np.isnan(scores).all() else scores,
        class_id=np.array([-1 if label is None else numbers[label] for label in masks.labels], np.int64),
        data={
            "class_name": np.array([label or "" for label in masks.labels], dtype=str),
            "prompt_index": _indices([mask.prompt_index for mask in masks]),
            "detection_index": _indices([mask.detection_index for mask in masks]),
            "from_box": np.array([mask.from_box for mask in masks], bool),
        },
    )


def from_supervision(detections: Any, size: Size | None = None, classes: Sequence[str] | None = None) -> Masks:
    """Return the masks of `supervision.Detections`, made by `to_supervision` or by other code.

    Args:
        detections: `supervision.Detections` with masks.
        size: ``(height, width)`` of the image. Needed only if there are no detections and no array of masks.
        classes: Class names in the order of their ids. Default: the names in ``data["class_name"]``, else the ids as text.

    Raises:
        InputError: The detections have boxes without masks, a class id has no name in `classes`, or the size is unknown.
    """
    count = len(detections)
    if detections.mask is None and count:
        raise InputError(f"these detections have {count} boxes and no masks: prompt a segmenter with the boxes instead")
    known = size if detections.mask is None else tuple(detections.mask.shape[1:])
    made = []
    for index in range(count):
        score = None if detections.confidence is None else float(detections.confidence[index])
        mask = Mask.from_array(
            np.asarray(detections.mask[index], bool),
            score=None if score is None or np.isnan(score) else score,
            label=_label(detections, index, classes),
            prompt_index=_index(detections, "prompt_index", index),
        )
        from_box = bool(detections.data["from_box"][index]) if "from_box" in detections.data else False
        made.append(replace(mask, detection_index=_index(detections, "detection_index", index), from_box=from_box))
    return Masks(made, known)


def _label(detections: Any, index: int, classes: Sequence[str] | None) -> str | None:
    number = None if detections.class_id is None else int(detections.class_id[index])
    if number is not None and number < 0:
        return None
    if classes is not None and number is not None:
        if number >= len(classes):
            raise InputError(f"detection {index} has class id {number}, but classes has only {len(classes)} names")
        return classes[number]
    if "class_name" in detections.data:
        return str(detections.data["class_name"][index])
    return None if number is None else str(number)


def _indices(values: list[int | None]) -> Any:
    return np.array([-1 if value is None else value for value in values], np.int64)


def _index(detections: Any, name: str, index: int) -> int | None:
    if name not in detections.data:
        return None
    value = int(detections.data[name][index])
    return None if value < 0 else value
