"""Parquet: one table with a row for each object, masks as compressed COCO run lengths. Exact. Needs the extra ``parquet``.

Columns: ``image``, ``height``, ``width``, ``object`` (key of the object in its image), ``label``, ``score``, ``ignored`` and ``counts``.
An image without objects has one row without ``counts``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..._install import install_extra
from ...errors import InputError, MissingDependencyError
from ...masks import Mask
from ..core import AnnotatedImage, AnnotatedObject, Dataset, Entry, read_score
from ..descriptor import FIT, Format, OutputVariant, Reader
from ..image_lookup import ImageLookup
from ..object_collector import ObjectCollector
from ..safe_names import text_name
from ..writer_base import SingleFileWriter, score_of

ROWS = 4096
"""Number of rows in a row group. This many rows are in memory at once."""


def read_parquet(images: str | os.PathLike[str], file: str | os.PathLike[str], *, fit: bool = False) -> Dataset:
    """Read a dataset from a Parquet table of masks, as `ParquetWriter` writes it.

    Args:
        images: Folder of the images.
        file: The Parquet file.
        fit: Fit masks of another size, or that were made before the EXIF orientation was applied, to their images.

    Raises:
        InputError: When the file is not such a table.
        MissingDependencyError: When pyarrow is not installed.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    _, parquet = _pyarrow()
    try:
        listed = parquet.read_table(Path(file), columns=_schema().names).to_pylist()
    except Exception as error:  # Arrow's exceptions derive from several built-in ones.
        raise InputError(f"{file} is not a Parquet table of masks: {error}") from error
    for row in listed:
        rows[str(row["image"])].append(row)
    entries, findings, lookup = [], [], ImageLookup(images)
    for stated in sorted(rows):
        name = lookup.find(stated)
        if name is None:
            findings.append(lookup.missing(stated, Path(file).name))
        else:
            entries.append(Entry(name, partial(_read, name, lookup.folder / name, rows[stated], Path(file).name, fit)))
    findings += lookup.findings()
    return Dataset(f"{images} with {file}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _read(name: str, image_file: Path, rows: list[dict[str, Any]], file: str, fit: bool) -> AnnotatedImage:
    collector = ObjectCollector(name, image_file, fit=fit)
    for index, row in enumerate(rows):
        if row["counts"] is None:
            continue
        key = row["object"] or f"at {index}"
        with collector.reading(key, f"object {key} of image {name} in {file}"):
            rle = {"size": [row["height"], row["width"]], "counts": row["counts"]}
            mask = Mask.from_coco_rle(rle, label=row["label"], score=read_score(row["score"]))
            if row["ignored"]:
                collector.ignore(mask)
            else:
                collector.add(key, mask)
    return collector.collected()


class ParquetWriter(SingleFileWriter):
    """Writer of ``masks.parquet``. Exact."""

    holds_ignored = True

    @property
    def output_path(self) -> Path:
        """The Parquet file."""
        return self.out / "masks.parquet"

    def check(self) -> None:
        """Check that pyarrow is installed, and that the file may be written."""
        _pyarrow()
        super().check()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Create the table."""
        _, parquet = _pyarrow()
        self._rows: list[dict[str, Any]] = []
        with self.new_file(self.output_path) as file, parquet.ParquetWriter(file, _schema(), compression="zstd") as self._table:
            yield
            self._flush()

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        for each in objects:
            self._row(image, text_name(each.name.removeprefix(f"{image.name}#")), each.mask)
            self.stats.wrote(each.mask, Mask.from_coco_rle(each.mask.to_coco_rle()))
        for number, mask in enumerate(image.ignored, 1):
            self._row(image, f"ignored {number}", mask, ignored=True)
        if not objects and not image.ignored:
            self._row(image, None, None)

    def _row(self, image: AnnotatedImage, key: str | None, mask: Mask | None, ignored: bool = False) -> None:
        height, width = image.size
        row: dict[str, Any] = {"image": text_name(image.name), "height": height, "width": width, "object": key, "ignored": ignored}
        if mask is not None:
            row |= {"label": mask.label, "score": score_of(mask), "counts": mask.counts.decode("ascii")}
        self._rows.append(row)
        if len(self._rows) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._table.write_table(_pyarrow()[0].Table.from_pylist(self._rows, schema=_schema()))
            self._rows = []


def _schema() -> Any:
    arrow, _ = _pyarrow()
    fields = {"image": arrow.string(), "height": arrow.int32(), "width": arrow.int32(), "object": arrow.string()}
    fields |= {"label": arrow.string(), "score": arrow.float64(), "ignored": arrow.bool_(), "counts": arrow.string()}
    return arrow.schema(list(fields.items()))


def _pyarrow() -> tuple[Any, Any]:
    """Import pyarrow and return the package and its Parquet module."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(f"Parquet needs pyarrow: {install_extra('parquet')}") from error
    return pa, parquet


FORMAT = Format(
    "parquet",
    "Parquet table of masks; needs the extra parquet",
    Reader(read_parquet, "Parquet table of masks", options={"fit": FIT}),
    (OutputVariant("parquet", "masks.parquet, run lengths", ParquetWriter),),
)
