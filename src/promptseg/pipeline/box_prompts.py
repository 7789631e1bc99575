"""Box prompts from detections: filtering detections, making prompts of their boxes, and labeling the masks that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._boxes import filled_box
from .._checks import is_number
from ..detections import Detections
from ..errors import BackendError, IncompatibleStagesError
from ..masks import Mask, Masks, Size
from ..postprocess import box_nms, innermost_point
from ..prompts import Prompt, SpatialPrompt
from ..results import PhraseCount
from ..vocabulary import parse_phrases
from .config import DetectStage, SegmentStage


def filter_detections(found: Detections, stage: DetectStage, dropped: Counter[str]) -> Detections:
    """Return the detections that pass the filters of a stage, best first.

    Args:
        found: The detections, in any order.
        stage: The settings of the filters.
        dropped: Counter of the dropped detections by reason, to be updated: ``"no_area"``, ``"threshold"``, ``"nms"``,
            ``"max_detections"``.
    """
    steps: Mapping[str, Callable[[Detections], ArrayLike]] = {
        "no_area": lambda left: (left.boxes[:, 2:] > left.boxes[:, :2]).all(axis=1),
        "threshold": lambda left: left.scores >= np.array([stage.threshold_of(label) for label in left.labels], np.float32),
        "nms": lambda left: np.arange(len(left)) if stage.nms is None else _nms_per_label(left, stage.nms),
        "max_detections": lambda left: np.arange(min(len(left), stage.max_detections)),
    }
    left = found.where(np.argsort(-found.scores, kind="stable"))
    for reason, keep in steps.items():
        before, left = len(left), left.where(keep(left))
        if len(left) < before:
            dropped[reason] += before - len(left)
    return left


def count_phrases(phrases: Sequence[str], kept: Detections, stage: DetectStage) -> tuple[PhraseCount, ...]:
    """Return what was found for each phrase, in their order; without phrases, for each class of the detections.

    Args:
        phrases: The phrases that the detector was asked for, or none for all its classes.
        kept: The detections that passed the filters.
        stage: The settings of the filters.
    """
    counts = Counter(kept.labels)
    labels = [phrase.label for phrase in parse_phrases(phrases)] if phrases else list(counts)
    own = stage.options.get("threshold")  # A detector may have a threshold of its own, above that of the stage.
    least = own if is_number(own) else 0.0
    return tuple(PhraseCount(label, counts[label], kept.best_scores.get(label), max(stage.threshold_of(label), least)) for label in labels)


def detection_prompts(detections: Detections, padding: float = 0.0, *, refine: bool = False) -> list[SpatialPrompt]:
    """Return one prompt for each detection, in the order of the detections.

    Args:
        detections: Detections whose boxes have an area.
        padding: Share of its length by which each box is widened on every side, up to the border of the image.
        refine: Whether to add the detector's own mask and its innermost point to the box. An empty mask is not added.

    Raises:
        IncompatibleStagesError: `refine` is set and the detections have no masks.
    """
    height, width = detections.size
    lengths = detections.boxes[:, 2:] - detections.boxes[:, :2]
    boxes = detections.boxes + np.concatenate([-lengths, lengths], axis=1) * padding
    prompts = [Prompt.box(*box) for box in np.clip(boxes, 0, [width, height, width, height]).tolist()]
    if not refine or not prompts:
        return prompts
    if detections.masks is None:
        raise IncompatibleStagesError(
            "segment.refine needs a detector that makes masks, and this one makes none: choose another detector, or leave refine out"
        )
    pairs = zip(prompts, detections.masks, strict=True)
    return [prompt + Prompt.mask(mask) + Prompt.point(*innermost_point(mask)) if mask.area else prompt for prompt, mask in pairs]


def label_masks(masks: Masks, detections: Detections, stage: SegmentStage, dropped: Counter[str]) -> list[Mask]:
    """Return the masks of detections with their labels and scores, and replace or drop masks that have failed.

    Args:
        masks: The masks that the segmenter predicted for the boxes, one for each detection, in their order.
        detections: The detections.
        stage: The settings: how scores are combined, which masks have failed, and what replaces them.
        dropped: Counter of the dropped detections by reason, to be updated under ``"failed_mask"``.

    Returns:
        Masks in the order of the detections. `Mask.detection_index` is the index of each mask's detection.

    Raises:
        BackendError: The number of masks differs from the number of detections.
    """
    if len(masks) != len(detections):
        raise BackendError(f"the segmenter made {len(masks)} masks for {len(detections)} boxes: expected one mask for each box")
    labeled = []
    for index, (mask, found) in enumerate(zip(masks, detections.scores.tolist(), strict=True)):
        own = mask.score
        if mask.area == 0 or (stage.min_mask_score is not None and own is not None and own < stage.min_mask_score):
            if stage.failed_mask == "drop":
                dropped["failed_mask"] += 1
                continue
            pixels = _box_mask(detections.boxes[index], mask.size) if stage.failed_mask == "box" else Masks([], mask.size).union()
            mask = replace(mask, counts=pixels.counts, logits=None, from_box=stage.failed_mask == "box")
        score = {"product": found if own is None else found * own, "detector": found, "mask": own}[stage.score]
        labeled.append(replace(mask, score=score, label=detections.labels[index], prompt_index=None, detection_index=index))
    return labeled


def detector_masks(detections: Detections) -> list[Mask]:
    """Return the detector's own masks with its labels and scores.

    Raises:
        IncompatibleStagesError: The detections have no masks.
    """
    if len(detections) == 0:
        return []
    if detections.masks is None:
        raise IncompatibleStagesError("the detector makes boxes without masks: add .segment(model) to the pipeline (--model NAME)")
    rows = zip(detections.masks, detections.scores.tolist(), detections.labels, strict=True)
    return [replace(mask, score=score, label=label, detection_index=index) for index, (mask, score, label) in enumerate(rows)]


def _box_mask(box: NDArray[np.float32], size: Size) -> Mask:
    """Return a filled box. A box smaller than one pixel is widened to one pixel, so the mask is never empty."""
    low, high = box[:2].astype(np.float64), box[2:].astype(np.float64)
    center = (low + high) / 2
    return filled_box(np.concatenate([np.minimum(low, center - 0.5), np.maximum(high, center + 0.5)]), size)


def _nms_per_label(detections: Detections, threshold: float) -> NDArray[np.intp]:
    """Return the indices of the detections that remain after NMS among detections of the same label."""
    keep: list[int] = []
    labels = np.array(detections.labels)
    for label in dict.fromkeys(detections.labels):
        indices = np.flatnonzero(labels == label)
        keep += indices[box_nms(detections.boxes[indices], detections.scores[indices], threshold)].tolist()
    return np.array(sorted(keep), np.intp)
