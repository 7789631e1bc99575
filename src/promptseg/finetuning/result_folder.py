"""The folder of a fine-tuned decoder: the decoder, its manifest, the training record and the log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._checks import is_number, is_whole_number
from ..errors import ConfigError, InputError
from ..registry import manifest
from ..registry.folders import is_on_hub
from ..registry.manifest import RECORD
from ..registry.spec import LoadRequest
from ..runtime.files import output_errors, write_folder
from ..runtime.structured import read_json
from ..weights.store import DECODER, ENCODER, file_sha256
from .data import Example
from .result import FineTuned

if TYPE_CHECKING:
    from torch import Tensor

    from .train import Outcome, TrainingConfig

LOG = "training.jsonl"
"""Name of the log: one line per epoch, the first for the base model."""


def log_text(log: Sequence[Mapping[str, Any]]) -> str:
    """Return the log as JSON lines."""
    return "".join(json.dumps(entry) + "\n" for entry in log)


def write_result(
    folder: Path,
    request: LoadRequest,
    own: Path | None,
    files: Mapping[str, Mapping[str, Tensor]],
    log: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
) -> None:
    """Write the tensors of each file, the record and the log. An image encoder in the base model's folder is copied.

    Args:
        folder: The folder.
        request: Request of the base model.
        own: Path of the user's own weights of the base model, or None.
        files: Tensors by name for each file.
        log: One entry per epoch.
        record: The training record, from `training_record`.

    Raises:
        OutputError: A file cannot be written.
    """
    from .tensor_files import save_tensors

    base = {name: sha256 for name, sha256 in request.weights.sha256.items() if name not in (DECODER, ENCODER)}
    elsewhere = own is not None or is_on_hub(request.engine)  # Else they are those of the catalog, which are fetched again.
    paths = {name: str(request.weights.files[name].absolute()) for name in base} if elsewhere else {}
    with output_errors(folder), write_folder(folder, last=manifest.NAME) as place:
        for name, tensors in files.items():
            save_tensors(tensors, place / name, {"format": "pt", "license": request.model.license})
        if ENCODER in request.weights.files and ENCODER not in files:
            shutil.copyfile(request.weights.files[ENCODER], place / ENCODER)
        (place / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        (place / LOG).write_text(log_text(log), "utf-8")
        digests = {name: file_sha256(place / name) for name in (DECODER, ENCODER) if (place / name).is_file()}
        manifest.Manifest(
            request.model.name, request.engine.backend, request.engine.variant, digests, request.engine.name, base, paths
        ).write(place)


def training_record(
    request: LoadRequest,
    examples: Sequence[Example],
    sides: tuple[list[int], list[int]],
    config: TrainingConfig,
    outcome: Outcome,
    parameters: int,
    run: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the training record, with images, settings and figures, as plain values.

    Args:
        request: Request of the base model.
        examples: Training and validation images.
        sides: Indices of the training images, and of the validation images.
        config: Settings of the training.
        outcome: Result of the training.
        parameters: Number of trained parameters.
        run: Plain values by name that identify the run.
        earlier: Record of the training that this one continued from, or None.
    """
    import torch

    def images(indices: Sequence[int]) -> list[dict[str, str]]:
        return [{"image": examples[index].name, "sha256": examples[index].content} for index in indices]

    return {
        "model": request.model.name,
        "license": request.model.license,
        "weights": dict(request.weights.sha256),
        "torch": torch.__version__,
        "settings": asdict(config),
        "run": dict(run),
        "parameters": parameters,
        "train": images(sides[0]),
        "validation": images(sides[1]),
        "best_epoch": outcome.best_epoch,
        "stopped": outcome.stopped,
        "epochs": list(outcome.log),
        "earlier": earlier,
    }


