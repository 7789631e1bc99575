"""Folders of models as transformers saves them, which a user gives by path: no file of them is fetched here."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .._checks import absent_hint
from ..errors import MissingDependencyError, WeightsNotFoundError
from ..models.transformers.loading import CONFIG, INDEX, tensor_files
from ..registry import LoadRequest
from ..registry.spec import Engine, ModelSpec
from ..registry.weight_files import folder_hint
from ..results import Provenance
from ..weights.store import ModelWeights, file_sha256

MIN_VERSION = (5, 23)
"""Minimum version of transformers for SAM 3 and for the SAM family."""

_SMALL_FILES = ("preprocessor_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.json")
"""Files that describe the model input, and those of tokenizers."""


def class_of(name: str, what: str) -> Any:
    """Return a class of transformers by its name.

    Args:
        name: Name of the class, such as ``"Sam3Model"``.
        what: What needs it, for messages, such as ``"SAM 3"``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or lacks the class.
    """
    installed = version("transformers")
    least = ".".join(map(str, MIN_VERSION))
    told = f"{what} needs transformers {least} or later, installed is {installed}: pip install 'transformers>={least}'"
    if tuple(int(number) for number in re.findall(r"\d+", installed)[:2]) < MIN_VERSION:
        raise MissingDependencyError(told)
    try:
        import transformers

        return getattr(transformers, name)
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(f"{told}. {name} could not be imported: {error}") from error


def find_weights(path: Path, model: ModelSpec, engine: Engine) -> ModelWeights:
    """Return the files of a model in a folder that transformers saved: configuration, tensors, and those of the tokenizer that are there.

    Args:
        path: The folder.
        model: The model.
        engine: Engine of the model that runs the weights.

    Raises:
        WeightsNotFoundError: The folder does not exist, or files are missing in it.
        WeightsMismatchError: The list of its tensors is damaged.
    """
    if not path.is_dir():
        what = f"{path} is a file" if path.exists() else f"there is no folder {path}{absent_hint(path)}"
        raise WeightsNotFoundError(f"{what}: {folder_hint(model, engine)}")
    if not (path / CONFIG).is_file():
        raise WeightsNotFoundError(f"{path} has no {CONFIG}: {folder_hint(model, engine)}")
    tensors = tensor_files(path)
    others = [path / name for name in (CONFIG, INDEX, *_SMALL_FILES) if (path / name).is_file()]
    files = {part.name: part for part in [*others, *tensors]}
    return ModelWeights(files, {name: file_sha256(part) for name, part in files.items()})


def folder_of(request: LoadRequest) -> Path:
    """Return the folder of a load request's weights.

    Raises:
        WeightsNotFoundError: There are no weights. The message tells how to get them.
    """
    config = request.weights.files.get(CONFIG)
    if config is None:
        raise WeightsNotFoundError(
            f"the weights of model {request.model.name!r} are not fetched here: {folder_hint(request.model, request.engine)}"
        )
    return config.parent


def provenance_of(request: LoadRequest, device: torch.device, dtype: torch.dtype, package: str = "transformers") -> Provenance:
    """Return the provenance of a model of transformers, or of another package."""
    versions = ", ".join(f"{name} {version(name)}" for name in (package, "torch"))
    return request.provenance(versions, device.type, str(dtype).removeprefix("torch."))
