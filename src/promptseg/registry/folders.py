"""Models without an entry in the catalog, by the name of their folder: ``hf:owner/name``, ``hf:owner/name@revision``, or a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

from ..errors import ConfigError, WeightsError, WeightsMismatchError, shown
from ..weights.hub import REPOSITORY, REVISION, Snapshot, recorded, snapshot
from .catalog import backends, find_model, list_models
from .model_card import CARD, UNKNOWN, license_of
from .recognition import CONFIG, MAX_CONFIG_BYTES, Contents, contents_for, engines_of, read_folder_config
from .spec import BackendSpec, Engine, ModelSpec

_MAX_CARD_BYTES = 4 << 20

PREFIX = "hf:"
"""Beginning of the name of a folder on the Hugging Face hub."""


def is_hub_name(name: object) -> TypeGuard[str]:
    """Return whether a name is meant to be that of a folder on the Hugging Face hub."""
    return isinstance(name, str) and name.startswith(PREFIX)


def hub_model(name: str, *, anew: bool = False) -> ModelSpec:
    """Return the model in a folder on the hub. Its weights are not fetched, only the list of its files, its configuration and its card.

    Args:
        name: ``"hf:owner/name"`` or ``"hf:owner/name@revision"``.
        anew: Whether to ask the hub again which commit a branch or a tag names now.

    Returns:
        The model. Its name has the commit, and is another name of the same files from then on.

    Raises:
        ConfigError: It is written otherwise.
        UnknownModelError: No backend of this version reads the folder.
        WeightsError: The hub cannot be reached, shows no such folder, or the folder lacks files.
    """
    repository, revision = split_name(name)
    there = snapshot(repository, revision, anew=anew)
    engines = engines_of(_contents(there, name))
    pinned = tuple(replace(engine, repository=repository, revision=there.commit) for engine in engines)
    return ModelSpec(f"{PREFIX}{repository}@{there.commit}", f"{repository} on the Hugging Face hub", _hub_license(there), pinned)


def named_model(name: str, *, anew: bool = False) -> ModelSpec:
    """Return the model with a name in the catalog, or in a folder on the hub.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The name of a folder is written otherwise.
        WeightsError: The hub cannot be reached, or shows no such folder.
    """
    return hub_model(name, anew=anew) if is_hub_name(name) else find_model(name)


def local_model(folder: Path, name: str) -> ModelSpec:
    """Return the model in a folder of this machine.

    Raises:
        UnknownModelError: No backend of this version reads the folder.
        WeightsError: The folder lacks files, or its configuration is damaged.
    """
    return ModelSpec(name, f"the folder {folder}", license_of(folder / CARD), engines_of(Contents.of(folder)))


def split_name(name: str) -> tuple[str, str]:
    """Return the repository and the revision of a name; without one, ``"main"``.

    Raises:
        ConfigError: It is not ``"hf:owner/name"`` or ``"hf:owner/name@revision"``.
    """
    repository, at, revision = name.removeprefix(PREFIX).partition("@")
    if not REPOSITORY.fullmatch(repository) or ".." in name or (at and not REVISION.fullmatch(revision)):
        hint = " Name the folder, not a file in it." if repository.count("/") > 1 else ""
        raise ConfigError(
            f"a model of the Hugging Face hub is hf:OWNER/NAME or hf:OWNER/NAME@REVISION, such as hf:facebook/sam2.1-hiera-tiny, "
            f"got {shown(name)}.{hint}"
        )
    return repository, revision if at else "main"


def hub_contents(engine: Engine, *, anew: bool = False) -> tuple[Snapshot, Sequence[str]]:
    """Return the repository of an engine at its revision, and the paths of the files that the engine reads.

    Args:
        engine: The engine.
        anew: Whether to ask the hub again which commit a branch or a tag names now.

    Raises:
        WeightsError: The hub cannot be reached, or shows no such folder.
    """
    there = snapshot(str(engine.repository), engine.revision, anew=anew)
    return there, _contents_of(engine, there)


def is_on_hub(engine: Engine) -> bool:
    """Return whether the weights of an engine are fetched as a folder of the hub."""
    return engine.repository is not None and (bool(engine.contents) or not engine.files)


def needs_own_weights(engine: Engine, backend: BackendSpec) -> bool:
    """Return whether an engine runs only weights that users give, because none are published for it."""
    if is_on_hub(engine):
        return False
    if engine.files:
        return not all(file.sources for file in engine.files)
    return bool(backend.recognizes) or engine.checkpoint is not None or backend.find_weights is not None


def verify_on_hub(engine: Engine) -> dict[str, str]:
    """Hash the cached files of an engine's repository again. What is damaged is removed. No network is used.

    Returns:
        ``"ok"``, ``"absent"``, or what is damaged, by the path of each file.
    """
    there = recorded(str(engine.repository), engine.revision)
    if there is None:
        return {f"{engine.repository}": "absent"}
    contents = _contents_of(engine, there)
    report = dict.fromkeys(contents, "ok") | dict.fromkeys(there.lacks(contents), "absent")
    damaged = there.damaged(contents)
    return report | dict.fromkeys(damaged, "damaged, and removed: fetch it again with `promptseg weights fetch`")


def hub_checkpoint(engine: Engine) -> str | None:
    """Return the one file of an engine's repository that is read, of a backend that reads checkpoints and no folders; else None."""
    backend = backends().get(engine.backend)
    return engine.checkpoint if is_on_hub(engine) and backend is not None and not backend.folders else None


