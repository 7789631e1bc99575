"""Resolution of a model name to its engine, backend and weights: a `Choice`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from .._checks import absent_hint
from ..errors import ConfigError, IncompatibleStagesError, WeightsMismatchError, WeightsNotFoundError, one_of, shown
from ..runtime.home import as_path
from ..weights.store import WeightFile, files_of_kinds
from . import manifest as manifests
from .catalog import backend_for, backends, find_model, list_models
from .manifest import Manifest
from .spec import KIND_NAMES, BackendKind, BackendSpec, Choice, Engine, ModelSpec


def choose(name: str, *, weights: str | Path | None = None, engine: str | None = None) -> Choice:
    """Resolve a model name to a model, an engine, a backend and weights.

    Args:
        name: A model name, ``"name=path/to/weights"``, or the path of a folder that promptseg wrote. The manifest of such a folder names
            the model.
        weights: A file or folder of your own weights. A folder that promptseg wrote has its own engine: ``"onnx"`` for an export, the
            engine of the base model for a fine-tuned decoder.
        engine: Name of the engine; None for the engine that reads the given weights, or else the model's first.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: There is no such engine, its backend is not installed or cannot run it, or weights are given twice.
        WeightsMismatchError: The manifest of the weights folder names another model.
    """
    model, own, manifest = _named(name, weights)
    return _chosen(model, own, manifest, engine)


def choose_by(ability: Callable[[BackendSpec], bool], doing: str, name: str, weights: str | Path | None = None) -> Choice:
    """Resolve a model name to the first engine of the model whose backend has an ability, such as export.

    Args:
        ability: Returns whether a backend has the ability.
        doing: What the ability allows, as a participle for the message, such as ``"exported"``.
        name: A model name, ``"name=path/to/weights"``, or the path of a folder that promptseg wrote.
        weights: A file or folder of your own weights.

    Raises:
        ConfigError: The model has no such engine, or weights are given twice. The message lists the models that have one.
        UnknownModelError: There is no such model.
        WeightsMismatchError: The manifest of the weights folder names another model.
    """
    model, own, manifest = _named(name, weights)
    known = backends()

    def first(spec: ModelSpec) -> str | None:
        able = (engine.name for engine in spec.engines if engine.backend in known and ability(known[engine.backend]))
        return next(able, None)

    engine = first(model)
    if engine is None:
        can = ", ".join(name for name, other in list_models().items() if first(other))
        raise ConfigError(f"model {model.name!r} cannot be {doing}; these can: {can}")
    return _chosen(model, own, manifest, engine)


def check_installed(choice: Choice) -> None:
    """Check that the packages of a choice are installed.

    Raises:
        MissingDependencyError: One is missing. The message has the command that installs it, and names what runs without it: another
            engine of the model or, if it has none, models of the same kind.
    """
    choice.backend.check_installed(lambda: _alternative(choice))


def _alternative(choice: Choice) -> str:
    """Return a sentence that names what runs with the packages that are installed, or an empty string if nothing does."""
    name, kind = choice.model.name, choice.backend.kind
    for engine in choice.model.engines:
        if engine != choice.engine and _is_installed(engine, kind):
            if engine.files and all(file.sources for file in engine.files):
                return (
                    f". Engine {engine.name!r} of this model is installed: choose it with engine={engine.name!r} (--engine {engine.name})"
                )
            own = f"{name}={engine.checkpoint or 'PATH'}"
            return f". Engine {engine.name!r} of this model is installed: give it weights of your own, such as {own}"
    others = [(other, engine) for other in list_models().values() if other.name != name for engine in other.engines]
    able = [(other, engine) for other, engine in others if _is_installed(engine, kind)]
    ready = [other.name for other, engine in able if engine.files and engine == other.engines[0]]
    needing = [f"{other.name}={engine.checkpoint or 'PATH'}" for other, engine in able if not engine.files]
    return f". What is installed runs {one_of((ready or needing)[:3])}" if ready or needing else ""


def _is_installed(engine: Engine, kind: BackendKind) -> bool:
    backend = backends().get(engine.backend)
    return backend is not None and backend.kind == kind and not backend.missing()


def fallback_chain(first: Choice, fallback: Sequence[str]) -> tuple[Choice, ...]:
    """Return the fallback chain: a choice, followed by the segmenters to try in order if it does not fit into memory.

    Args:
        first: A segmenter; without a fallback, any model.
        fallback: Names of the other segmenters, in order. A name may have its own weights, as ``"name=path"``.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: A model is named twice, or is not a segmenter.
        WeightsNotFoundError: The weights given with a name do not exist.
    """
    if isinstance(fallback, str):
        raise ConfigError(f"fallback is a list of model names: write [{shown(fallback)}]")
    if not isinstance(fallback, Sequence):
        raise ConfigError(f"fallback is a list of model names, got {shown(fallback)}")
    if not fallback:
        return (first,)
    chain = (first, *(choose(name) for name in fallback))
    names = [choice.model.name for choice in chain]
    for index, choice in enumerate(chain):
        if names[index] in names[:index]:
            raise ConfigError(f"model {names[index]!r} is twice in the fallback chain {' → '.join(names)}: name other models")
        if choice.backend.kind != "segmenter":
            raise IncompatibleStagesError(
                f"model {names[index]!r} is {KIND_NAMES[choice.backend.kind]}, and a fallback chain takes segmenters only"
            )
        if index and choice.weights is not None and not choice.weights.exists():
            raise WeightsNotFoundError(f"there is no weights file {choice.weights} for model {names[index]!r}{absent_hint(choice.weights)}")
    return chain


def _named(name: str, weights: str | Path | None) -> tuple[ModelSpec, Path | None, Manifest | None]:
    """Return the model with a name, the path of the user's own weights, and the manifest there."""
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"a model is named by text, such as 'mini-sam' or 'mini-sam=path/to/weights', got {shown(name)}")
    manifest = _manifest_at(name) if name not in list_models() else None
    if manifest is not None:
        name, separator, path = manifest.model, "=", name
    else:
        name, separator, path = name.partition("=")
        if separator and not (name and path):
            wrong = shown(f"{name}={path}")
            raise ConfigError(f"a model with weights of your own is NAME=PATH, got {wrong}: give both. To list names: promptseg models")
    if separator and weights is not None:
        raise ConfigError(f"weights are given twice: {shown(path)} in the name and {shown(str(weights))} as an argument")
    given = path if separator else weights
    model = find_model(name)
    if given is None:
        return model, None, None
    own = as_path(given, f"the weights of model {model.name!r}")
    return model, own, manifest or manifests.read(own)


