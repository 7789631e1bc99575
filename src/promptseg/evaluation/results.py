"""Result of an evaluation: rows, aggregates and provenance. It can be saved, loaded, joined and compared."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from .._install import install_extra
from ..datasets.core import Finding
from ..errors import ConfigError, InputError, MissingDependencyError, OutputError, shown
from ..runtime.files import output_errors, write_atomically
from ..runtime.structured import read_json
from .aggregates import METRICS, Aggregates
from .concept_rows import ConceptRow, all_figures, check_concepts, figure_lines
from .row_checks import check_rows
from .rows import ImageRow, ObjectRow
from .tables import row_columns, summary_text

FORMAT = "promptseg-evaluation-1"
ROW_SUFFIXES = (".csv", ".parquet")
"""Suffixes of the files that `Evaluation.save_rows` writes."""


@dataclass(frozen=True)
class Evaluation(Aggregates):
    """Result of a model on a dataset with one prompt protocol.

    Attributes:
        provenance: The models, as returned by `promptseg.results.Provenance.to_dict`.
        findings: Problems of the dataset, such as images that could not be used.
        concepts: One row for each concept that was asked of an image. Empty unless the model is a concept segmenter.
    """

    provenance: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()
    concepts: tuple[ConceptRow, ...] = ()

    @cached_property
    def instances(self) -> dict[str, Any] | None:
        """Figures of the concepts, as `promptseg.evaluation.concept_rows.all_figures` has them; None without concepts."""
        return all_figures(self.concepts) if self.concepts else None

    def to_dict(self) -> dict[str, Any]:
        """Return aggregates and rows as values that `json` can write. `from_dict` reads them."""
        return {
            "format": FORMAT,
            "model": self.model,
            "prompt": self.prompt,
            "seed": self.seed,
            "data": self.data,
            "objects": len(self.rows),
            "images": len(self.images),
            "iou_mean": self.metrics["iou"].mean,
            "iou_std": self.metrics["iou"].std,
            "iou_ci95": self.metrics["iou"].to_dict()["ci95"],
            **{f"{name}_mean": self.metrics[name].mean for name in METRICS[1:]},
            "image_iou_mean": float(np.mean([image.iou for image in self.images])),
            "image_dice_mean": float(np.mean([image.dice for image in self.images])),
            "seconds_per_image": self.seconds_per_image,
            "images_cached": sum(image.cached for image in self.images),
            "metrics": {name: one.to_dict() for name, one in self.metrics.items()},
            "baselines": {name: {key: one.to_dict() for key, one in both.items()} for name, both in self.baselines.items()},
            "calibration": self.calibration,
            "selection": self.selection,
            "clicks": self.clicks,
            **({} if self.instances is None else {"instances": self.instances}),
            "by_size": {name: one.to_dict() for name, one in self.by(lambda row: row.size).items()},
            "by_class": {name: one.to_dict() for name, one in self.by(lambda row: row.label).items()},
            "provenance": [dict(one) for one in self.provenance],
            "findings": [asdict(finding) for finding in self.findings],
            "per_object": [asdict(row) for row in self.rows],
            "per_image": [asdict(image) for image in self.images],
            **({"per_concept": [asdict(row) for row in self.concepts]} if self.concepts else {}),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Evaluation:
        """Create an evaluation from the values that `to_dict` returned.

        Raises:
            InputError: When the values are not those of an evaluation.
        """
        try:
            if content["format"] != FORMAT:
                raise InputError(f"expected an evaluation in format {FORMAT!r}, got {shown(content['format'])}")
            read = cls(
                TypeAdapter(str).validate_python(content["model"]),
                TypeAdapter(str).validate_python(content["prompt"]),
                TypeAdapter(int).validate_python(content["seed"], strict=True),
                TypeAdapter(str).validate_python(content["data"]),
                TypeAdapter(tuple[ObjectRow, ...]).validate_python(content["per_object"]),
                TypeAdapter(tuple[ImageRow, ...]).validate_python(content["per_image"]),
                TypeAdapter(tuple[dict[str, Any], ...]).validate_python(content["provenance"]),
                TypeAdapter(tuple[Finding, ...]).validate_python(content["findings"]),
                TypeAdapter(tuple[ConceptRow, ...]).validate_python(content.get("per_concept", ())),
            )
        except (KeyError, TypeError) as error:
            raise InputError("not a run that promptseg evaluate --out saved") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = f"{'.'.join(map(str, first['loc']))} of its rows: " if first["loc"] else ""
            raise InputError(f"not a saved evaluation: {place}{first['msg']}, got {shown(first['input'])}") from error
        check_rows(read.prompt, read.rows, read.images)
        check_concepts(read.concepts)
        return read

    @classmethod
    def joined(cls, runs: Sequence[Evaluation], model: str) -> Evaluation:
        """Join runs on different images into one, such as the folds of a cross-validation.

        Args:
            runs: Runs with one protocol and seed.
            model: Name for the models of all runs together.

        Raises:
            ConfigError: When there is no run, or the runs differ in protocol or seed.
            InputError: When an image is in several runs.
        """
        protocols = {(run.prompt, run.seed) for run in runs}
        if len(protocols) != 1:
            given = ", ".join(f"{prompt!r} with seed {seed}" for prompt, seed in sorted(protocols))
            raise ConfigError(f"only runs with the same protocol and seed can be joined, got {given or 'no run'}")
        images = tuple(sorted((image for run in runs for image in run.images), key=lambda image: image.name))
        names = [image.name for image in images]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"only runs of different images can be joined, but {twice[0]} is in several")
        rows: dict[str, list[ObjectRow]] = {name: [] for name in names}
        for row in (row for run in runs for row in run.rows):
            rows[row.image].append(row)
        return cls(
            model,
            runs[0].prompt,
            runs[0].seed,
            ", ".join(dict.fromkeys(run.data for run in runs)),
            tuple(row for image in images for row in rows[image.name]),
            images,
            tuple(one for run in runs for one in run.provenance),
            tuple(dict.fromkeys(finding for run in runs for finding in run.findings)),
            tuple(row for run in runs for row in run.concepts),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write aggregates and rows as JSON, atomically.

        Raises:
            OutputError: When the file cannot be written.
        """
        file = Path(path)
        with output_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(file, text=True) as opened:
                json.dump(self.to_dict(), opened, indent=1)
                opened.write("\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Evaluation:
        """Read an evaluation that `save` wrote.

        Raises:
            InputError: When the file cannot be read or is not a saved evaluation.
        """
        content = read_json(Path(path))
        try:
            return cls.from_dict(content)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def save_rows(self, path: str | os.PathLike[str]) -> None:
        """Write one row per object as ``.csv`` or ``.parquet``. Each baseline has a column, and lists are JSON.

        Raises:
            OutputError: When the file cannot be written or has another suffix.
            MissingDependencyError: When the file is Parquet and pyarrow is not installed.
        """
        file = Path(path)
        check_row_format(file)
        columns = row_columns(self)
        with output_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix.lower() == ".parquet":
                import pyarrow as pa
                from pyarrow import parquet

                with write_atomically(file) as opened:
                    parquet.write_table(pa.table(columns), opened)
                return
            with write_atomically(file, text=True) as opened:
                writer = csv.writer(opened, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))

    def __str__(self) -> str:
        """Return the metrics as text."""
        return "\n".join([summary_text(self), *([] if self.instances is None else figure_lines(self.instances))])


def check_row_format(path: Path) -> None:
    """Check that rows can be written in the format of a path's suffix.

    Raises:
        OutputError: When the suffix is not one of `ROW_SUFFIXES`.
        MissingDependencyError: When the file is Parquet and pyarrow is not installed.
    """
    if path.suffix.lower() not in ROW_SUFFIXES:
        raise OutputError(f"cannot write {path}: rows are written as .csv or .parquet")
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow as pa  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(f"Parquet needs pyarrow: {install_extra('parquet')}, or write .csv") from error
