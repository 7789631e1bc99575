"""Resolution of a model name to its engine, backend and weights: a `Choice`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ConfigError, PromptSegError, WeightsMismatchError, shown
from ..runtime.home import as_path
from ..weights.store import WeightFile, files_of_kinds
from . import manifest as manifests
from .catalog import backend_for, backends, find_model, list_models
from .folders import hub_model, is_hub_name, local_model, not_read, recorded_license
from .manifest import Manifest
from .recognition import Contents, engines_of, looks_like_model
from .spec import BackendKind, BackendSpec, Choice, Engine, ModelSpec


def choose(
    name: str,
    *,
    weights: str | Path | None = None,
    engine: str | None = None,
    kind: BackendKind | None = None,
    anew: bool = False,
) -> Choice:
    """Resolve a model name to a model, an engine, a backend and weights.

    Of a folder on the Hugging Face hub, the list of its files, its configuration and its card are fetched if they are not cached. Nothing
    else is fetched.

    Args:
        name: A model name; ``"name=path/to/weights"``; the path of a folder that promptseg or transformers wrote, or that has the layout of
            transformers.js; or such a folder on the hub, as ``"hf:owner/name"`` or ``"hf:owner/name@revision"``. The path of weights may
            be one of the hub, too. The manifest or the configuration of a folder names the model.
        weights: A file or folder of your own weights. A folder that promptseg wrote has its own engine: ``"onnx"`` for an export, the
            engine of the base model for a fine-tuned decoder.
        engine: Name of the engine; None for the engine that reads the given weights, or else the model's first.
        kind: Kind of model that is wanted. If no engine is named and several read a folder, the first of this kind is chosen.
        anew: Whether to ask the hub again which commit a branch or a tag names now.

    Raises:
        UnknownModelError: There is no such model, or a folder is not recognized.
        ConfigError: There is no such engine, its backend is not installed or cannot run it, or weights are given twice.
        WeightsMismatchError: The manifest of the weights folder names another model.
        WeightsError: The hub cannot be reached, or shows no such folder.
    """
    return _chosen(_named(name, weights, anew=anew), engine, kind)


def choose_by(ability: Callable[[BackendSpec, Engine], bool], doing: str, name: str, weights: str | Path | None = None) -> Choice:
    """Resolve a model name to the first engine of the model whose backend has an ability, such as export.

    Args:
        ability: Returns whether a backend has the ability with an engine.
        doing: What the ability allows, as a participle for the message, such as ``"exported"``.
        name: A name, as for `choose`.
        weights: A file or folder of your own weights.

    Raises:
        ConfigError: The model has no such engine, or weights are given twice. The message lists the models that have one.
        UnknownModelError: There is no such model.
        WeightsMismatchError: The manifest of the weights folder names another model.
    """
    named, known = _named(name, weights), backends()

    def first(engines: Sequence[Engine]) -> str | None:
        able = (engine.name for engine in engines if engine.backend in known and ability(known[engine.backend], engine))
        return next(able, None)

    engine = first(_able(named) or named.model.engines)
    if engine is None:
        can = [name for name, other in list_models().items() if first(other.engines)]
        raise ConfigError(f"model {named.model.name!r} cannot be {doing}; these can: {_listed(can)}")
    return _chosen(named, engine)


def _listed(names: Sequence[str]) -> str:
    """Return names with commas between them. Of a name that begins like the one before it, only the end: ``"sam-vit-h, -l, -b"``."""
    listed, beginning = [], ""
    for name in names:
        if beginning and name.startswith(f"{beginning}-"):
            listed.append(name.removeprefix(beginning))
        else:
            listed.append(name)
            beginning = name.rpartition("-")[0]
    return ", ".join(listed)


@dataclass(frozen=True)
class _Named:
    """What a name stands for.

    Attributes:
        model: The model.
        own: Path of the user's own weights, or None.
        manifest: Manifest of the folder of these weights, or None.
        readers: Engines that read the folder of these weights, if it is recognized. Those of a folder on the hub have its commit.
        given: What the user gave as weights, for messages.
    """

    model: ModelSpec
    own: Path | None = None
    manifest: Manifest | None = None
    readers: tuple[Engine, ...] = ()
    given: str = ""


def _named(name: str, weights: str | Path | None, *, anew: bool = False) -> _Named:
    """Return what a name and weights stand for."""
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"a model is named by text, such as 'mini-sam' or 'mini-sam=path/to/weights', got {shown(name)}")
    found = None if name in list_models() else _folder_named(name, weights, anew=anew)
    if found is not None:
        return found
    name, separator, path = name.partition("=")
    if separator and not (name and path):
        wrong = shown(f"{name}={path}")
        raise ConfigError(f"a model with weights of your own is NAME=PATH, got {wrong}: give both. To list names: promptseg models")
    if separator and weights is not None:
        raise ConfigError(f"weights are given twice: {shown(path)} in the name and {shown(str(weights))} as an argument")
    given = path if separator else weights
    given = os.fspath(given) if isinstance(given, os.PathLike) else given
    model = find_model(name)
    if given is None:
        return _Named(model)
    if is_hub_name(given):
        there = hub_model(given, anew=anew)
        pinned = f"{model.name}={there.name}"
        return _Named(replace(model, name=pinned, license=there.license), readers=there.engines, given=given)
    own = as_path(given, f"the weights of model {model.name!r}")
    manifest = manifests.read(own)
    return _Named(model, own, manifest, () if manifest is not None else _readers(own), str(own))


def _folder_named(name: str, weights: str | Path | None, *, anew: bool) -> _Named | None:
    """Return what a name stands for that is itself that of a folder, on the hub or here, or None."""
    twice = ConfigError(f"weights are given twice: {shown(name)} in the name and {shown(str(weights))} as an argument")
    if is_hub_name(name):
        if weights is not None:
            raise twice
        return _Named(hub_model(name, anew=anew))
    try:
        folder = Path(name).expanduser()
        written = (folder / manifests.NAME).is_file()
    except (OSError, ValueError, RuntimeError):  # The name is not a valid path: too long, with a null byte, or with an unknown ``~user``.
        return None
    manifest = manifests.read(folder) if written else None
    if weights is not None and (manifest is not None or looks_like_model(folder)):
        raise twice
    if manifest is not None:
        return _Named(_model_of(manifest), folder, manifest)
    if not looks_like_model(folder):
        return None
    named = name if folder.name != name else f"{os.curdir}{os.sep}{name}"  # So that a name of a folder is told from one of the catalog.
    return _Named(local_model(folder, named), folder)


def _model_of(manifest: Manifest) -> ModelSpec:
    """Return the model that a manifest names. What promptseg wrote of a model of a folder runs without that folder, which may be gone.

    Nothing is fetched and no other folder is read: a manifest may come from anyone.
    """
    name = manifest.model
    of_folder = is_hub_name(name.rpartition("=")[2]) or Path(name).name != name
    if name in list_models() or not of_folder:
        return find_model(name)
    engine = Engine(manifest.engine, manifest.backend, manifest.variant)
    return ModelSpec(name, f"made from {name}", recorded_license(name.rpartition("=")[2]), (engine,))


def _readers(folder: Path) -> tuple[Engine, ...]:
    """Return the engines that read a user's folder; none if it is not recognized. Whoever loads it says what is wrong with it."""
    with contextlib.suppress(PromptSegError, OSError):
        if looks_like_model(folder):
            return engines_of(Contents.of(folder))
    return ()


