"""A user's own weights of Grounding DINO, under whatever names they have."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsNotFoundError
from ..models.grounding_dino.files import VOCABULARIES
from ..registry.spec import Engine, ModelSpec
from ..weights.store import ModelWeights, fetch_weights, file_sha256


def find_weights(path: Path, model: ModelSpec, engine: Engine) -> ModelWeights:
    """A user's own weights: an original checkpoint, a folder with one, or a folder that transformers saved.

    A checkpoint is one file. The vocabulary is looked for beside it, and else in the cache, to which it is fetched where it is not there.

    Args:
        path: The file or folder.
        model: The model.
        engine: The engine that was chosen.

    Raises:
        WeightsNotFoundError: The path is not there, or the folder lacks something.
        WeightsError: The vocabulary cannot be had.
    """
    if path.is_dir():
        parts = _parts_in(path, engine)
        folder = path
    elif path.is_file():
        parts, folder = [path], path.parent
    else:
        raise WeightsNotFoundError(f"there is no weights file {path}")
    vocabulary = next((folder / name for name in VOCABULARIES if (folder / name).is_file()), None)
    if vocabulary is None:
        cataloged = [file for file in engine.files if file.name in VOCABULARIES]
        (vocabulary,) = fetch_weights(model.name, cataloged).files.values()
    files = {part.name: part for part in [*parts, vocabulary]}
    return ModelWeights(files, {name: file_sha256(part) for name, part in files.items()})


def _parts_in(folder: Path, engine: Engine) -> list[Path]:
    """The weights in a folder, without the vocabulary."""
    published = [folder / file.name for file in engine.files if file.name not in VOCABULARIES]
    if all(path.is_file() for path in published):
        return published
    tensors = sorted(folder.glob("*.safetensors"))
    if tensors and (folder / "config.json").is_file():
        return [folder / "config.json", *tensors]
    names = ", ".join(path.name for path in published)
    raise WeightsNotFoundError(f"{folder} holds neither {names} nor, as transformers saves a model, config.json and .safetensors files")
