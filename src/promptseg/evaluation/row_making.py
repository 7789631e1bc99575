"""Rows of objects, made from a prediction and the truth."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .. import metrics
from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..masks import Mask, Masks
from .predictions import Prediction
from .rows import ObjectRow


def object_row(
    image: AnnotatedImage,
    ignored: Mask | None,
    true: AnnotatedObject,
    prediction: Prediction,
    best: float | None,
    baselines: dict[str, float],
) -> ObjectRow:
    """Return the row of an object.

    Args:
        image: The image.
        ignored: Pixels that are left out.
        true: The true object.
        prediction: The prediction for it.
        best: IoU of the best candidate mask, or None if there was only one.
        baselines: IoU of each baseline.
    """
    prompt = prediction.prompt
    values: dict[str, Any] = vars(metrics.measure(prediction.mask, true.mask, ignored=ignored))
    return ObjectRow(
        true.name,
        image.name,
        image.group,
        true.label,
        true.mask.area,
        *image.size,
        hashlib.sha256(f"{image.size}".encode() + true.mask.counts + (ignored.counts if ignored else b"")).hexdigest()[:16],
        **values,
        score=prediction.mask.score,
        best_iou=best,
        box=None if prompt is None or prompt.xyxy is None else tuple(prompt.xyxy.tolist()),
        points=() if prompt is None else tuple((*xy, int(on)) for xy, on in zip(prompt.xy.tolist(), prompt.foreground, strict=True)),
        click_ious=prediction.click_ious,
        baselines=baselines,
        prediction=prediction.mask.counts.decode("ascii"),
    )


def joined(masks: Masks) -> Mask:
    """Return the union of the masks, with the mean of their scores."""
    union = masks.union()
    scores = masks.scores
    return Mask(union.size, union.counts, score=float(np.nanmean(scores)) if len(scores) and not np.isnan(scores).all() else None)
