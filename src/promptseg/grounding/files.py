"""Where the parts of a Grounding DINO are: in the catalogue's files, or in what a user gives in place of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsNotFoundError
from ..registry.spec import Engine, ModelSpec
from ..weights import ModelWeights, fetch_weights, file_sha256

VOCABULARIES = ("vocab.txt", "tokenizer.json")
"""Files that hold the vocabulary; the first that is there is read."""


@dataclass(frozen=True)
class Layout:
    """The parts of a model on this machine.

    Attributes:
        folder: The folder of the weights.
        checkpoint: The original checkpoint in it, or None where transformers saved the model there.
        vocabulary: ``vocab.txt`` or ``tokenizer.json``.
    """

    folder: Path
    checkpoint: Path | None
    vocabulary: Path


def layout_of(weights: ModelWeights) -> Layout:
    """The layout of weights that were fetched, or given through `given`."""
    vocabulary = next(path for path in weights.files.values() if path.name in VOCABULARIES)
    config = weights.files.get("config.json")
    if config is not None:
        return Layout(config.parent, None, vocabulary)
    checkpoint = next(path for path in weights.files.values() if path.name not in VOCABULARIES)
    return Layout(checkpoint.parent, checkpoint, vocabulary)


def given(path: Path, model: ModelSpec, engine: Engine) -> ModelWeights:
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
        catalogued = [file for file in engine.files if file.name in VOCABULARIES]
        (vocabulary,) = fetch_weights(model.name, catalogued).files.values()
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
