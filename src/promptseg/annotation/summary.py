"""Summary of an annotation run: counts by class, failures by reason, seconds by stage, and written files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from .._counting import number_of
from ..datasets.class_numbers import NO_CLASS
from ..datasets.safe_names import text_name
from ..datasets.writing import WriteReport
from ..image_files import Unused
from ..masks import Size
from ..tiling.joining import Joined, told_cut
from .changes import Changes
from .corrected_output import CORRECTABLE, TakenIn
from .journal import Journal
from .overlays import OverlayReport

MODEL_STAGES = frozenset({"detect", "encode", "cache", "segment", "everything", "concept"})
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
        classes: Number of objects by class, the most frequent class first. Objects without a class are under ``"object"``, as in
            datasets. A phrase of the run for which nothing was found has 0.
        empty: Number of finished images without an object.
        without_data: Number of these that are tiles of a raster without any data. No model was asked about them.
        failed: Reasons of the failures by image name, for at most `FAILURES_KEPT` images.
        reasons: Number of failed images by reason, the most frequent reason first.
        stages: Seconds by stage, summed over all images and all hosts.
        processed: Number of images that this call annotated. The others were already in the journal.
        seconds: Seconds that this call took to annotate them.
        model_seconds: Seconds of these in which the models ran.
        damaged: Number of damaged lines in the journal. Images without a record are annotated again.
        changed: Names of images whose content changed since an earlier run. They were annotated again.
        changed_corrected: Names of images whose content changed after they had been corrected by hand. They were not annotated again.
        gone: Names of images of the journal that are not there any more. They are left out of the datasets.
        deleted: Names of those of `gone` that the source still lists, but whose files are gone.
        corrected: Number of images whose objects were corrected by hand, in this call or before.
        taken_in: Outcome of taking corrections in, or None when none were to be taken in.
        lost: Files with corrections that the journal does not have any more, by format, as paths in `out`. They can be taken in again.
        prompted: For how many images the prompts of the run are, and the number of all images, when some have prompts of their own.
        dropped: Number of prompts of the source that could not be used. The other prompts of their images were.
        problems: Why prompts could not be used, each with its image and its place in the source, for at most `FAILURES_KEPT` of them.
        stopped: Whether the run was stopped before all images were done.
        reports: Reports of the written datasets, by format.
        unused: Files that the source holds and that are no images of it.
        overlays: Report of the full-size overlays, or None when none were asked for.
        scene: ``(height, width)`` of the raster whose tiles are the images, or None. `objects` and `classes` then count the objects of the
            raster, joined across its tiles.
        cut: Number of objects that reach the border of their tile at every scale, so that a part may be missing.
        coarser: Scales of the run and a coarser one, for objects that are cut; empty if no tile can show more.
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
    changed: tuple[str, ...] = ()
    changed_corrected: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    corrected: int = 0
    taken_in: TakenIn | None = None
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prompted: tuple[int, int] | None = None
    dropped: int = 0
    problems: tuple[str, ...] = ()
    stopped: bool = False
    reports: Mapping[str, WriteReport] = field(default_factory=dict)
    unused: Unused = Unused()
    overlays: OverlayReport | None = None
    scene: Size | None = None
    cut: int = 0
    coarser: tuple[float, ...] = ()
    without_data: int = 0

    @property
    def unit(self) -> str:
        """What an image of the run is, for people: ``"image"``, or ``"tile"`` of a raster."""
        return "image" if self.scene is None else "tile"

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
            "changed": list(self.changed),
            "changed_corrected": list(self.changed_corrected),
            "gone": list(self.gone),
            "deleted": list(self.deleted),
            "corrected": self.corrected,
            "taken_in": None if self.taken_in is None else self.taken_in.to_dict(),
            "lost": {name: [text_name(file) for file in files] for name, files in self.lost.items()},
            "prompted": None if self.prompted is None else self.prompted[0],
            "dropped": self.dropped,
            "problems": list(self.problems),
            "stopped": self.stopped,
            "unused": dict(self.unused.counts),
            "written": {name: report.to_dict() for name, report in self.reports.items()},
            "overlays": None if self.overlays is None else self.overlays.to_dict(),
            **({} if self.scene is None else {"scene": list(self.scene), "cut": self.cut, "without_data": self.without_data}),
        }

    def __str__(self) -> str:
        """Return the summary as text."""
        done = self.images - self.failures
        lines = [f"{number_of(done, self.unit)} annotated with {number_of(self.objects, 'object')}"]
        if self.empty:
            lines[0] += f", {self.empty} of them without objects"
        if self.failures:
            lines[0] += f"; {self.failures} failed"
        if self.without_data:
            lines.append(f"{number_of(self.without_data, self.unit)} without data, not shown to a model")
            if self.without_data == done:
                lines.append("no tile has data: the value or mask of no data of the raster covers all that was read")
        if self.cut:
            scales = ",".join(f"{scale:g}" for scale in self.coarser)
            advice = f": add a coarser scale, such as --scale {scales}, in a new folder" if scales else ""
            lines.append(told_cut(self.cut) + advice)
        if self.processed:
            seconds = max(self.seconds, 1e-9)
            lines.append(
                f"{number_of(self.processed, self.unit)} now, in {self.seconds:.1f} s ({self.processed / seconds:.2f} a second); "
                f"the models ran for {self.model_seconds / seconds:.0%} of the time"
            )
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.stages.items())
        if spent:
            lines.append(f"all {self.unit}s: {spent}")
        for label, count in islice(self.classes.items(), 20):
            lines.append(f"  {label}: {count}")
        if len(self.classes) > 20:
            lines.append(f"  and {len(self.classes) - 20} more classes")
        for reason, count in islice(self.reasons.items(), SHOWN):
            lines.append(f"failed, {number_of(count, self.unit)}: {reason}")
        if self.corrected:
            now = "" if self.taken_in is None else f", {self.taken_in.images} of them taken in now from {self.taken_in.name}"
            lines.append(f"{number_of(self.corrected, 'image')} corrected by hand{now}")
        elif self.taken_in is not None:
            lines.append(f"{self.taken_in.name} has no corrections: its objects are those of the journal")
        if self.taken_in is not None and self.taken_in.problems:
            found = self.taken_in.problems
            waiting = number_of(len(set(self.taken_in.waiting)), "image")
            lines.append(f"{waiting} not taken in from {self.taken_in.name}: {_first(found, len(found), '; ')}")
        if self.taken_in is not None and self.taken_in.notes:
            found = self.taken_in.notes
            lines.append(f"{number_of(len(found), 'note')} on {self.taken_in.name}: {_first(found, len(found), '; ')}")
        if self.damaged and self.processed:
            lines.append(f"{number_of(self.damaged, 'line')} of the journal damaged; the {self.unit}s without a record were annotated now")
        for name, files in self.lost.items():
            place = f"{name}={self.out / files[-1]}" if ".by-hand-" in files[-1] else name
            lines.append(
                f"{number_of(len(files), 'file')} with corrections that the journal has lost: {_first(files, len(files))}; "
                f"until they are taken in again (--corrections {place}), the other formats hold the masks of the models"
            )
        if self.prompted is not None:
            lines.append(
                f"the prompts of the run are for {self.prompted[0]} of {number_of(self.prompted[1], 'image')}; the others have their own"
            )
        if self.dropped:
            lines.append(f"{number_of(self.dropped, 'prompt')} of the source dropped: {_first(self.problems, self.dropped, '; ')}")
        for names, what in (
            (self.changed, "changed since an earlier run, annotated again"),
            (self.changed_corrected, "changed since corrected by hand, not annotated again"),
            (tuple(name for name in self.gone if name not in self.deleted), "not in the source any more, left out"),
            (self.deleted, "left out, because the file is gone"),
        ):
            if names:
                lines.append(f"{number_of(len(names), self.unit)} {what}: {_first(names, len(names))}")
        if self.unused:
            lines.append(f"left out: {self.unused}")
        for name, report in self.reports.items():
            lines.append(str(report))
            if self.scene is None and report.kept and name in CORRECTABLE and (self.taken_in is None or self.taken_in.name != name):
                lines.append(
                    "  what is kept may hold other objects than those counted here; "
                    f"to take these changes in: the same run with --corrections {name} (corrections={name!r})"
                )
        if self.overlays is not None:
            lines.append(str(self.overlays))
        return "\n".join(lines)


def _first(names: Sequence[str], count: int, separator: str = ", ") -> str:
    more = [f"and {count - SHOWN} more"] if count > SHOWN else []
    return separator.join([*(text_name(name) for name in names[:SHOWN]), *more])


FAILURES_KEPT = 1000
"""Maximum number of failed images that a summary names."""


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
            reasons[general_reason(record)] += 1
            if len(failed) < FAILURES_KEPT:
                failed[record["name"]] = record["reason"]
            continue
        classes.update(mask["label"] or NO_CLASS for mask in record["masks"])
        empty += not record["masks"]
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


def general_reason(record: Mapping[str, Any]) -> str:
    """Return why an image failed, with its name replaced by ``…``, so that equal reasons can be counted."""
    return str(record["reason"]).replace(record["name"], "…")


def model_seconds(timings: Mapping[str, float]) -> float:
    """Return the seconds in the timings of a record in which a model ran."""
    return sum(seconds for stage, seconds in timings.items() if stage in MODEL_STAGES)


def first_failures(annotation: Annotation) -> Iterable[str]:
    """Return one line of text for each of the first failed images."""
    return (text_name(f"{name}: {reason}") for name, reason in islice(annotation.failed.items(), SHOWN))