def _chosen(named: _Named, engine: str | None, kind: BackendKind | None = None) -> Choice:
    model, own, manifest = named.model, named.own, named.manifest
    if manifest is not None and engine in (None, manifest.engine):
        if manifest.model != model.name:
            raise WeightsMismatchError(
                f"{own} contains model {manifest.model!r} by its manifest, not {model.name!r}: give its path alone, "
                f"or {manifest.model}={own}"
            )
        files = tuple(WeightFile(name, digest, ()) for name, digest in {**manifest.base, **manifest.sha256}.items())
        found = Engine(manifest.engine, manifest.backend, manifest.variant, files)
    else:
        manifest = None
        able = _able(named)
        if able:
            found = _of_kind(able, kind) if engine is None else _by_name(model, able, engine)
        else:
            found = _default_engine(named, own) if own is not None and engine is None else model.engine(engine)
    return Choice(model, found, backend_for(model, found), own, manifest)


def _by_name(model: ModelSpec, able: tuple[Engine, ...], name: str) -> Engine:
    """Return the engine with a name: one of those that read the folder, or another of the model, whose backend says what it reads.

    Raises:
        ConfigError: There is no such engine.
    """
    others = (engine for engine in model.engines if engine.name not in {each.name for each in able})
    return replace(model, engines=(*able, *(engine for engine in others if engine.name == name))).engine(name)


