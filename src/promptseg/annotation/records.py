"""Records of the journal: conversion of an image's outcome to JSON values, and of these to an annotated image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..datasets.safe_names import text_name
from ..masks import Mask
from .annotator import ImageResult, with_prompt_labels
from .asked import asked_values
from .following import PlaceAnswer
from .journal import Journal
from .record_checks import check_counts
from .sources import SourceImage
from .studio_members import attributes_of
from .tiles import moved_to_dicts


def record_of(outcome: ImageResult) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the journal record of an image and the provenance of the models that were used."""
    image = outcome.image
    record: dict[str, Any] = {"name": image.name, "status": "done", "path": str(image.path), "bytes": None}
    record |= {} if outcome.state is None else outcome.state.to_dict()
    record |= {key: value for key, value in (("group", image.group or None), ("id", image.id)) if value is not None}
    if (asked := asked_values(outcome.asked)) is not None:
        record["asked"] = asked
    if image.dropped:
        record["problems"] = [text_name(problem) for problem in image.dropped]
    if not outcome.has_data:
        record["no_data"] = True
    if outcome.moved:
        record["moved"] = moved_to_dicts(outcome.moved)
    timings = {"read": outcome.read}
    try:
        result = with_prompt_labels(outcome)
        masks = masks_to_dicts(result.masks, image, outcome.answers)
    except Exception as error:  # The error of the image, or masks of a backend that are none.
        reason = text_name(" ".join(str(error).replace(str(image.path), image.name).splitlines())) or "no reason given"
        return {**record, "status": "failed", "error": type(error).__name__, "reason": reason, "timings": _rounded(timings)}, []
    for stage, seconds in result.timings.items():
        timings[stage] = timings.get(stage, 0.0) + seconds
    record |= {
        "size": list(result.size),
        "masks": masks,
        "detections": None
        if result.detections is None
        else [
            {"box": box, "score": _rounded_score(score), "label": label}
            for box, score, label in zip(
                result.detections.boxes.tolist(), result.detections.scores.tolist(), result.detections.labels, strict=True
            )
        ],
        "dropped": {**result.dropped, **({"prompt": len(image.dropped)} if image.dropped else {})},
        "timings": _rounded(timings),
    }
    return record, [entry.to_dict() for entry in result.provenance]


def image_of(record: Mapping[str, Any]) -> AnnotatedImage:
    """Return the annotated image of a record with status ``done``. Empty masks are left out."""
    height, width = record["size"]
    name = record["name"]
    masks = [(number, mask_of(entry, (height, width))) for number, entry in enumerate(record["masks"], 1)]
    ids = [entry.get("id") for entry in record["masks"]]
    attributes = attributes_of(record)
    objects = tuple(
        AnnotatedObject(f"{name}#{number}", mask, ids[number - 1], attributes[number - 1]) for number, mask in masks if mask.area
    )
    return AnnotatedImage(name, Path(record["path"]), (height, width), objects, group=record.get("group", ""), id=record.get("id"))


def has_pixels(entry: Mapping[str, Any]) -> bool:
    """Return whether one entry of ``masks`` in a record has pixels: a run beside that of the background. Nothing is decoded."""
    return sum(not (ord(character) - 48) & _CONTINUES for character in entry["counts"][:_TWO_RUNS]) > 1


_CONTINUES = 0x20
"""The bit of a character of run lengths that says that the run goes on in the next one."""

_TWO_RUNS = 16
"""Maximum number of characters of two runs: each has five bits of a length."""


def mask_of(entry: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """Return the mask of one entry of ``masks`` in a record."""
    mask = Mask(size, entry["counts"].encode("ascii"), entry["score"], entry["label"])
    return replace(
        mask,
        prompt_index=entry.get("prompt"),
        detection_index=entry.get("detection"),
        from_box=entry.get("from_box", False),
        predicted_iou=entry.get("predicted_iou"),
    )


@dataclass(frozen=True)
class JournalImages:
    """Finished images of a journal, sorted by name. The object can be iterated any number of times.

    Attributes:
        journal: The journal.
    """

    journal: Journal

    def __len__(self) -> int:
        return len(self.journal) - len(self.journal.failed | self.journal.left_out)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return (image_of(record) for record in self.journal.records() if record["status"] == "done")


def masks_to_dicts(masks: Iterable[Mask], image: SourceImage, answers: Mapping[int, PlaceAnswer]) -> list[dict[str, Any]]:
    """Return the entries of ``masks`` in a record. The first mask of a prompt gets the id of the object that the prompt is for.

    Args:
        masks: The masks of the image.
        image: The image.
        answers: How its prompts for places in a raster were answered.

    Raises:
        InputError: When the run lengths of a mask do not add up to its size.
    """
    ids = {index: each.id for index, each in enumerate(image.asked or ()) if each.id is not None}
    entries = []
    for mask in masks:
        entry = mask_to_dict(mask)
        number = None if mask.prompt_index is None else ids.pop(mask.prompt_index, None)
        entries.append(entry if number is None else {**entry, "id": number, **_answer_to_dict(answers.get(mask.prompt_index or 0))})
    return entries


def _answer_to_dict(answer: PlaceAnswer | None) -> dict[str, Any]:
    """Return what the entry of a mask has where it is the answer to a prompt for a place in a raster."""
    if answer is None:
        return {}
    kinds: dict[str, Any] = {"kinds": sorted(answer.kinds)}
    if answer.mask is None:
        return kinds
    return {**kinds, "moved": {"tile": answer.tile, "counts": mask_to_dict(answer.mask)["counts"]}}


def mask_to_dict(mask: Mask) -> dict[str, Any]:
    """Return the entry of a mask in a record.

    Raises:
        InputError: When its run lengths do not add up to its size.
    """
    counts = mask.counts.decode("ascii", "replace")
    try:
        check_counts(counts, mask.size[0] * mask.size[1])
    except ValueError:  # Runs that are valid, but empty, are merged. Others are an error.
        counts = Mask.from_coco_rle(mask.to_coco_rle()).counts.decode("ascii")
    entry: dict[str, Any] = {"counts": counts, "score": _rounded_score(mask.score), "label": mask.label}
    if mask.prompt_index is not None:
        entry["prompt"] = mask.prompt_index
    if mask.detection_index is not None:
        entry["detection"] = mask.detection_index
    if mask.from_box:
        entry["from_box"] = True
    if mask.predicted_iou is not None:
        entry["predicted_iou"] = _rounded_score(mask.predicted_iou)
    return entry


def _rounded_score(score: float | None) -> float | None:
    return None if score is None or not math.isfinite(score) else round(float(score), 6)


def _rounded(timings: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(seconds, 6) for stage, seconds in timings.items()}