def _contents_of(engine: Engine, there: Snapshot) -> Sequence[str]:
    """Return the paths of the files of a repository that an engine reads: those that are known, or those that its backend knows."""
    checkpoint = hub_checkpoint(engine)
    if checkpoint is not None:
        return (checkpoint,)
    return engine.contents or contents_for(backends().get(engine.backend), frozenset(there.files))


def is_cached(engine: Engine) -> bool:
    """Return whether all files that an engine reads of its repository are cached. No network is used."""
    there = recorded(str(engine.repository), engine.revision)
    if there is None:
        return False
    contents = _contents_of(engine, there)
    return bool(contents) and not there.lacks(contents)


def _contents(there: Snapshot, name: str) -> Contents:
    files = frozenset(there.files)
    if CONFIG not in files:
        return Contents(name, files)
    if (there.files[CONFIG].size or 0) > MAX_CONFIG_BYTES:
        raise WeightsMismatchError(f"the {CONFIG} of {name} has {there.files[CONFIG].size} bytes, more than any configuration")
    return Contents(name, files, read_folder_config(there.fetch([CONFIG]) / CONFIG))


def recorded_license(name: str) -> str:
    """Return the license of a folder on the hub by what is cached of it, without a network."""
    try:
        there = recorded(*split_name(name))
    except ConfigError:
        there = None
    return UNKNOWN if there is None else _hub_license(there, fetch=False)


def _hub_license(there: Snapshot, *, fetch: bool = True) -> str:
    """Return the license of a repository: that of the catalog, if the repository is in it, or else that of its card."""
    for model in list_models().values():
        if any(engine.repository == there.repository for engine in model.engines) and model.license != UNKNOWN:
            return model.license
    if CARD not in there.files or (there.files[CARD].size or 0) > _MAX_CARD_BYTES:
        return UNKNOWN
    if not fetch:
        return license_of(there.folder / CARD)
    try:
        return license_of(there.fetch([CARD]) / CARD)
    except WeightsError:  # The model runs without it, unless a policy asks for its license.
        return UNKNOWN


def not_read(name: str, model: ModelSpec, engines: Sequence[Engine]) -> WeightsMismatchError:
    """Return the error for a folder that was given for a model and is of another."""
    own, read = (", ".join(dict.fromkeys(_reader(each) for each in every)) for every in (model.engines, engines))
    wanted = model.name.partition("=")[0]
    return WeightsMismatchError(f"{name} is read by {read}, and model {wanted!r} by {own}: load it by its own name, {name}")


def _reader(engine: Engine) -> str:
    """Return what reads the folders of an engine, for a message: its backend, and the variant if there are several."""
    backend = backends().get(engine.backend)
    return engine.backend if backend is None or backend.variants is None else f"{engine.backend} ({engine.variant})"
