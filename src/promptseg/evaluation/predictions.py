"""Predictions of a model for each object, by prompt protocol."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import metrics
from ..datasets.core import AnnotatedObject
from ..masks import Mask, Masks, Size
from ..prompts import Prompt, SpatialPrompt
from ..protocols import Session
from .simulation import Click, Clicks, OnePromptPerObject, generator, next_click


@dataclass(frozen=True)
class Prediction:
    """Prediction of a model for one object.

    Attributes:
        mask: The mask; empty if the model found none.
        prompt: The prompt for this object, or None if the prompt was for the whole image.
        click_ious: IoU after each click.
    """

    mask: Mask
    prompt: SpatialPrompt | None = None
    click_ious: tuple[float, ...] = ()


def predict_once(
    session: Session, protocol: OnePromptPerObject, objects: Sequence[AnnotatedObject], seed: int, ignored: Mask | None = None
) -> list[Prediction]:
    """Return one prediction per object. All prompts are decoded together."""
    prompts = [protocol.prompt(true.mask, generator(seed, true.name), ignored) for true in objects]
    return [Prediction(mask, prompt) for mask, prompt in zip(session.segment(prompts), prompts, strict=True)]


def best_ious(
    session: Session,
    prompts: Sequence[SpatialPrompt],
    selected: Sequence[Mask],
    objects: Sequence[AnnotatedObject],
    ignored: Mask | None = None,
) -> list[float | None]:
    """Return the IoU of the best candidate mask for each object, or None if there was only one candidate."""
    candidates: dict[int, list[Mask]] = defaultdict(list)
    for mask in session.segment(prompts, candidates=True):
        candidates[mask.prompt_index or 0].append(mask)
    return [
        max(metrics.iou(mask, true.mask, ignored=ignored) for mask in (own, *candidates[index])) if len(candidates[index]) > 1 else None
        for index, (own, true) in enumerate(zip(selected, objects, strict=True))
    ]


def predict_by_clicks(
    session: Session, protocol: Clicks, objects: Sequence[AnnotatedObject], ignored: Mask | None = None
) -> list[Prediction]:
    """Return one prediction per object, after its last click.

    Each click is prompted together with the mask of the click before it, if that mask has logits.
    """
    clicks: list[list[Click]] = [[] for _ in objects]
    ious: list[list[float]] = [[] for _ in objects]
    predictions = [Prediction(_empty(true.mask.size)) for true in objects]
    for _ in range(protocol.max_clicks):
        prompts: dict[int, SpatialPrompt] = {}
        for index, true in enumerate(objects):
            click = next_click(metrics.without(predictions[index].mask, ignored), true.mask, clicks[index])
            if click is None:
                continue
            clicks[index].append(click)
            prompt = Prompt.points([(one.x, one.y) for one in clicks[index]], [one.foreground for one in clicks[index]])
            earlier = predictions[index].mask
            prompts[index] = prompt if earlier.logits is None else prompt + Prompt.mask(earlier)
        if not prompts:
            break
        for index, mask in zip(prompts, session.segment(list(prompts.values())), strict=True):
            ious[index].append(metrics.iou(mask, objects[index].mask, ignored=ignored))
            predictions[index] = Prediction(mask, prompts[index], click_ious=tuple(ious[index]))
    return predictions


def match_masks(
    masks: Masks, objects: Sequence[AnnotatedObject], ignored: Mask | None = None, *, by_label: bool = False
) -> list[Prediction]:
    """Match the masks of an image to its true objects, one to one and greedily by IoU, the highest first.

    Args:
        masks: Masks that the model found.
        objects: True objects of the image.
        ignored: Pixels that are left out of the IoU.
        by_label: Match only masks and objects with the same label.

    Returns:
        One prediction per object, with an empty mask for objects without a match.
    """
    predictions = [Prediction(_empty(masks.size)) for _ in objects]
    seen = Masks([metrics.without(mask, ignored) for mask in masks], masks.size)
    ious = seen.iou_matrix(Masks([true.mask for true in objects], masks.size))
    if by_label:
        ious = ious * np.array([[mask.label == true.label for true in objects] for mask in masks], bool).reshape(ious.shape)
    rows, columns = set(range(len(masks))), set(range(len(objects)))
    for flat in np.argsort(-ious, axis=None, kind="stable").tolist():
        row, column = divmod(flat, ious.shape[1])
        if ious[row, column] <= 0:
            break
        if row in rows and column in columns:
            rows.remove(row)
            columns.remove(column)
            predictions[column] = Prediction(masks[row])
    return predictions


def count_unmatched(masks: Masks, predictions: Sequence[Prediction], ignored: Mask | None = None) -> int:
    """Return the number of masks that match no object. Masks of which at least half lies in ignored regions are not counted."""
    matched = {id(prediction.mask) for prediction in predictions}
    return sum(id(mask) not in matched and 2 * metrics.without(mask, ignored).area > mask.area for mask in masks)


def clicks_to(ious: Sequence[float], goal: float) -> int | None:
    """Return the number of clicks to reach an IoU, or None if it was not reached."""
    return next((number for number, iou in enumerate(ious, 1) if iou >= goal), None)


def _empty(size: Size) -> Mask:
    return Mask.from_crop(np.zeros((1, 1), bool), (0, 0), size)
