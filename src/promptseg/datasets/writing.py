"""Writing of annotated images in any supported format, in one pass, with a report on how exactly the masks were stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError, nearest
from ..runtime.files import output_errors
from .catalog import OUTPUT_VARIANTS, WRITABLE
from .core import AnnotatedImage
from .descriptor import check_options
from .writer_base import Classes, Writer, WriteStats


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
    folder, stats = Path(out), WriteStats()
    writer = _writer(name, folder, classes, stats, options)
    with output_errors(writer.output_path):
        folder.mkdir(parents=True, exist_ok=True)
        with writer.open():
            for image in images:
                writer.add(image)
    return _report(name, writer.output_path, stats)


def check_format(name: str, options: Mapping[str, Any]) -> None:
    """Check a format and its options without writing anything.

    Raises:
        ConfigError: When there is no such format, or the format does not have an option or does not allow its value.
    """
    _writer(name, Path(), (), WriteStats(), options)


def _writer(name: str, out: Path, classes: Sequence[str], stats: WriteStats, options: Mapping[str, Any]) -> Writer:
    if name not in OUTPUT_VARIANTS:
        raise ConfigError(f"there is no format {name!r}: expected one of {', '.join(WRITABLE)}.{nearest(name, WRITABLE)}")
    variant = OUTPUT_VARIANTS[name]
    check_options(name, options, variant.options, {other: each.options for other, each in OUTPUT_VARIANTS.items()})
    return variant.writer(out, Classes(classes), stats, **options)


def _report(name: str, path: Path, stats: WriteStats) -> WriteReport:
    notes = [f"{note} ({count} images)" for note, count in stats.notes.items()]
    if stats.ignored:
        notes.append(f"{stats.ignored} regions to ignore are left out: the format cannot hold them")
    return WriteReport(
        name,
        path,
        stats.files,
        stats.images,
        stats.masks,
        stats.iou_sum / stats.masks if stats.masks else 1.0,
        stats.iou_min,
        stats.changed,
        dict(stats.lost),
        tuple(notes),
    )
