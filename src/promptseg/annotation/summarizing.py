"""Summarizing of a journal: counts by class, failures by reason and seconds by stage, of images or of a raster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..datasets.class_numbers import NO_CLASS
from ..tiling.joining import Joined
from .changes import Changes
from .journal import Journal
from .records import has_pixels
from .summary import FAILURES_KEPT, Annotation

MODEL_STAGES = frozenset({"detect", "encode", "cache", "segment", "everything", "concept"})
"""Stages in the timings of a record in which a model runs."""


def summarize(journal: Journal, dropped: Sequence[str], changes: Changes, phrases: Sequence[str] = (), **more: Any) -> Annotation:
    """Return the summary of a journal, which is read once.

    Args:
        journal: The journal.
        dropped: Why parts of the source that belong to none of its images could not be used.
        changes: Changes of the source since its images were annotated.
        phrases: Labels of the phrases of the run.
        **more: Attributes of `Annotation` that the journal does not have.
    """
    classes: Counter[str] = Counter(dict.fromkeys(phrases, 0))
    reasons: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    failed: dict[str, str] = {}
    problems = list(dropped)
    images = empty = without_data = corrected = 0
    for record in journal.records():
        images += 1
        stages.update(record["timings"])
        further = [each for each in changes.dropped.get(record["name"], ()) if each not in record.get("problems", ())]
        problems += (f"{record['name']}: {problem}" for problem in [*record.get("problems", ()), *further])
        corrected += "corrected" in record
        if record["status"] == "failed":
            reasons[_general_reason(record)] += 1
            if len(failed) < FAILURES_KEPT:
                failed[record["name"]] = record["reason"]
            continue
        found = [has_pixels(mask) for mask in record["masks"]]
        for mask, is_object in zip(record["masks"], found, strict=True):
            classes[mask["label"] or NO_CLASS] += is_object
        empty += not any(found)
        without_data += "no_data" in record
    return Annotation(
        images=images,
        objects=sum(classes.values()),
        classes=dict(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        empty=empty,
        without_data=without_data,
        failed=failed,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        stages=dict(stages),
        damaged=journal.damaged,
        changed=changes.changed,
        changed_corrected=changes.corrected,
        gone=changes.gone,
        deleted=changes.deleted,
        corrected=corrected,
        dropped=len(problems),
        problems=tuple(problems[:FAILURES_KEPT]),
        **more,
    )


def of_scene(annotation: Annotation, objects: Joined, coarser: tuple[float, ...]) -> Annotation:
    """Return the summary of a run on a raster, which counts its objects instead of what the tiles show.

    Args:
        annotation: The summary of its tiles.
        objects: Its objects.
        coarser: Scales of the run and a coarser one.
    """
    masks = objects.masks
    counts = Counter(dict.fromkeys(annotation.classes, 0))
    counts.update(label or NO_CLASS for label in masks.labels)
    classes = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return replace(annotation, objects=len(masks), classes=classes, scene=masks.size, cut=objects.cut, coarser=coarser)


def _general_reason(record: Mapping[str, Any]) -> str:
    """Return why an image failed, with its name replaced by ``…``, so that equal reasons can be counted."""
    return str(record["reason"]).replace(record["name"], "…")


def model_seconds(timings: Mapping[str, float]) -> float:
    """Return the seconds in the timings of a record in which a model ran."""
    return sum(seconds for stage, seconds in timings.items() if stage in MODEL_STAGES)
