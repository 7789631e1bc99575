"""Results as plain values for JSON, and back.

Everything that is written comes back as it was, number for number: `Result.from_dict` says what is not written. ``area`` and ``box`` of a
mask are for readers of the file, and follow from the mask. Members of other names are left alone, so that a later version may add some.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, TypeVar, cast, get_args

from ._prompt_values import prompt_from_dict, prompt_to_dict
from .detections import Detections
from .errors import InputError, shown
from .images import ImageLike, load_image
from .masks import Mask, Masks, Size, checked_size
from .results import PhraseCount, Provenance, Result, ScoreKind
from .runtime.structured import is_counts, is_finite, is_integer, is_text

_Value = TypeVar("_Value")


def result_to_dict(result: Result) -> dict[str, Any]:
    """Return a result as plain values. `Result.to_dict` documents it."""
    return {
        "source": result.source,
        "size": {"height": result.size[0], "width": result.size[1]},
        "prompts": [prompt_to_dict(prompt) for prompt in result.prompts],
        "masks": [{**mask_to_dict(mask), "score_kind": result.score_kind(mask)} for mask in result.masks],
        "detections": None if result.detections is None else _detections_to_dict(result.detections),
        "dropped": {reason: int(count) for reason, count in result.dropped.items()},
        "phrases": [found.to_dict() for found in result.phrases],
        "timings": {stage: float(seconds) for stage, seconds in result.timings.items()},
        "provenance": [entry.to_dict() for entry in result.provenance],
    }


def result_from_dict(values: object, image: ImageLike | None = None) -> Result:
    """Return the result that plain values describe. `Result.from_dict` documents it."""
    given = _mapping(values, "a result")
    size = result_size(given)
    source, detections = given.get("source"), given.get("detections")
    if not (source is None or isinstance(source, str)):
        raise InputError(f"source of a result is the path of the image or null, got {shown(source)}")
    pixels = None if image is None else load_image(image)
    if pixels is not None and pixels.shape[:2] != size:
        raise InputError(f"the result is of an image of size {size}, the given image has {pixels.shape[:2]}: both are (height, width)")
    return Result(
        Masks(_each(given, "masks", lambda value: mask_from_dict(value, size), required=True), size),
        tuple(_each(given, "prompts", prompt_from_dict)),
        None if detections is None else _detections_from_dict(detections, size),
        _numbers(given, "dropped", is_integer, "whole numbers of at least 0"),
        timings=_numbers(given, "timings", is_finite, "seconds"),
        provenance=tuple(_each(given, "provenance", provenance_from_dict)),
        image=pixels,
        source=source,
        phrases=tuple(_each(given, "phrases", _phrase_from_dict)),
        detection_score=_detection_score(given["masks"]),
    )


def result_size(values: Mapping[str, Any]) -> Size:
    """Return ``(height, width)`` of the image of a result.

    Raises:
        InputError: The values have no such size.
    """
    size = values.get("size")
    if not isinstance(size, Mapping) or not {"height", "width"} <= set(size):
        raise InputError(f"size of a result is a dictionary of height and width, got {shown(size)}: it is not a result of promptseg")
    return checked_size((size["height"], size["width"]), "size of a result")


def mask_to_dict(mask: Mask) -> dict[str, Any]:
    """Return a mask as plain values."""
    return {
        "segmentation": mask.to_coco_rle(),
        "area": mask.area,
        "box": mask.box.tolist(),
        "score": None if mask.score is None or not math.isfinite(mask.score) else mask.score,  # JSON has no NaN.
        "label": mask.label,
        "prompt_index": mask.prompt_index,
        "detection_index": mask.detection_index,
        "from_box": mask.from_box,
        **({} if mask.predicted_iou is None or not math.isfinite(mask.predicted_iou) else {"predicted_iou": mask.predicted_iou}),
    }


def mask_from_dict(values: object, size: Size) -> Mask:
    """Return the mask that plain values describe.

    Args:
        values: The values.
        size: ``(height, width)`` that the mask must have. It is compared before the mask is decoded.

    Raises:
        InputError: They are not those of such a mask.
    """
    given = _mapping(values, "a mask")
    rle, score, label, own = (given.get(name) for name in ("segmentation", "score", "label", "predicted_iou"))
    if not isinstance(rle, dict):
        raise InputError(f"segmentation of a mask is a COCO RLE, got {shown(rle)}")
    if list(size) != rle.get("size"):
        raise InputError(f"the mask has size {shown(rle.get('size'))}, its image {list(size)}: both are [height, width]")
    if not (score is None or is_finite(score)):
        raise InputError(f"score of a mask is a finite number or null, got {shown(score)}")
    if not (own is None or is_finite(own)):
        raise InputError(f"predicted_iou of a mask is a finite number or null, got {shown(own)}")
    if not (label is None or isinstance(label, str)):
        raise InputError(f"label of a mask is text or null, got {shown(label)}")
    return replace(
        Mask.from_coco_rle(rle, score=score, label=label),
        prompt_index=given.get("prompt_index"),
        detection_index=given.get("detection_index"),
        from_box=given.get("from_box", False),
        predicted_iou=own,
    )


def provenance_from_dict(values: object) -> Provenance:
    """Return the provenance that plain values describe. `Provenance.from_dict` documents it."""
    given, read = _mapping(values, "provenance"), {}
    for each in fields(Provenance):
        if each.name not in given:
            if each.default is MISSING and each.default_factory is MISSING:
                raise InputError(f"provenance has no {each.name}: {shown(given)}")
            continue
        value = given[each.name]
        if each.default_factory is not MISSING:
            usable, value = is_counts(value, is_text), dict(value) if isinstance(value, Mapping) else value
        elif each.default == ():
            usable, value = isinstance(value, list) and all(map(is_text, value)), tuple(value) if isinstance(value, list) else value
        else:
            usable = is_text(value)
        if not usable:
            raise InputError(f"{each.name} of provenance cannot be read, got {shown(value)}")
        read[each.name] = value
    return Provenance(**read)


def _phrase_from_dict(values: object) -> PhraseCount:
    given = _mapping(values, "what was found for a phrase")
    phrase, count, best, threshold, presence = (given.get(name) for name in ("phrase", "count", "best_score", "threshold", "presence"))
    numbers = is_finite(threshold) and all(value is None or is_finite(value) for value in (best, presence))
    if not (isinstance(phrase, str) and is_integer(count) and numbers):
        raise InputError(f"what was found for a phrase is its text, count, best score and threshold, got {shown(values)}")
    return PhraseCount(phrase, int(count), best, float(threshold or 0), presence)


def _detection_score(masks: Sequence[Mapping[str, Any]]) -> ScoreKind:
    """Return what the scores of detections' masks are, by the first such mask."""
    kinds = (mask.get("score_kind") for mask in masks if mask.get("prompt_index") is None and mask.get("detection_index") is not None)
    kind = next(kinds, None)
    if kind == "calibrated":  # The mask says so itself.
        return "mask"
    return cast("ScoreKind", kind) if kind in get_args(ScoreKind) else "product"