def result_of(folder: Path, license_: str, record: Mapping[str, Any], *, seconds: float = 0.0, encoded: int = 0) -> FineTuned:
    """Return the result that a training record describes.

    Args:
        folder: The folder of the record.
        license_: SPDX identifier of the license of the base model's weights.
        record: The training record.
        seconds: Seconds of training in this call.
        encoded: Number of images that were encoded in this call.
    """
    log, best = record["epochs"], record["best_epoch"]
    kinds = [name for name in log[0] if name.startswith("iou_")]
    return FineTuned(
        record["model"],
        folder,
        license_,
        (len(record["train"]), len(record["validation"])),
        record["parameters"],
        int(log[-1]["epoch"]),
        best,
        {name.removeprefix("iou_"): (log[0][name], log[best][name]) for name in kinds},
        record["stopped"],
        seconds,
        encoded,
    )


def finished_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of the finished training in a folder, or None if there is none.

    Raises:
        ConfigError: The result is damaged.
        WeightsError: The manifest is damaged.
    """
    found = manifest.read(folder)
    if found is None or DECODER not in found.sha256:
        return None
    try:
        record = _checked(read_json(folder / RECORD), folder / RECORD)
        damaged = [name for name, sha256 in found.sha256.items() if file_sha256(folder / name) != sha256]
    except (InputError, OSError) as error:
        raise ConfigError(f"{folder} holds a damaged result: {error}. {_WAYS_OUT}") from error
    if damaged:
        raise ConfigError(f"{folder} holds a damaged result: {damaged[0]} changed since it was written. {_WAYS_OUT}")
    return record


def _checked(record: Any, path: Path) -> dict[str, Any]:
    """Return a training record that has what `result_of` and `check_same_run` need.

    Raises:
        InputError: It lacks something, or a value is of another kind.
    """
    wrong = (
        ["it"] if not isinstance(record, dict) else [name for name, kind in _KINDS.items() if not isinstance(record.get(name, ...), kind)]
    )
    if not wrong:
        log, best = record["epochs"], record["best_epoch"]
        if not log or not all(map(_is_epoch, log)) or any(not log[0].keys() <= each.keys() for each in log):
            wrong.append("epochs")
        elif not is_whole_number(best, 0) or best >= len(log):
            wrong.append("best_epoch")
    if wrong:
        raise InputError(f"{path.name} is not a training record as promptseg writes it: {wrong[0]} is not as expected")
    return cast("dict[str, Any]", record)


def _is_epoch(entry: Any) -> bool:
    if not isinstance(entry, dict) or not is_whole_number(entry.get("epoch"), 0):
        return False
    return all(is_number(value) for name, value in entry.items() if name.startswith("iou_"))


def check_same_run(folder: Path, record: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Check that a finished training is of a run.

    Raises:
        ConfigError: It is of another run; the message says what differs.
    """
    theirs = record["run"]
    differing = [name for name in {**theirs, **run} if theirs.get(name) != run.get(name)]
    if differing:
        there, here = (", ".join(f"{name} is {one.get(name)}" for name in differing) for one in (theirs, run))
        raise ConfigError(f"{folder} holds another training: there {there}, here {here}. {_WAYS_OUT}")


def earlier_record(request: LoadRequest) -> dict[str, Any] | None:
    """Return the record of the training that weights come from, or None if they were not fine-tuned.

    Raises:
        InputError: The record cannot be read.
    """
    decoder = request.weights.files.get(DECODER)
    if decoder is None or not decoder.with_name(RECORD).is_file():
        return None
    path = decoder.with_name(RECORD)
    try:
        return _checked(read_json(path), path)
    except InputError as error:
        raise InputError(f"{decoder.parent} was fine-tuned, and its record is damaged: {error}") from error


_KINDS: Mapping[str, Any] = {
    "model": str,
    "run": dict,
    "parameters": int,
    "train": list,
    "validation": list,
    "epochs": list,
    "best_epoch": int,
    "stopped": (str, type(None)),
}
"""Types of the members of a training record that are used when it is read."""

_WAYS_OUT = "Give another folder, or overwrite=True (--overwrite)"
