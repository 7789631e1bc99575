"""Catalog of all backends and models by name: promptseg's own and those of installed packages."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from operator import itemgetter
from pathlib import Path, PurePath
from typing import Any, cast

from ..errors import ConfigError, UnknownModelError, nearest, shown
from ..runtime.memory import MemoryRequirement
from ..weights.store import WeightFile
from .builtin_backends import BUILT_IN
from .spec import BackendSpec, Engine, ModelSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


_ON_HUB = re.compile(r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/)?([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)/?", re.ASCII)
"""A folder on the Hugging Face hub, as others name it."""

_NO_FOLDER = " There is no such folder."

_LONGEST = 300


@lru_cache(maxsize=1)
def backends() -> Mapping[str, BackendSpec]:
    """Return all backends by name: promptseg's own, then those of installed packages (entry point group ``promptseg.backends``).

    An entry point that cannot be used is left out with a `RuntimeWarning` that names its package. The other backends stay usable.
    """
    found = {spec.name: spec for spec in BUILT_IN}
    for point in entry_points(group="promptseg.backends"):
        spec = _backend_at(point, found)
        if spec is not None:
            found[spec.name] = spec
    return found


def _backend_at(point: EntryPoint, found: Mapping[str, BackendSpec]) -> BackendSpec | None:
    """Return the backend of an entry point, or warn and return None."""
    package = point.dist.name if point.dist is not None else point.value
    where = f"the backend entry point {point.name!r} ({point.value}) of package {package!r}"
    try:
        spec = point.load()
    except Exception as error:  # A module of another package may raise anything, and must not disable the other backends.
        _left_out(f"{where} cannot be loaded: {type(error).__name__}: {error}")
        return None
    if not isinstance(spec, BackendSpec) or spec.name != point.name:
        _left_out(f"{where} must be a BackendSpec of that name, got {shown(spec)}")
        return None
    if spec.name in found:
        _left_out(f"{where} has the name of another backend: rename it or uninstall the package")
        return None
    return spec


def _left_out(problem: str) -> None:
    warnings.warn(f"{problem}. Its models are left out", RuntimeWarning, stacklevel=2)


@lru_cache(maxsize=1)
def list_models() -> Mapping[str, ModelSpec]:
    """Return all models by name: promptseg's own, then those that come with backends of installed packages.

    A model of an installed package whose name is taken is left out with a `RuntimeWarning`.
    """
    found = {name: _model(name, entry) for name, entry in _catalog().items()}
    for backend in backends().values():
        for model in backend.models:
            if model.name in found:
                _left_out(f"model {model.name!r} of backend {backend.name!r} has the name of another model")
            else:
                found[model.name] = model
    return found


def find_model(name: str) -> ModelSpec:
    """Return the model with a name.

    Raises:
        UnknownModelError: There is no such model. The message has the nearest names.
    """
    known = list_models()
    if not isinstance(name, str) or name not in known:
        file = PurePath(name) if isinstance(name, str) else PurePath()
        is_weights = file.suffix.lower() in (".onnx", ".pt", ".pth", ".safetensors")
        as_weights = f"with the name of their model, as NAME={shown(name)[1:-1]}."
        if is_weights:
            hint = f" Weights of your own are given {as_weights}"
        elif _is_folder(name) and Path(name).expanduser().joinpath("config.json").is_file():
            hint = " It is a folder: load and --model take its path, and there is nothing of it to list or fetch."
        elif _is_folder(name):
            hint = f" The folder has no config.json, and no ONNX files under known names. Weights in it are given {as_weights}"
        else:
            hint = _path_hint(name)
        near = "" if hint == _NO_FOLDER else nearest(file.stem if is_weights else name, known)
        if is_weights and file.suffix.lower() == ".onnx" and not near:
            near = " NAME may be onnx-detector, yolo or salient; of the folder of an encoder and a decoder it is onnx-sam."
        raise UnknownModelError(f"there is no model {shown(name)}.{hint}{near} To list all: promptseg models")
    return known[name]


def _is_folder(name: object) -> bool:
    try:
        return isinstance(name, str) and Path(name).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):  # No file system takes it, or it begins with the home of an unknown user.
        return False


def _path_hint(name: object) -> str:
    """Return that a path has no folder, and how to name a folder on the hub, for what looks like either; or an empty text."""
    if not isinstance(name, str) or len(name) > _LONGEST:
        return ""
    found = _ON_HUB.fullmatch(name)
    if found is not None:
        here = "" if "://" in name else f"{_NO_FOLDER} One"
        return f"{here or ' A folder'} on the Hugging Face hub is named hf:{found[1]}."
    return _NO_FOLDER if name.startswith((".", "~")) or "/" in name or os.sep in name else ""


def backend_for(model: ModelSpec, engine: Engine) -> BackendSpec:
    """Return the backend that runs an engine of a model.

    Raises:
        ConfigError: This version has no such backend, or the backend does not run the engine's variant.
    """
    known = backends()
    if engine.backend not in known:
        raise ConfigError(
            f"model {model.name!r} needs backend {engine.backend!r}, which this version does not have; it has: {', '.join(known)}"
        )
    backend = known[engine.backend]
    if backend.variants is not None and engine.variant not in backend.variants:
        raise ConfigError(
            f"model {model.name!r} with engine {engine.name!r} is of variant {engine.variant!r}, "
            f"which backend {backend.name!r} does not run yet; it runs: {', '.join(sorted(backend.variants))}"
        )
    return backend


def memory_requirement(model: ModelSpec, engine: Engine) -> MemoryRequirement:
    """Return the memory requirements of a model, and of the segmenters with the same engine that need less.

    Segmenters of the same backend come first. Larger ones come before smaller ones.
    """
    lighter = []
    for other in list_models().values():
        default = other.engines[0]
        if default.name == engine.name and default.memory is not None and default.memory < (engine.memory or 0):
            with contextlib.suppress(ConfigError):  # The catalog has models that this version cannot run yet.
                if backend_for(other, default).kind == "segmenter":
                    lighter.append((default.backend != engine.backend, -default.memory, _need(other, default)))
    return _need(model, engine, tuple(need for *_, need in sorted(lighter, key=itemgetter(0, 1))))


def _need(model: ModelSpec, engine: Engine, lighter: tuple[MemoryRequirement, ...] = ()) -> MemoryRequirement:
    return MemoryRequirement(model.name, engine.memory, sum(file.size or 0 for file in engine.files), lighter)


def _catalog() -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", tomllib.loads(files(__package__).joinpath("models.toml").read_text("utf-8")))


def _model(name: str, entry: Mapping[str, Any]) -> ModelSpec:
    engines = tuple(
        Engine(
            engine,
            body["backend"],
            body["variant"],
            tuple(_weight_file(file) for file in body["files"]),
            checkpoint=body.get("checkpoint"),
            memory=body.get("memory"),
            seconds=body.get("seconds"),
            repository=body.get("repository"),
            revision=body.get("revision", "main"),
            gated=body.get("gated", False),
        )
        for engine, body in entry["engines"].items()
    )
    return ModelSpec(name, entry["summary"], entry["license"], engines)


def _weight_file(entry: Mapping[str, Any]) -> WeightFile:
    return WeightFile(entry["name"], entry["sha256"], tuple(entry["sources"]), entry.get("bytes"))
