"""Families of models, and the order of models for each task, from ``families.toml``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Any

from .spec import ModelSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Family:
    """Models that belong together.

    Attributes:
        name: What people call the family.
        summary: What it is good at, in a few words.
        models: Names of its models; ``*`` stands for any characters.
    """

    name: str
    summary: str
    models: tuple[str, ...]

    def __contains__(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True)
class Ranking:
    """Models for a task.

    Attributes:
        why: What the order is by.
        order: Names of models, best first.
    """

    why: str
    order: tuple[str, ...]


OTHERS = Family("Others", "models that come with installed packages", ("*",))
"""Family of models that are in no other."""


@lru_cache(maxsize=1)
def families() -> tuple[Family, ...]:
    """Return all families, in the order in which they are listed."""
    return tuple(Family(entry["name"], entry["summary"], tuple(entry["models"])) for entry in _read()["families"])


def rankings() -> Mapping[str, Ranking]:
    """Return the models for each task, by the name of the task."""
    return {name: Ranking(entry["why"], tuple(entry["order"])) for name, entry in _read()["tasks"].items()}


def in_families(models: Iterable[ModelSpec]) -> list[tuple[Family, list[ModelSpec]]]:
    """Return models by family, in the order of the families and of the models. A family without models is left out."""
    found: dict[str, tuple[Family, list[ModelSpec]]] = {family.name: (family, []) for family in (*families(), OTHERS)}
    for model in models:
        family = next((family for family in families() if model.name in family), OTHERS)
        found[family.name][1].append(model)
    return [(family, members) for family, members in found.values() if members]


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("families.toml").read_text("utf-8"))
