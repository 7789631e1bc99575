"""What a detector and a segmenter make together: which detections are kept, the boxes to segment, and the masks with labels and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._boxes import filled_box
from ..detections import Detections
from ..errors import BackendError, IncompatibleStagesError
from ..masks import Mask, Masks, Size
from ..postprocess import box_nms, innermost_point
from ..prompts import Prompt, SpatialPrompt
from .config import DetectStage, SegmentStage


def choose(found: Detections, stage: DetectStage, dropped: Counter[str]) -> Detections:
    """The detections that a stage keeps, best first.

    Args:
        found: What the detector found, in any order.
        stage: The settings.
        dropped: Where the others are counted, by the reason: ``"no_area"``, ``"threshold"``, ``"nms"``, ``"max_detections"``.
    """
    steps: Mapping[str, Callable[[Detections], ArrayLike]] = {
        "no_area": lambda left: (left.boxes[:, 2:] > left.boxes[:, :2]).all(axis=1),
        "threshold": lambda left: left.scores >= np.array([stage.least_score(label) for label in left.labels], np.float32),
        "nms": lambda left: np.arange(len(left)) if stage.nms is None else _nms_per_label(left, stage.nms),
        "max_detections": lambda left: np.arange(min(len(left), stage.max_detections)),
    }
    left = found.where(np.argsort(-found.scores, kind="stable"))
    for reason, keep in steps.items():
        before, left = len(left), left.where(keep(left))
        if len(left) < before:
            dropped[reason] += before - len(left)
    return left


def prompts_of(detections: Detections, padding: float = 0.0, *, refine: bool = False) -> list[SpatialPrompt]:
    """A prompt for each detection, in their order: its box, and what is known of its mask.

    Args:
        detections: Detections whose boxes have an area.
        padding: Share of its length by which each box is widened on every side, up to the border of the image.
        refine: Add the detector's own mask and the innermost point of it, where that mask is not empty.

    Raises:
        IncompatibleStagesError: There is nothing to refine: the detector makes boxes alone.
    """
    height, width = detections.size
    lengths = detections.boxes[:, 2:] - detections.boxes[:, :2]
    boxes = detections.boxes + np.concatenate([-lengths, lengths], axis=1) * padding
    prompts = [Prompt.box(*box) for box in np.clip(boxes, 0, [width, height, width, height]).tolist()]
    if not refine or not prompts:
        return prompts
    if detections.masks is None:
        raise IncompatibleStagesError(
            "segment.refine asks for the masks of the detector, and it makes none: choose one that does, or leave it out"
        )
    pairs = zip(prompts, detections.masks, strict=True)
    return [prompt + Prompt.mask(mask) + Prompt.point(*innermost_point(mask)) if mask.area else prompt for prompt, mask in pairs]


def join(masks: Masks, detections: Detections, stage: SegmentStage, dropped: Counter[str]) -> list[Mask]:
    """The masks of detections with labels and scores, and what stands in the place of those that failed.

    Args:
        masks: The segmenter's answers to the boxes, one a detection, in their order.
        detections: The detections.
        stage: The settings: how scores join, which masks have failed, and what becomes of those.
        dropped: Where detections that get no mask are counted, as ``"failed_mask"``.

    Returns:
        Masks in the order of the detections; `Mask.detection_index` says which is of which.

    Raises:
        BackendError: There is not one mask a detection.
    """
    if len(masks) != len(detections):
        raise BackendError(f"the segmenter answered {len(detections)} boxes with {len(masks)} masks: it must give one each")
    answers = []
    for index, (mask, found) in enumerate(zip(masks, detections.scores.tolist(), strict=True)):
        own = mask.score
        if mask.area == 0 or (stage.min_mask_score is not None and own is not None and own < stage.min_mask_score):
            if stage.failed_mask == "drop":
                dropped["failed_mask"] += 1
                continue
            pixels = _box_mask(detections.boxes[index], mask.size) if stage.failed_mask == "box" else Masks([], mask.size).union()
            mask = replace(mask, counts=pixels.counts, logits=None, from_box=stage.failed_mask == "box")
        score = {"product": found if own is None else found * own, "detector": found, "mask": own}[stage.score]
        answers.append(replace(mask, score=score, label=detections.labels[index], prompt_index=None, detection_index=index))
    return answers


def own_masks(detections: Detections) -> list[Mask]:
    """The masks that a detector made itself, with its labels and scores.

    Raises:
        IncompatibleStagesError: It made boxes alone.
    """
    if len(detections) == 0:
        return []
    if detections.masks is None:
        raise IncompatibleStagesError("the detector makes no masks of its own: add .segment(model) to the pipeline")
    rows = zip(detections.masks, detections.scores.tolist(), detections.labels, strict=True)
    return [replace(mask, score=score, label=label, detection_index=index) for index, (mask, score, label) in enumerate(rows)]


def _box_mask(box: NDArray[np.float32], size: Size) -> Mask:
    """A box inside the image, filled; widened to one pixel where it is smaller, so that it is never empty."""
    low, high = box[:2].astype(np.float64), box[2:].astype(np.float64)
    center = (low + high) / 2
    return filled_box(np.concatenate([np.minimum(low, center - 0.5), np.maximum(high, center + 0.5)]), size)


def _nms_per_label(detections: Detections, threshold: float) -> NDArray[np.intp]:
    keep: list[int] = []
    labels = np.array(detections.labels)
    for label in dict.fromkeys(detections.labels):
        indices = np.flatnonzero(labels == label)
        keep += indices[box_nms(detections.boxes[indices], detections.scores[indices], threshold)].tolist()
    return np.array(sorted(keep), np.intp)