def _able(named: _Named) -> tuple[Engine, ...]:
    """Return the engines of the model that read the given folder, with the files that they read of it; none if it is not recognized.

    Raises:
        WeightsMismatchError: No engine of the model reads a folder of the hub.
    """
    if not named.readers:
        return named.model.engines if named.model.engines[0].contents else ()
    able: dict[str, Engine] = {}
    for engine in named.model.engines:
        for reader in named.readers:
            if reader.backend == engine.backend and ("any" in (engine.variant, reader.variant) or engine.variant == reader.variant):
                name = engine.name + "".join(reader.name.partition("-")[1:])  # What follows is the precision of the files.
                found = replace(engine, name=name, contents=reader.contents)
                if reader.repository is not None:
                    found = replace(found, repository=reader.repository, revision=reader.revision, gated=False)
                able.setdefault(name, found)
    if not able and named.own is None:
        raise not_read(named.given, named.model, named.readers)
    return tuple(able.values())


def _of_kind(engines: Sequence[Engine], kind: BackendKind | None) -> Engine:
    """Return the first engine whose backend is of a kind, or else the first."""
    known = backends()
    return next((engine for engine in engines if engine.backend in known and known[engine.backend].kind == kind), engines[0])


def _default_engine(named: _Named, weights: Path) -> Engine:
    """Return the engine for a user's weights, if the user names none: the one that reads them, or the first, which says why not.

    Raises:
        WeightsMismatchError: It is a folder that was recognized as that of another model.
    """
    found = _engine_for(named.model, weights)
    if found is None and named.readers:
        raise not_read(named.given, named.model, named.readers)
    return found or named.model.engines[0]


def _engine_for(model: ModelSpec, weights: Path) -> Engine | None:
    """Return the engine that reads a user's weights, or None if none does.

    An engine reads a file by its suffix, and a folder by the names of its files or, as a second try, by their suffixes.
    """
    for engine in model.engines:
        names = engine.names_in(weights)
        takes_file = len(names) == 1 and Path(names[0]).suffix == weights.suffix
        if takes_file or (weights.is_dir() and _reads_folder(engine, names, weights)):
            return engine
    for engine in model.engines:
        backend = backends().get(engine.backend)
        if backend is not None and weights.is_dir() and files_of_kinds(weights, backend.recognizes):
            return engine
    return None


def _reads_folder(engine: Engine, names: Sequence[str], folder: Path) -> bool:
    """Return whether an engine reads a folder: it has the files or, for an engine that takes any ONNX file, it has one."""
    if names:
        return all((folder / name).is_file() for name in names)
    return (engine.checkpoint or "").endswith(".onnx") and any(path.suffix.lower() == ".onnx" for path in folder.iterdir())
