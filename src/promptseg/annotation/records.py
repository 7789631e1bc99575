"""Records of a journal: from the answer for one photo to plain values, and from these to an annotated image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..masks import Mask
from .annotator import Answer, with_label_of_prompt
from .journal import Journal


def record_of(answer: Answer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record of a photo, and the provenance of the models that took part."""
    photo = answer.photo
    record: dict[str, Any] = {"name": photo.name, "status": "done", "path": str(photo.path), "bytes": answer.bytes}
    if photo.group:
        record["group"] = photo.group
    timings = {"read": answer.read}
    if isinstance(answer.outcome, Exception):
        kind, reason = type(answer.outcome).__name__, str(answer.outcome).replace(str(photo.path), photo.name) or "no reason given"
        return {**record, "status": "failed", "error": kind, "reason": reason, "timings": _rounded(timings)}, []
    result = with_label_of_prompt(answer)
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
    """The annotated image of a record of a photo that is done; masks without a pixel are no objects."""
    height, width = record["size"]
    name = record["name"]
    masks = [(number, mask_of(entry, (height, width))) for number, entry in enumerate(record["masks"], 1)]
    objects = tuple(AnnotatedObject(f"{name}#{number}", mask) for number, mask in masks if mask.area)
    return AnnotatedImage(name, Path(record["path"]), (height, width), objects, group=record.get("group", ""))


def mask_of(entry: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """The mask of an entry of a record's ``masks``."""
    mask = Mask(size, entry["counts"].encode("ascii"), entry["score"], entry["label"])
    return replace(mask, prompt_index=entry.get("prompt"), detection_index=entry.get("detection"), from_box=entry.get("from_box", False))


@dataclass(frozen=True)
class JournalImages:
    """The photos of a journal that are done, as annotated images in the order of their names; can be gone through any number of times.

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
