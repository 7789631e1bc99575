"""Writing of annotated images in any supported format, in one pass, with a report on how exactly the masks were stored."""

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
    """Counts of the written files, images and masks, and the agreement of the written masks with the originals.

    Attributes:
        format: Name of the format.
        path: The written file, or the folder of the files.
        files: Number of files.
        images: Number of images in them.
        masks: Number of masks in them.
        iou_mean: Mean IoU of the masks read back from the files with the original masks. 1 when there are no masks.
        iou_min: Minimum of these IoUs.
        changed: Number of masks that differ from the original.
        lost: Number of masks that are not in the files, by reason.
        notes: Further notes for users of the files.
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
        """Return the report as plain values for JSON."""
        return {**asdict(self), "path": str(self.path), "notes": list(self.notes)}

    def __str__(self) -> str:
        """Return the report as text."""
        lines = [f"{self.format}: {self.masks} masks on {self.images} images in {self.path} ({_files(self.files)})"]
        if self.changed:
            lines.append(
                f"  {self.changed} masks differ from the originals: IoU {self.iou_mean:.4f} on average, at least {self.iou_min:.4f}"
            )
        lines += [f"  {count} masks are lost: {reason}" for reason, count in self.lost.items()]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def write(name: str, images: Iterable[AnnotatedImage], out: str | Path, /, *, classes: Sequence[str] = (), **options: Any) -> WriteReport:
    """Write annotated images in a format, one by one, so that memory does not grow with their number.

    The files get their final names when everything is written. The same images in the same order give the same bytes.

    Args:
        name: Name of the format, one of `promptseg.datasets.catalog.WRITABLE`.
        images: The images with their objects.
        out: Output folder, created when needed. Each format has its own file or folder in it, so it can hold several formats.
        classes: Classes in the order of their numbers. Further classes follow in the order of their first appearance.
        **options: Options of the format: ``images`` (``"link"``, ``"copy"`` or ``"none"``) of ``yolo`` and ``yolo-seg``, ``coordinates``
            (``"auto"``, ``"pixels"`` or ``"world"``) of ``geojson``, ``address`` (the URL prefix of image names) of ``label-studio``.

    Raises:
        ConfigError: When there is no such format, or the format does not have an option.
        OutputError: When a file cannot be written, or the folder holds files that promptseg did not write.
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
    """Check a format and its options without writing anything.

    Raises:
        ConfigError: When there is no such format, or the format does not have an option or does not allow its value.
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
        notes.append(f"{tally.ignored} regions to ignore are left out: the format cannot hold them")
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
