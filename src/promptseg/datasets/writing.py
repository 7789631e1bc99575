"""Writing of annotated images in any supported format, in one pass, with a report on how exactly the masks were stored."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._counting import number_of
from ..errors import ConfigError, OutputError, nearest
from ..runtime.files import output_errors
from .catalog import OUTPUT_VARIANTS, WRITABLE
from .class_numbers import Classes
from .core import AnnotatedImage, Category
from .descriptor import check_options
from .safe_names import text_name
from .writer_base import SingleFileWriter, Writer, WriteStats


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
        kept: Files that were changed or added by hand since promptseg wrote them, and are kept as they are. In a folder their paths are
            relative to it.
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
    kept: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {**asdict(self), "path": str(self.path), "notes": list(self.notes), "kept": [text_name(name) for name in self.kept]}

    def __str__(self) -> str:
        """Return the report as text."""
        masks = f"{number_of(self.masks, 'mask')} on {number_of(self.images, 'image')}"
        lines = [f"{self.format}: {masks} in {text_name(str(self.path))} ({number_of(self.files, 'file')})"]
        if self.changed:
            differ = number_of(self.changed, "mask differs", "masks differ")
            lines.append(f"  {differ} from the originals: IoU {self.iou_mean:.4f} on average, at least {self.iou_min:.4f}")
        lines += [f"  {number_of(count, 'mask is', 'masks are')} lost: {reason}" for reason, count in self.lost.items()]
        if self.kept:
            were = "was changed by hand and is" if len(self.kept) == 1 else "were changed by hand and are"
            more = ", …" if len(self.kept) > _NAMED else ""
            lines.append(f"  {number_of(len(self.kept), 'file')} {were} kept: {', '.join(map(text_name, self.kept[:_NAMED]))}{more}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


_NAMED = 5
"""Maximum number of kept files that the text of a report names."""


def write(
    name: str,
    images: Iterable[AnnotatedImage],
    out: str | Path,
    /,
    *,
    classes: Sequence[str | Category] = (),
    taken_in: bool = False,
    **options: Any,
) -> WriteReport:
    """Write annotated images in a format, one by one, so that memory does not grow with their masks.

    The files get their final names when everything is written. The same images in the same order give the same bytes. Files that were
    changed or added by hand since promptseg wrote them are kept as they are, and listed in the report.

    Args:
        name: Name of the format, one of `promptseg.datasets.catalog.WRITABLE`.
        images: The images with their objects.
        out: Output folder, created when needed. Each format has its own file or folder in it, so it can hold several formats.
        classes: Classes in the order of their numbers, such as `Dataset.categories`. COCO keeps the number of a `Category`. Further classes
            follow in the order of their first appearance.
        taken_in: Whether the changes by hand are in `images` already. In a folder, the changed files stay and are not reported until they
            change again. A changed single file is saved beside the new one, as ``cvat.by-hand-1.xml``.
        **options: Options of the format: ``images`` (``"link"``, ``"copy"`` or ``"none"``) of ``yolo`` and ``yolo-seg``, ``coordinates``
            (``"auto"``, ``"pixels"`` or ``"world"``) of ``geojson``, ``address`` (the URL prefix of image names) of ``label-studio``,
            ``tolerance`` (the distance in pixels by which outlines may be simplified) of ``coco-polygons``, ``geojson``,
            ``labelme-polygons`` and ``yolo-seg``.

    Raises:
        ConfigError: When there is no such format, or the format does not have an option.
        OutputError: When a file cannot be written, or promptseg did not write what is there.
        MissingDependencyError: When the format needs a package that is not installed.
    """
    folder, stats = Path(out), WriteStats()
    writer = _writer(name, folder, classes, stats, options)
    writer.taken_in = taken_in
    _check_place(writer)
    with output_errors(writer.output_path):
        folder.mkdir(parents=True, exist_ok=True)
        with writer.open():
            for image in images:
                writer.add(image)
    return report_of(name, writer.output_path, stats)


def check_output(
    name: str,
    out: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    inputs: Iterable[str | Path] = (),
    images: str | Path | None = None,
) -> None:
    """Check everything about an output that can be known before its images: the format, its options, its packages and its place.

    Nothing is written, except that a replacement of a folder that was killed is completed.

    Args:
        name: Name of the format.
        out: Output folder. It need not exist.
        options: Options of the format.
        inputs: Files and folders that are read while the output is written. None may be the output's own file or folder, contain it or lie
            in it. Links are followed.
        images: Folder of the images that are read, or None. The output may lie in it, but not be it, and not contain it.

    Raises:
        ConfigError: When there is no such format, or the format does not have an option or does not allow its value.
        OutputError: When nothing can be written there, promptseg did not write what is there, or an input would be replaced.
        MissingDependencyError: When the format needs a package that is not installed.
    """
    writer = _writer(name, Path(out), (), WriteStats(), options or {})
    with output_errors(writer.output_path):
        if images is not None and _is_within(writer.out, Path(images)) and _is_within(Path(images), writer.out):
            raise OutputError(f"cannot write to {out}: it is the folder of the images, which is kept as it is: write to another folder")
        for path in (writer.output_path, *(writer.beside if isinstance(writer, SingleFileWriter) else ())):
            _check_inputs(path, inputs)
            if images is not None and _is_within(Path(images), path):
                raise OutputError(
                    f"cannot write {path}: in it lie the images {images}, which are kept as they are: write to another folder"
                )
    _check_place(writer)


def output_of(name: str, out: str | Path) -> Path:
    """Return the file or folder that a format writes in an output folder.

    Raises:
        ConfigError: When there is no such format.
    """
    return _writer(name, Path(out), (), WriteStats(), {}).output_path


def changed_by_hand(out: str | Path, name: str) -> tuple[str, ...]:
    """Return the files of a format that were changed or added by hand since promptseg wrote them, without those that were taken in.

    `write` keeps these files. Those of a folder are given by their paths in the folder. Without promptseg's record of what it wrote, all
    files count as changed.

    Args:
        out: Output folder.
        name: Name of the format.

    Raises:
        ConfigError: When there is no such format.
        OutputError: When a file cannot be read.
    """
    writer = _writer(name, Path(out), (), WriteStats(), {})
    with output_errors(writer.output_path):
        return writer.changes()


def _check_inputs(path: Path, inputs: Iterable[str | Path]) -> None:
    """Check that an output replaces none of the inputs, and is not put into one."""
    for known in map(Path, inputs):
        if _is_within(path, known):
            how = "it is the input" if _is_within(known, path) else "it lies in the input"
        elif _is_within(known, path):
            how = "in it lies the input"
        else:
            continue
        raise OutputError(f"cannot write {path}: {how} {known}, which is kept as it is: write to another folder")


def _is_within(path: Path, folder: Path) -> bool:
    """Return whether a path, which need not exist, is a folder or file or lies in it, also by links or another spelling."""
    real = Path(os.path.realpath(path))  # A link to itself is no error here.
    try:
        return any(each.exists() and each.samefile(folder) for each in (real, *real.parents))
    except (OSError, ValueError):  # There is no such folder, or it has a name that none can have.
        return False


def _check_place(writer: Writer) -> None:
    with output_errors(writer.output_path):
        writer.check()
        existing = next(folder for folder in (writer.out.absolute(), *writer.out.absolute().parents) if folder.exists())
        tempfile.TemporaryFile(dir=existing).close()


def check_format(name: str, options: Mapping[str, Any]) -> None:
    """Check a format and its options without writing anything.

    Raises:
        ConfigError: When there is no such format, or the format does not have an option or does not allow its value.
    """
    _writer(name, Path(), (), WriteStats(), options)


def _writer(name: str, out: Path, classes: Sequence[str | Category], stats: WriteStats, options: Mapping[str, Any]) -> Writer:
    if name not in OUTPUT_VARIANTS:
        raise ConfigError(f"there is no format {name!r}: expected one of {', '.join(WRITABLE)}.{nearest(name, WRITABLE)}")
    variant = OUTPUT_VARIANTS[name]
    check_options(name, options, variant.options, {other: each.options for other, each in OUTPUT_VARIANTS.items()})
    values = {option: variant.options[option].value(given) for option, given in options.items()}
    return variant.writer(out, Classes(classes), stats, **values)


def not_in_files(count: int, what: str) -> str:
    """Return the sentence about values of objects, such as ``"score"``, that a format cannot hold."""
    return f"{number_of(count, f'{what} is', f'{what}s are')} not in the files: the format cannot hold them"


def report_of(name: str, path: Path, stats: WriteStats) -> WriteReport:
    """Return the report of a file or folder from what was counted while it was written.

    Args:
        name: Name of the format.
        path: The written file, or the folder of the files.
        stats: The counts.
    """
    notes = [f"{note} ({number_of(count, 'image')})" for note, count in stats.notes.items()]
    notes += [f"{number_of(count, *what)}: {example}" for what, (count, example) in stats.examples.items()]
    if stats.ignored:
        notes.append(f"{number_of(stats.ignored, 'region to ignore is', 'regions to ignore are')} left out: the format cannot hold them")
    notes += [not_in_files(count, what) for what, count in (("score", stats.scores), ("attribute", stats.attributes)) if count]
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
        tuple(stats.kept),
    )
