"""Annotated images in the formats of others, written in one pass, each with a report of what became of the masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError, nearest
from ..runtime.files import output_errors
from .catalog import FORMS, WRITABLE
from .core import AnnotatedImage
from .descriptor import check_options
from .writer import Classes, Tally, Writer


@dataclass(frozen=True)
class WriteReport:
    """What was written, and how it compares with what was given.

    Attributes:
        format: The format.
        path: The file, or the folder of the files.
        files: How many files there are.
        images: How many images are in them.
        masks: How many masks are in them.
        iou_mean: Mean IoU of the masks as they are read again with the masks as they were given; 1 where there are none.
        iou_min: The least of them.
        changed: How many masks are not exactly what they were.
        lost: How many masks are not in the files at all, by the reason.
        notes: What else whoever uses the files should know.
    """

    format: str
    path: Path
    files: int
    images: int
    masks: int
    iou_mean: float
    iou_min: float
    changed: int
    lost: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return {**asdict(self), "path": str(self.path), "notes": list(self.notes)}

    def __str__(self) -> str:
        """The report for people."""
        lines = [f"{self.format}: {self.masks} masks on {self.images} images in {self.path} ({_files(self.files)})"]
        if self.changed:
            lines.append(
                f"  {self.changed} masks are not exactly what they were: IoU {self.iou_mean:.4f} on average, at least {self.iou_min:.4f}"
            )
        lines += [f"  {count} masks are lost: {reason}" for reason, count in self.lost.items()]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def write(name: str, images: Iterable[AnnotatedImage], out: str | Path, *, classes: Sequence[str] = (), **options: Any) -> WriteReport:
    """Writes annotated images in a format, each image as it is reached: memory does not grow with their number.

    Files appear under their names when all is written. The same images in the same order give the same bytes.

    Args:
        name: The format, one of `promptseg.datasets.catalog.WRITABLE`.
        images: The images with their objects.
        out: Folder to write to; it is made. Each format has its own file or folder in it, so that several can stand side by side.
        classes: Classes whose order, and so whose numbers, are wanted; others follow in the order in which they are met.
        **options: Options of the format: ``photos`` (``"link"``, ``"copy"`` or ``"none"``) of YOLO's two, ``coordinates`` (``"auto"``,
            ``"pixels"`` or ``"world"``) of ``geojson``, ``address`` (what is before an image's name) of ``label-studio``.

    Raises:
        ConfigError: There is no such format, or it has no such option.
        OutputError: It cannot be written, or a folder of its name is there that promptseg did not write.
    """
    top, tally = Path(out), Tally()
    writer = _writer(name, top, classes, tally, options)
    with output_errors(writer.top):
        top.mkdir(parents=True, exist_ok=True)
        with writer.open():
            for image in images:
                writer.add(image)
    return _report(name, writer.top, tally)


def check_format(name: str, options: Mapping[str, Any]) -> None:
    """Refuses what `write` would refuse before it writes anything.

    Raises:
        ConfigError: There is no such format, or it has no such option or value of one.
    """
    _writer(name, Path(), (), Tally(), options)


def _writer(name: str, out: Path, classes: Sequence[str], tally: Tally, options: Mapping[str, Any]) -> Writer:
    if name not in FORMS:
        raise ConfigError(f"there is no format {name!r}: expected one of {', '.join(WRITABLE)}.{nearest(name, WRITABLE)}")
    form = FORMS[name]
    check_options(name, options, form.options, {other: each.options for other, each in FORMS.items()})
    return form.writer(out, Classes(classes), tally, **options)


def _report(name: str, path: Path, tally: Tally) -> WriteReport:
    notes = [f"{note} ({count} images)" for note, count in tally.notes.items()]
    if tally.ignored:
        notes.append(f"{tally.ignored} regions to ignore have no place in the format and are left out")
    return WriteReport(
        name,
        path,
        tally.files,
        tally.images,
        tally.masks,
        tally.iou_sum / tally.masks if tally.masks else 1.0,
        tally.iou_min,
        tally.changed,
        dict(tally.lost),
        tuple(notes),
    )
