"""Summary of an annotation run: counts by class, failures by reason, seconds by stage, and written files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..datasets.writing import WriteReport
from ..image_files import Unused
from .journal import Journal

MODEL_STAGES = frozenset({"detect", "encode", "cache", "segment", "everything"})
"""Stages in the timings of a record in which a model runs."""

SHOWN = 5
"""Number of failures and reasons that are printed."""


@dataclass(frozen=True)
class Annotation:
    """Summary of an annotation run.

    Attributes:
        out: The output folder.
        images: Number of images in the journal, done or failed.
        objects: Number of objects in all images.
        classes: Number of objects by class, the most frequent class first. Objects without a class are under ``""``.
        empty: Number of finished images without an object.
        failed: Reasons of the failures by image name, for at most `FAILURES_KEPT` images.
        reasons: Number of failed images by reason, the most frequent reason first.
        stages: Seconds by stage, summed over all images and all hosts.
        processed: Number of images that this call annotated. The others were already in the journal.
        seconds: Seconds that this call took to annotate them.
        model_seconds: Seconds of these in which the models ran.
        damaged: Number of unreadable records in the journal. Their images were annotated again.
        stopped: Whether the run was stopped before all images were done.
        reports: Reports of the written datasets, by format.
        unused: Files that the source holds and that are no images of it.
    """

    out: Path
    images: int
    objects: int
    classes: Mapping[str, int]
    empty: int
    failed: Mapping[str, str]
    reasons: Mapping[str, int]
    stages: Mapping[str, float]
    processed: int = 0
    seconds: float = 0.0
    model_seconds: float = 0.0
    damaged: int = 0
    stopped: bool = False
    reports: Mapping[str, WriteReport] = field(default_factory=dict)
    unused: Unused = Unused()

    @property
    def failures(self) -> int:
        """Number of failed images."""
        return sum(self.reasons.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as values that `json` can write."""
        return {
            "out": str(self.out),
            "images": self.images,
            "done": self.images - self.failures,
            "failures": self.failures,
            "objects": self.objects,
            "classes": dict(self.classes),
            "empty": self.empty,
            "failed": dict(self.failed),
            "reasons": dict(self.reasons),
            "seconds_by_stage": {stage: round(seconds, 3) for stage, seconds in self.stages.items()},
            "processed": self.processed,
            "seconds": round(self.seconds, 3),
            "model_seconds": round(self.model_seconds, 3),
            "damaged": self.damaged,
            "stopped": self.stopped,
            "unused": dict(self.unused.counts),
            "written": {name: report.to_dict() for name, report in self.reports.items()},
        }

    def __str__(self) -> str:
        """Return the summary as text."""
        done = self.images - self.failures
        lines = [f"{_counted(done, 'image')} annotated with {_counted(self.objects, 'object')}"]
        if self.empty:
            lines[0] += f", {self.empty} of them without objects"
        if self.failures:
            lines[0] += f"; {self.failures} failed"
        if self.processed:
            seconds = max(self.seconds, 1e-9)
            lines.append(
                f"{_counted(self.processed, 'image')} now, in {self.seconds:.1f} s ({self.processed / seconds:.2f} a second); "
                f"the models ran for {self.model_seconds / seconds:.0%} of the time"
            )
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.stages.items())
        if spent:
            lines.append(f"all images: {spent}")
        for label, count in islice(self.classes.items(), 20):
            lines.append(f"  {label or '(no class)'}: {count}")
        if len(self.classes) > 20:
            lines.append(f"  and {len(self.classes) - 20} more classes")
        for reason, count in islice(self.reasons.items(), SHOWN):
            lines.append(f"failed, {_counted(count, 'image')}: {reason}")
        if self.damaged:
            lines.append(f"{self.damaged} records of the journal were damaged; their images were annotated again")
        if self.unused:
            lines.append(f"left out: {self.unused}")
        lines += [str(report) for report in self.reports.values()]
        return "\n".join(lines)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


FAILURES_KEPT = 1000
"""Maximum number of failed images that a summary names."""


def summarize(journal: Journal, **more: Any) -> Annotation:
    """Return the summary of a journal, which is read once.

    Args:
        journal: The journal.
        **more: Attributes of `Annotation` that the journal does not have.
    """
    classes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    failed: dict[str, str] = {}
    empty = 0
    for record in journal.records():
        stages.update(record["timings"])
        if record["status"] == "failed":
            reasons[general_reason(record)] += 1
            if len(failed) < FAILURES_KEPT:
                failed[record["name"]] = record["reason"]
            continue
        classes.update(mask["label"] or "" for mask in record["masks"])
        empty += not record["masks"]
    return Annotation(
        images=len(journal),
        objects=sum(classes.values()),
        classes=dict(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        empty=empty,
        failed=failed,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        stages=dict(stages),
        damaged=journal.damaged,
        **more,
    )


def general_reason(record: Mapping[str, Any]) -> str:
    """Return why an image failed, with its name replaced by ``…``, so that equal reasons can be counted."""
    return str(record["reason"]).replace(record["name"], "…")


def model_seconds(timings: Mapping[str, float]) -> float:
    """Return the seconds in the timings of a record in which a model ran."""
    return sum(seconds for stage, seconds in timings.items() if stage in MODEL_STAGES)


def first_failures(annotation: Annotation) -> Iterable[str]:
    """Return one line of text for each of the first failed images."""
    return (f"{name}: {reason}" for name, reason in islice(annotation.failed.items(), SHOWN))
