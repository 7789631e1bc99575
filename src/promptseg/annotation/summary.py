"""What a run came to: counts by class, failures by reason, seconds by stage, and what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..datasets.writing import WriteReport
from .journal import Journal

MODEL_STAGES = frozenset({"detect", "encode", "cache", "segment", "everything"})
"""The stages of a record's timings that are the models' work."""

SHOWN = 5


@dataclass(frozen=True)
class Annotation:
    """What a run came to.

    Attributes:
        out: Its folder.
        photos: How many photos the journal has, done or failed.
        objects: How many objects there are on them.
        classes: How many objects there are of each class, the most frequent first; those without one are under ``""``.
        empty: On how many photos that are done nothing was found.
        failed: The names of the photos that failed with the reasons, the first `FAILURES_KEPT` of them.
        reasons: How many photos failed for each reason, the most frequent first.
        stages: Seconds of all photos by stage, as far as they are done; of several machines together.
        made: How many photos this call annotated; the others were in the journal.
        seconds: How long this call took for them.
        model_seconds: How much of that the models worked.
        damaged: How many records of the journal could not be read, and were made again.
        stopped: Whether the run was stopped before all photos were done.
        reports: What was written, by format.
    """

    out: Path
    photos: int
    objects: int
    classes: Mapping[str, int]
    empty: int
    failed: Mapping[str, str]
    reasons: Mapping[str, int]
    stages: Mapping[str, float]
    made: int = 0
    seconds: float = 0.0
    model_seconds: float = 0.0
    damaged: int = 0
    stopped: bool = False
    reports: Mapping[str, WriteReport] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """How many photos failed."""
        return sum(self.reasons.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return {
            "out": str(self.out),
            "photos": self.photos,
            "done": self.photos - self.failures,
            "failures": self.failures,
            "objects": self.objects,
            "classes": dict(self.classes),
            "empty": self.empty,
            "failed": dict(self.failed),
            "reasons": dict(self.reasons),
            "seconds_by_stage": {stage: round(seconds, 3) for stage, seconds in self.stages.items()},
            "made": self.made,
            "seconds": round(self.seconds, 3),
            "model_seconds": round(self.model_seconds, 3),
            "damaged": self.damaged,
            "stopped": self.stopped,
            "written": {name: report.to_dict() for name, report in self.reports.items()},
        }

    def __str__(self) -> str:
        """The summary for people."""
        done = self.photos - self.failures
        lines = [f"{_counted(done, 'photo')} annotated with {_counted(self.objects, 'object')}"]
        if self.empty:
            lines[0] += f", {self.empty} of them with none"
        if self.failures:
            lines[0] += f"; {self.failures} failed"
        if self.made:
            lines.append(
                f"{_counted(self.made, 'photo')} now, in {self.seconds:.1f} s ({self.made / max(self.seconds, 1e-9):.2f} a second); "
                f"the models worked for {self.model_seconds / max(self.seconds, 1e-9):.0%} of it"
            )
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.stages.items())
        if spent:
            lines.append(f"all photos: {spent}")
        for label, count in islice(self.classes.items(), 20):
            lines.append(f"  {label or '(no class)'}: {count}")
        if len(self.classes) > 20:
            lines.append(f"  and {len(self.classes) - 20} more classes")
        for reason, count in islice(self.reasons.items(), SHOWN):
            lines.append(f"failed, {_counted(count, 'photo')}: {reason}")
        if self.damaged:
            lines.append(f"{self.damaged} records of the journal were damaged; their photos were done again")
        lines += [str(report) for report in self.reports.values()]
        return "\n".join(lines)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


FAILURES_KEPT = 1000


def summarize(journal: Journal, **more: Any) -> Annotation:
    """Goes through a journal once and counts; `more` are the attributes of `Annotation` that are not in it."""
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
        photos=len(journal),
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
    """Why a photo failed, without its name, so that equal reasons are equal."""
    return str(record["reason"]).replace(record["name"], "…")


def model_seconds(timings: Mapping[str, float]) -> float:
    """The part of a record's timings that is the models' work."""
    return sum(seconds for stage, seconds in timings.items() if stage in MODEL_STAGES)


def first_failures(annotation: Annotation) -> Iterable[str]:
    """A line for each of the first photos that failed."""
    return (f"{name}: {reason}" for name, reason in islice(annotation.failed.items(), SHOWN))
