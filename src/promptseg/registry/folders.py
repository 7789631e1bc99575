"""Models without an entry in the catalog, by the name of their folder: ``hf:owner/name``, ``hf:owner/name@revision``, or a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

from ..errors import ConfigError, UnknownModelError, WeightsError, WeightsMismatchError, shown
from ..weights.hub import REPOSITORY, REVISION, Snapshot, snapshot
from .catalog import list_models
from .model_card import CARD, UNKNOWN, license_of
from .recognition import CONFIG, MAX_CONFIG_BYTES, Contents, engines_of, read_folder_config, tensor_contents
from .spec import Engine, ModelSpec

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


def hub_contents(engine: Engine) -> tuple[Snapshot, Sequence[str]]:
    """Return the repository of an engine at its revision, and the paths of the files that the engine reads.

    Raises:
        WeightsError: The hub cannot be reached, or shows no such folder.
    """
    there = snapshot(str(engine.repository), engine.revision)
    return there, engine.contents or tensor_contents(frozenset(there.files))


def _contents(there: Snapshot, name: str) -> Contents:
    files = frozenset(there.files)
    if CONFIG not in files:
        return Contents(name, files)
    if (there.files[CONFIG].size or 0) > MAX_CONFIG_BYTES:
        raise WeightsMismatchError(f"the {CONFIG} of {name} has {there.files[CONFIG].size} bytes, more than any configuration")
    return Contents(name, files, read_folder_config(there.fetch([CONFIG]) / CONFIG))


def _hub_license(there: Snapshot) -> str:
    """Return the license of a repository: that of the catalog, if the repository is in it, or else that of its card."""
    for model in list_models().values():
        if any(engine.repository == there.repository for engine in model.engines) and model.license != UNKNOWN:
            return model.license
    if CARD not in there.files:
        return UNKNOWN
    try:
        return license_of(there.fetch([CARD]) / CARD)
    except WeightsError:  # The model runs without it, unless a policy asks for its license.
        return UNKNOWN


def not_read(name: str, model: ModelSpec, engines: Sequence[Engine]) -> UnknownModelError:
    """Return the error for a folder that was given for a model and is of another."""
    own = ", ".join(sorted({engine.backend for engine in model.engines}))
    read = ", ".join(dict.fromkeys(engine.backend for engine in engines))
    return UnknownModelError(f"{name} is read by {read}, and model {model.name!r} by {own}: load it by its own name, {name}")