def _chosen(model: ModelSpec, own: Path | None, manifest: Manifest | None, engine: str | None) -> Choice:
    if manifest is not None and engine in (None, manifest.engine):
        if manifest.model != model.name:
            raise WeightsMismatchError(f"{own} contains model {manifest.model!r} by its manifest, not {model.name!r}")
        files = tuple(WeightFile(name, digest, ()) for name, digest in {**manifest.base, **manifest.sha256}.items())
        found = Engine(manifest.engine, manifest.backend, manifest.variant, files)
    else:
        manifest = None
        found = _engine_for(model, own) if own is not None and engine is None else model.engine(engine)
    return Choice(model, found, backend_for(model, found), own, manifest)


def _manifest_at(path: str) -> Manifest | None:
    """Return the manifest of a folder that promptseg wrote, or None if the path is not such a folder."""
    folder = Path(path)
    try:
        folder = folder.expanduser()
        there = (folder / manifests.NAME).is_file()
    except (OSError, ValueError, RuntimeError):  # The name is not a valid path: too long, with a null byte, or with an unknown ``~user``.
        return None
    return manifests.read(folder) if there else None


def _engine_for(model: ModelSpec, weights: Path) -> Engine:
    """Return the engine that reads a user's weights, or the default engine if none does.

    An engine reads a file by its suffix, and a folder by the names of its files or, as a second try, by their suffixes.
    """
    for engine in model.engines:
        names = engine.names_in(weights)
        takes_file = len(names) == 1 and Path(names[0]).suffix == weights.suffix
        if takes_file or (weights.is_dir() and all((weights / name).is_file() for name in names)):
            return engine
    for engine in model.engines:
        backend = backends().get(engine.backend)
        if backend is not None and weights.is_dir() and files_of_kinds(weights, backend.recognizes):
            return engine
    return model.engines[0]
