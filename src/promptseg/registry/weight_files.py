"""Local weight files of a choice: published ones, the user's own, or those in a folder that promptseg wrote."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import WeightsError, WeightsMismatchError, WeightsNotFoundError
from ..weights.hub_client import GATED
from ..weights.store import ModelWeights, fetch_weights, file_sha256, given_weights, recognized_weights
from .catalog import backends
from .folders import hub_checkpoint, hub_contents, is_on_hub, named_model
from .manifest import Manifest
from .spec import BackendSpec, Choice, Engine, ModelSpec


def fetch(name: str, engine: str | None = None) -> ModelWeights:
    """Fetch a model's published weights if they are not cached, verify them and prepare them for the backend.

    Of a folder on the Hugging Face hub, the newest commit of the branch is fetched, and used from then on.

    Args:
        name: Name of a model in the catalog, or of a folder on the hub, such as ``"hf:owner/name"``.
        engine: Name of the engine; None for the first.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: There is no such engine.
        WeightsError: The weights are not available.
    """
    model = named_model(name, anew=True)
    chosen = model.engine(engine)
    return _published(model, chosen, backends().get(chosen.backend), anew=True)


def weights_of(choice: Choice) -> ModelWeights:
    """Return the local weights of a choice. Published weights are fetched if they are not cached.

    Raises:
        WeightsError: The weights are not available, or do not match the manifest of their folder.
    """
    if choice.weights is None:
        return _published(choice.model, choice.engine, choice.backend)
    if choice.manifest is None:
        return _own(choice, choice.weights)
    return _written(choice, choice.weights, choice.manifest)


def folder_hint(model: ModelSpec, engine: Engine, *, gate: bool = True) -> str:
    """Return how to get and to give the weights of a model that is a folder, or a checkpoint in a repository.

    Args:
        model: The model.
        engine: Its engine.
        gate: Whether to say how to get access to a gated repository.
    """
    checkpoint = hub_checkpoint(engine)
    wanted = " ".join([str(engine.repository), *([checkpoint, f"--revision {engine.revision}"] if checkpoint else [])])
    get = f"get it with `hf download {wanted} --local-dir FOLDER`, and " if engine.repository else ""
    if engine.gated and gate:
        get = f"accept its license ({model.license}) at https://huggingface.co/{engine.repository}, log in with `hf auth login`, {get}"
    given = f"{get}give it as weights=FOLDER or {model.name.partition('=')[0]}=FOLDER"
    if checkpoint:
        return f"the model is the file {checkpoint}, as on the Hugging Face hub: {given}"
    onnx = any(folder.onnx and folder.variant == engine.variant for folder in getattr(backends().get(engine.backend), "folders", ()))
    files = "ONNX files as transformers.js reads them" if onnx else "config.json and model.safetensors"
    return f"the model is a folder with {files}, as on the Hugging Face hub: {given}"


def resolve(dotted: str) -> Any:
    """Return the object at ``"module:name"``."""
    module, _, attribute = dotted.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _published(model: ModelSpec, engine: Engine, backend: BackendSpec | None, *, anew: bool = False) -> ModelWeights:
    """Return an engine's published weights, prepared by its backend. None for a backend that this version does not have."""
    weights = _on_hub(model, engine, backend, anew=anew) if is_on_hub(engine) else fetch_weights(model.name, engine.files)
    if backend and backend.prepare and not backend.missing():
        with contextlib.suppress(OSError):  # If the cache cannot be written, the backend prepares the weights at each load.
            resolve(backend.prepare)(weights)
    return weights


def _on_hub(model: ModelSpec, engine: Engine, backend: BackendSpec | None, *, anew: bool) -> ModelWeights:
    """Return the weights in the folder of an engine on the Hugging Face hub."""
    try:
        there, contents = hub_contents(engine, anew=anew)
        folder = there.fetch(contents)
    except WeightsError as error:
        kind = WeightsNotFoundError if type(error) is WeightsError else type(error)
        by_hand = f"Or give a folder that you have: {folder_hint(model, engine, gate=GATED not in str(error))}"
        raise kind(f"the weights of model {model.name!r} could not be fetched: {error}. {by_hand}") from error
    return _in_folder(folder, contents, model, engine, backend)


def _in_folder(folder: Path, contents: Sequence[str], model: ModelSpec, engine: Engine, backend: BackendSpec | None) -> ModelWeights:
    """Return the weights in a folder that was recognized: those that the backend finds there, or the given files of it."""
    if backend is not None and backend.find_weights is not None:
        found: ModelWeights = resolve(backend.find_weights)(folder, model, replace(engine, contents=tuple(contents)))
        return found
    files = {PurePosixPath(name).name: folder / name for name in contents}
    return ModelWeights(files, {name: file_sha256(path) for name, path in files.items()})


def _own(choice: Choice, path: Path) -> ModelWeights:
    """Return a user's own weights.

    A backend may read them itself. Otherwise the files have the names of the catalog, or any names if the backend recognizes the files.
    """
    if choice.backend.find_weights is not None or choice.engine.contents:
        return _in_folder(path, choice.engine.contents, choice.model, choice.engine, choice.backend)
    checkpoint, recognizes = choice.engine.checkpoint, choice.backend.recognizes
    names = choice.engine.names_in(path) or ((checkpoint,) if checkpoint else ())
    if path.is_dir() and recognizes and not (names and all((path / name).is_file() for name in names)):
        return recognized_weights(path, recognizes)
    return given_weights(path, names)


def _written(choice: Choice, folder: Path, manifest: Manifest) -> ModelWeights:
    """Return the files of a folder that promptseg wrote, checked against its manifest, and the files of their base model."""
    weights = given_weights(folder, list(manifest.sha256))
    if manifest.base:
        base = _base(choice.model, manifest, folder)
        weights = ModelWeights({**base.files, **weights.files}, {**base.sha256, **weights.sha256})
    changed = [str(weights.files[file.name]) for file in choice.engine.files if weights.sha256[file.name] != file.sha256]
    if changed:
        raise WeightsMismatchError(f"{', '.join(changed)} changed since the folder was written: export or fine-tune the model again")
    return weights


def _base(model: ModelSpec, manifest: Manifest, folder: Path) -> ModelWeights:
    """Return the weights of the base model of a fine-tuned decoder: from its folder, from their path at that time, or published."""
    for paths in ({name: folder / name for name in manifest.base}, {name: Path(path) for name, path in manifest.base_paths.items()}):
        if paths.keys() == manifest.base.keys() and all(path.is_file() for path in paths.values()):
            return ModelWeights(paths, {name: file_sha256(path) for name, path in paths.items()})
    for engine in model.engines:
        if {file.name: file.sha256 for file in engine.files} == manifest.base:
            return _published(model, engine, backends().get(engine.backend))
    missing = ", ".join(manifest.base_paths.values()) or ", ".join(manifest.base)
    raise WeightsNotFoundError(
        f"{folder} needs the weights of its base model, and {missing} is not there: put a copy into {folder}, as {', '.join(manifest.base)}"
    )