def _detections_to_dict(detections: Detections) -> dict[str, Any]:
    return {
        "boxes": detections.boxes.tolist(),
        "scores": detections.scores.tolist(),
        "labels": list(detections.labels),
        "masks": None if detections.masks is None else [mask_to_dict(mask) for mask in detections.masks],
    }


def _detections_from_dict(values: object, size: Size) -> Detections:
    given = _mapping(values, "detections")
    boxes, scores, labels = (given.get(name) for name in ("boxes", "scores", "labels"))
    if (
        not isinstance(boxes, list)
        or not isinstance(scores, list)
        or not isinstance(labels, list)
        or not all(isinstance(label, str) for label in labels)
    ):
        raise InputError(f"detections are lists of boxes, scores and labels, got {shown(values)}")
    own = given.get("masks")
    masks = None if own is None else Masks(_each(given, "masks", lambda value: mask_from_dict(value, size)), size)
    return Detections(size, boxes, scores, labels, masks)


def _mapping(values: object, what: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise InputError(f"{what} is a dictionary, as Result.to_dict() writes it, got {shown(values)}")
    return values


def _each(values: Mapping[str, Any], name: str, read: Callable[[object], _Value], *, required: bool = False) -> list[_Value]:
    """Return the elements of a list as they are read. An error names the element."""
    listed = values.get(name, None if required else [])
    if not isinstance(listed, list):
        raise InputError(f"{name} of a result is a list, got {shown(listed)}")
    made = []
    for index, value in enumerate(listed):
        try:
            made.append(read(value))
        except InputError as error:
            raise InputError(f"{name}[{index}] of a result: {error}") from error
    return made


def _numbers(values: Mapping[str, Any], name: str, usable: Callable[[object], bool], expected: str) -> dict[str, Any]:
    numbers = values.get(name, {})
    if not is_counts(numbers, usable):
        raise InputError(f"{name} of a result is a dictionary of {expected}, got {shown(numbers)}")
    return dict(numbers)
