"""Fuzz targets of saved evaluations and of records of trainings."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import tempfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import numpy as np
from fuzz_inputs import annotated, changed, images

import promptseg as ps
from promptseg.calibration.features import FEATURES
from promptseg.calibration.scores import ScoreCalibration
from promptseg.datasets.core import Dataset, Entry
from promptseg.evaluation import statistics
from promptseg.evaluation.comparison import compare
from promptseg.evaluation.results import Evaluation
from promptseg.evaluation.train_overlap import training_images
from promptseg.finetuning.result_folder import check_same_run, finished_record, result_of
from promptseg.testing import FakeConceptSegmenter, FakeSegmenter
from promptseg.testing.fuzzing import Target


def evaluation_targets() -> list[Target]:
    """Return the targets of saved evaluations and of records of trainings."""
    records = {"training.json": json.dumps(_TRAINING), "promptseg.json": json.dumps(_MANIFEST)}
    return [
        Target("evaluations", _make_evaluation, _read_evaluation, None, 0.15),
        Target("training records", _make_record, lambda folder: training_images([folder / "training.json"])),
        Target("calibrations of scores", _make_calibration, _read_calibration),
        Target("finished trainings", lambda random: _make_training(records, random), _read_training),
    ]


@functools.cache
def _evaluations() -> tuple[dict[str, Any], ...]:
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        images(folder)
        dataset = Dataset("made", tuple(Entry(one.name, functools.partial(_same, one)) for one in annotated(folder)))
        runs = [ps.evaluate(dataset, model=FakeSegmenter(radius=2.5), prompt=prompt) for prompt in ("box", "clicks:3", "point")]
        runs.append(ps.evaluate(dataset, model=FakeConceptSegmenter(radius=2.5), prompt="example:1", baselines=False))
    timed = [replace(run, images=tuple(replace(image, seconds=0.5) for image in run.images)) for run in runs]
    return tuple(run.to_dict() for run in timed)


def _same(image: Any) -> Any:
    return image


def _make_evaluation(random: Random) -> dict[str, bytes]:
    number = random.randrange(len(_evaluations()))
    content = dict(_evaluations()[number])
    # Most of the file are aggregates, which are not read.
    kept = {key: content[key] for key in _EVALUATION if key in content}
    return {"run.json": changed(json.dumps(kept if random.random() < 0.9 else content).encode(), "run.json", random), "n": b"%d" % number}


_EVALUATION = ("format", "model", "prompt", "seed", "data", "provenance", "findings", "per_object", "per_image", "per_concept")


def _read_evaluation(folder: Path) -> None:
    run = Evaluation.load(folder / "run.json")
    other = Evaluation.from_dict(_evaluations()[int((folder / "n").read_text())])
    with mock.patch.object(statistics, "RESAMPLES", 50):  # The intervals take most of the time.
        str(run)
        json.dumps(run.instances)
        run.save(folder / "again.json")
        str(compare([other, run, run] if run.rows[0].truth else [run, run]))
    if Evaluation.load(folder / "again.json").rows != run.rows:
        raise AssertionError("a run is saved as another one")
    for suffix in (".csv", ".parquet"):
        run.save_rows(folder / f"rows{suffix}")
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        if len(list(csv.reader(file))) != len(run.rows) + 1:
            raise AssertionError("a table has another number of rows than its run")
    for row in run.rows:
        _ = row.prompt
        if row.height * row.width < 1 << 22:
            _ = row.mask.array


def _make_calibration(random: Random) -> dict[str, bytes]:
    content = files("promptseg.calibration").joinpath("mini-sam.json").read_bytes()
    return {"scores.json": changed(content, "scores.json", random)}


def _read_calibration(folder: Path) -> None:
    calibration = ScoreCalibration.load(folder / "scores.json")
    calibration.save(folder / "again.json")
    if ScoreCalibration.load(folder / "again.json") != calibration:
        raise AssertionError("a calibration is saved as another one")
    features = np.array([np.zeros(len(FEATURES)), np.full(len(FEATURES), 1e9)])
    for regression in calibration.prompts.values():
        expected = regression.expected(features)
        if not ((expected >= 0) & (expected <= 1)).all():
            raise AssertionError(f"an IoU is expected that is none: {expected}")


_TRAINING: dict[str, Any] = {
    "model": "mobile-sam",
    "license": "Apache-2.0",
    "weights": {"mobile_sam.pt": "ab" * 32},
    "settings": {"epochs": 2},
    "run": {"model": "mobile-sam", "images": "cd" * 32, "epochs": 2},
    "parameters": 4058340,
    "train": [{"image": "a.png", "sha256": "01" * 32}, {"image": "b.png", "sha256": "02" * 32}],
    "validation": [{"image": "c.png", "sha256": "03" * 32}],
    "best_epoch": 1,
    "stopped": None,
    "epochs": [{"epoch": 0, "iou_box": 0.5, "iou_point": 0.4}, {"epoch": 1, "loss": 0.3, "iou_box": 0.7, "iou_point": 0.6}],
    "earlier": {"train": [{"image": "d.png", "sha256": "04" * 32}], "validation": [], "earlier": None},
}

_DECODER = b"tensors"
_MANIFEST = {
    "model": "mobile-sam",
    "backend": "mobile_sam",
    "variant": "vit_t",
    "sha256": {"decoder.safetensors": hashlib.sha256(_DECODER).hexdigest()},
    "engine": "torch",
    "base": {"mobile_sam.pt": "ab" * 32},
    "base_paths": {},
}


def _make_training(records: dict[str, str], random: Random) -> dict[str, bytes]:
    files = {name: content.encode() for name, content in records.items()}
    name = random.choice(("training.json", "training.json", "promptseg.json"))
    files[name] = changed(files[name], name, random)
    return {**files, "decoder.safetensors": _DECODER}


def _read_training(folder: Path) -> None:
    record = finished_record(folder)
    if record is not None:
        result = result_of(folder, "Apache-2.0", record)
        str(result)
        json.dumps(result.to_dict())
        check_same_run(folder, record, _TRAINING["run"])


def _make_record(random: Random) -> dict[str, bytes]:
    return {"training.json": changed(json.dumps(_TRAINING).encode(), "training.json", random)}
