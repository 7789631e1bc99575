"""What a model predicts by each protocol, object by object."""

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
from .simulation import Click, Clicks, OnePrompt, generator, next_click


@dataclass(frozen=True)
class Prediction:
    """What a model gave for one object.

    Attributes:
        mask: The mask; empty where it gave none.
        prompt: What it was asked for this object, or None where it was asked for the whole image.
        click_ious: IoU after each click.
    """

    mask: Mask
    prompt: SpatialPrompt | None = None
    click_ious: tuple[float, ...] = ()


def ask_once(session: Session, protocol: OnePrompt, objects: Sequence[AnnotatedObject], seed: int) -> list[Prediction]:
    """One prediction an object, all asked together."""
    prompts = [protocol.prompt(true.mask, generator(seed, true.name)) for true in objects]
    return [Prediction(mask, prompt) for mask, prompt in zip(session.segment(prompts), prompts, strict=True)]


def best_ious(
    session: Session, prompts: Sequence[SpatialPrompt], chosen: Sequence[Mask], objects: Sequence[AnnotatedObject]
) -> list[float | None]:
    """IoU of the best mask that the model could have chosen for each object, or None where it had no choice."""
    proposed: dict[int, list[Mask]] = defaultdict(list)
    for mask in session.segment(prompts, candidates=True):
        proposed[mask.prompt_index or 0].append(mask)
    return [
        max(metrics.iou(mask, true.mask) for mask in (own, *proposed[index])) if len(proposed[index]) > 1 else None
        for index, (own, true) in enumerate(zip(chosen, objects, strict=True))
    ]


def ask_by_clicks(session: Session, protocol: Clicks, objects: Sequence[AnnotatedObject]) -> list[Prediction]:
    """One prediction an object, after its last click; the model gets its own earlier mask back with each click where it gives logits."""
    clicks: list[list[Click]] = [[] for _ in objects]
    ious: list[list[float]] = [[] for _ in objects]
    predictions = [Prediction(_empty(true.mask.size)) for true in objects]
    for _ in range(protocol.most):
        asked: dict[int, SpatialPrompt] = {}
        for index, true in enumerate(objects):
            click = next_click(predictions[index].mask, true.mask, clicks[index])
            if click is None:
                continue
            clicks[index].append(click)
            prompt = Prompt.points([(one.x, one.y) for one in clicks[index]], [one.foreground for one in clicks[index]])
            earlier = predictions[index].mask
            asked[index] = prompt if earlier.logits is None else prompt + Prompt.mask(earlier)
        if not asked:
            break
        for index, mask in zip(asked, session.segment(list(asked.values())), strict=True):
            ious[index].append(metrics.iou(mask, objects[index].mask))
            predictions[index] = Prediction(mask, asked[index], click_ious=tuple(ious[index]))
    return predictions


def match(masks: Masks, objects: Sequence[AnnotatedObject], *, by_label: bool = False) -> list[Prediction]:
    """Masks of a whole image given to its objects, one each: of all pairs that overlap, the one with the highest IoU first.

    Args:
        masks: What the model found.
        objects: The true objects.
        by_label: Only a mask with the label of an object can be its prediction.
    """
    predictions = [Prediction(_empty(masks.size)) for _ in objects]
    ious = masks.iou_matrix(Masks([true.mask for true in objects], masks.size))
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


def clicks_to(ious: Sequence[float], goal: float) -> int | None:
    """How many clicks it took to reach an IoU, or None where it was not reached."""
    return next((number for number, iou in enumerate(ious, 1) if iou >= goal), None)


def _empty(size: Size) -> Mask:
    return Mask.from_crop(np.zeros((1, 1), bool), (0, 0), size)
