"""`Annotation`: the summary of an annotation run, as a value, as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from .._counting import number_of
from ..datasets.safe_names import text_name
from ..datasets.writing import WriteReport
from ..image_files import Unused
from ..masks import Size
from ..tiling.joining import told_cut
from .corrected_output import CORRECTABLE, TakenIn
from .overlays import OverlayReport

FAILURES_KEPT = 1000
"""Maximum number of failed images that a summary names."""

SHOWN = 5
"""Number of failures, reasons and names that are printed."""

SHOWN_CLASSES = 20
"""Number of classes that are printed."""


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
        parts = (_found, _times, _classes, _reasons, _corrections, _damage, _prompts, _left_out, _written)
        return "\n".join(line for part in parts for line in part(self))


def first_failures(done: Annotation) -> Iterable[str]:
    """Return one line of text for each of the first failed images."""
    return (text_name(f"{name}: {reason}") for name, reason in islice(done.failed.items(), SHOWN))


def _found(done: Annotation) -> Iterator[str]:
    """Yield what was annotated, and what of it may be missing."""
    finished = done.images - done.failures
    empty = f", {done.empty} of them without objects" if done.empty else ""
    failed = f"; {done.failures} failed" if done.failures else ""
    yield f"{number_of(finished, done.unit)} annotated with {number_of(done.objects, 'object')}{empty}{failed}"
    if done.without_data:
        yield f"{number_of(done.without_data, done.unit)} without data, not shown to a model"
        if done.without_data == finished:
            yield "no tile has data: the value or mask of no data of the raster covers all that was read"
    if done.cut:
        scales = ",".join(f"{scale:g}" for scale in done.coarser)
        yield told_cut(done.cut) + (f": add a coarser scale, such as --scale {scales}, in a new folder" if scales else "")


def _times(done: Annotation) -> Iterator[str]:
    if done.processed:
        seconds = max(done.seconds, 1e-9)
        yield (
            f"{number_of(done.processed, done.unit)} now, in {done.seconds:.1f} s ({done.processed / seconds:.2f} a second); "
            f"the models ran for {done.model_seconds / seconds:.0%} of the time"
        )
    if done.stages:
        yield f"all {done.unit}s: {', '.join(f'{stage} {seconds:.1f} s' for stage, seconds in done.stages.items())}"


def _classes(done: Annotation) -> Iterator[str]:
    for label, count in islice(done.classes.items(), SHOWN_CLASSES):
        yield f"  {label}: {count}"
    if len(done.classes) > SHOWN_CLASSES:
        yield f"  and {len(done.classes) - SHOWN_CLASSES} more classes"


def _reasons(done: Annotation) -> Iterator[str]:
    for reason, count in islice(done.reasons.items(), SHOWN):
        yield f"failed, {number_of(count, done.unit)}: {reason}"


def _corrections(done: Annotation) -> Iterator[str]:
    taken_in = done.taken_in
    if done.corrected:
        now = "" if taken_in is None else f", {taken_in.images} of them taken in now from {taken_in.name}"
        yield f"{number_of(done.corrected, 'image')} corrected by hand{now}"
    elif taken_in is not None:
        yield f"{taken_in.name} has no corrections: its objects are those of the journal"
    if taken_in is not None and taken_in.problems:
        waiting = number_of(len(set(taken_in.waiting)), "image")
        yield f"{waiting} not taken in from {taken_in.name}: {_first(taken_in.problems, separator='; ')}"
    if taken_in is not None and taken_in.notes:
        yield f"{number_of(len(taken_in.notes), 'note')} on {taken_in.name}: {_first(taken_in.notes, separator='; ')}"


def _damage(done: Annotation) -> Iterator[str]:
    """Yield what was damaged or lost since earlier runs."""
    if done.damaged and done.processed:
        yield f"{number_of(done.damaged, 'line')} of the journal damaged; the {done.unit}s without a record were annotated now"
    for name, files in done.lost.items():
        place = f"{name}={done.out / files[-1]}" if ".by-hand-" in files[-1] else name
        yield (
            f"{number_of(len(files), 'file')} with corrections that the journal has lost: {_first(files)}; "
            f"until they are taken in again (--corrections {place}), the other formats hold the masks of the models"
        )


def _prompts(done: Annotation) -> Iterator[str]:
    if done.prompted is not None:
        yield f"the prompts of the run are for {done.prompted[0]} of {number_of(done.prompted[1], 'image')}; the others have their own"
    if done.dropped:
        yield f"{number_of(done.dropped, 'prompt')} of the source dropped: {_first(done.problems, done.dropped, separator='; ')}"


def _left_out(done: Annotation) -> Iterator[str]:
    """Yield which images differ from those of an earlier run, and what the source holds beside images."""
    for names, what in (
        (done.changed, "changed since an earlier run, annotated again"),
        (done.changed_corrected, "changed since corrected by hand, not annotated again"),
        (tuple(name for name in done.gone if name not in done.deleted), "not in the source any more, left out"),
        (done.deleted, "left out, because the file is gone"),
    ):
        if names:
            yield f"{number_of(len(names), done.unit)} {what}: {_first(names)}"
    if done.unused:
        yield f"left out: {done.unused}"


def _written(done: Annotation) -> Iterator[str]:
    for name, report in done.reports.items():
        yield str(report)
        may_differ = done.scene is None and report.kept and name in CORRECTABLE
        if may_differ and (done.taken_in is None or done.taken_in.name != name):
            yield (
                "  what is kept may hold other objects than those counted here; "
                f"to take these changes in: the same run with --corrections {name} (corrections={name!r})"
            )
    if done.overlays is not None:
        yield str(done.overlays)


def _first(names: Sequence[str], count: int | None = None, *, separator: str = ", ") -> str:
    """Return the first names as text, and how many more there are.

    Args:
        names: The names, or the first of them.
        count: Number of all names, if `names` may be fewer.
        separator: What stands between two names.
    """
    further = (len(names) if count is None else count) - SHOWN
    return separator.join([*map(text_name, names[:SHOWN]), *([f"and {further} more"] if further > 0 else [])])
