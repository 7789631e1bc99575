"""Weights of Grounding DINO that a user gives by path, under any file names."""

from __future__ import annotations

from pathlib import Path

from .._checks import absent_hint
from ..errors import WeightsNotFoundError
from ..models.grounding_dino.files import VOCABULARIES
from ..registry.spec import Engine, ModelSpec
from ..weights.store import ModelWeights, fetch_weights, file_sha256


def find_weights(path: Path, model: ModelSpec, engine: Engine) -> ModelWeights:
    """Return the weights at a path: an original checkpoint, a folder with one, or a folder that transformers saved.

    The vocabulary is taken from the same folder. If the folder has none, the published vocabulary is taken from the cache, or fetched.

    Args:
        path: Checkpoint or folder.
        model: The model.
        engine: Engine of the model that runs the weights.

    Raises:
        WeightsNotFoundError: The path does not exist, or files are missing in the folder.
        WeightsError: The vocabulary cannot be fetched.
    """
    if path.is_dir():
        parts = _parts_in(path, engine)
        folder = path
    elif path.is_file():
        parts, folder = [path], path.parent
    else:
        raise WeightsNotFoundError(f"there is no weights file {path}{absent_hint(path)}")
    vocabulary = next((folder / name for name in VOCABULARIES if (folder / name).is_file()), None)
    if vocabulary is None:
        cataloged = [file for file in engine.files if file.name in VOCABULARIES]
        if not cataloged:
            raise WeightsNotFoundError(f"{folder} has no vocabulary: expected {' or '.join(VOCABULARIES)} beside the tensors")
        (vocabulary,) = fetch_weights(model.name, cataloged).files.values()
    files = {part.name: part for part in [*parts, vocabulary]}
    return ModelWeights(files, {name: file_sha256(part) for name, part in files.items()})


def _parts_in(folder: Path, engine: Engine) -> list[Path]:
    """Return the weight files in a folder, without the vocabulary.

    Raises:
        WeightsNotFoundError: Files are missing.
    """
    published = [folder / file.name for file in engine.files if file.name not in VOCABULARIES]
    if all(path.is_file() for path in published):
        return published
    tensors = sorted(folder.glob("*.safetensors"))
    if tensors and (folder / "config.json").is_file():
        return [folder / "config.json", *tensors]
    names = ", ".join(path.name for path in published)
    raise WeightsNotFoundError(
        f"{folder} contains neither {names} nor the config.json and .safetensors files of a model that transformers saved"
    )
