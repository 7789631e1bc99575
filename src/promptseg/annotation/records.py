"""Records of the journal: conversion of an image's outcome to JSON values, and of these to an annotated image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..masks import Mask
from .annotator import ImageResult, with_prompt_labels
from .journal import Journal


def record_of(outcome: ImageResult) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the journal record of an image and the provenance of the models that were used."""
    image = outcome.image
    record: dict[str, Any] = {"name": image.name, "status": "done", "path": str(image.path), "bytes": outcome.bytes}
    if image.group:
        record["group"] = image.group
    timings = {"read": outcome.read}
    if isinstance(outcome.outcome, Exception):
        kind, reason = type(outcome.outcome).__name__, str(outcome.outcome).replace(str(image.path), image.name) or "no reason given"
        return {**record, "status": "failed", "error": kind, "reason": reason, "timings": _rounded(timings)}, []
    result = with_prompt_labels(outcome)
    for stage, seconds in result.timings.items():
        timings[stage] = timings.get(stage, 0.0) + seconds
    record |= {
        "size": list(result.size),
        "masks": [_mask_to_dict(mask) for mask in result.masks],
        "detections": None
        if result.detections is None
        else [
            {"box": box, "score": round(score, 6), "label": label}
            for box, score, label in zip(
                result.detections.boxes.tolist(), result.detections.scores.tolist(), result.detections.labels, strict=True
            )
        ],
        "dropped": dict(result.dropped),
        "timings": _rounded(timings),
    }
    return record, [entry.to_dict() for entry in result.provenance]


def image_of(record: Mapping[str, Any]) -> AnnotatedImage:
    """Return the annotated image of a record with status ``done``. Empty masks are left out."""
    height, width = record["size"]
    name = record["name"]
    masks = [(number, mask_of(entry, (height, width))) for number, entry in enumerate(record["masks"], 1)]
    objects = tuple(AnnotatedObject(f"{name}#{number}", mask) for number, mask in masks if mask.area)
    return AnnotatedImage(name, Path(record["path"]), (height, width), objects, group=record.get("group", ""))


def mask_of(entry: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """Return the mask of one entry of ``masks`` in a record."""
    mask = Mask(size, entry["counts"].encode("ascii"), entry["score"], entry["label"])
    return replace(mask, prompt_index=entry.get("prompt"), detection_index=entry.get("detection"), from_box=entry.get("from_box", False))


@dataclass(frozen=True)
class JournalImages:
    """Finished images of a journal, sorted by name. The object can be iterated any number of times.

    Attributes:
        journal: The journal.
    """

    journal: Journal

    def __len__(self) -> int:
        return len(self.journal) - len(self.journal.failed)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return (image_of(record) for record in self.journal.records() if record["status"] == "done")


def _mask_to_dict(mask: Mask) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "counts": mask.counts.decode("ascii"),
        "score": None if mask.score is None else round(mask.score, 6),
        "label": mask.label,
    }
    if mask.prompt_index is not None:
        entry["prompt"] = mask.prompt_index
    if mask.detection_index is not None:
        entry["detection"] = mask.detection_index
    if mask.from_box:
        entry["from_box"] = True
    return entry


def _rounded(timings: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(seconds, 6) for stage, seconds in timings.items()}
