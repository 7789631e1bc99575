"""Values that a shell completes after Tab: names of models, engines, devices and formats.

`promptseg --install-completion` tells the shell to ask for them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import typer

from ..registry.catalog import backends, list_models
from ..registry.spec import BackendKind, ModelSpec
from ..runtime.devices import DEVICES

Completions = list[tuple[str, str]]
"""Values with their descriptions, which some shells show."""


def segmenters(incomplete: str) -> Completions:
    """Return the segmenters whose names begin like what is typed."""
    return _models(incomplete, "segmenter")


def detectors(incomplete: str) -> Completions:
    """Return the detectors whose names begin like what is typed."""
    return _models(incomplete, "detector")


def concepts(incomplete: str) -> Completions:
    """Return the concept segmenters whose names begin like what is typed."""
    return _models(incomplete, "concept")


def mattings(incomplete: str) -> Completions:
    """Return ``guided`` and the matting models whose names begin like what is typed."""
    return [*_beginning(("guided",), incomplete), *_models(incomplete, "matting")]


def models(incomplete: str) -> Completions:
    """Return the models of any kind whose names begin like what is typed."""
    return _models(incomplete, None)


def trackers(incomplete: str) -> Completions:
    """Return the backends that track whose names begin like what is typed."""
    return [(name, "") for name, backend in _quietly(backends).items() if backend.kind == "video" and name.startswith(incomplete)]


def devices(incomplete: str) -> Completions:
    """Return the devices whose names begin like what is typed."""
    return _beginning(DEVICES, incomplete)


def engines_of(option: str) -> Callable[[typer.Context, str], Completions]:
    """Return a completion of engines: those of the model that an option of the same command line names, or of all models."""

    def engines(ctx: typer.Context, incomplete: str) -> Completions:
        known = _quietly(list_models)
        named = str(ctx.params.get(option) or "").partition("=")[0]
        found = [known[named]] if named in known else list(known.values())
        return _beginning(dict.fromkeys(engine.name for model in found for engine in model.engines), incomplete)

    return engines


def one_of(values: Iterable[str]) -> Callable[[str], Completions]:
    """Return a completion of fixed values."""
    known = tuple(values)
    return lambda incomplete: _beginning(known, incomplete)


def some_of(values: Iterable[str]) -> Callable[[str], Completions]:
    """Return a completion of fixed values that are separated by commas."""
    known = tuple(values)

    def listed(incomplete: str) -> Completions:
        before, comma, last = incomplete.rpartition(",")
        taken = before.split(",")
        return [(f"{before}{comma}{name}", help_text) for name, help_text in _beginning(known, last) if name not in taken]

    return listed


def _models(incomplete: str, kind: BackendKind | None) -> Completions:
    known = _quietly(backends)

    def fits(model: ModelSpec) -> bool:
        found = known.get(model.engines[0].backend)
        return found is not None and kind in (None, found.kind)

    return [(name, model.summary) for name, model in _quietly(list_models).items() if name.startswith(incomplete) and fits(model)]


def _beginning(values: Iterable[str], incomplete: str) -> Completions:
    return [(value, "") for value in values if value.startswith(incomplete)]


def _quietly(function: Callable[[], Any]) -> Any:
    """Call a function without its warnings: what a completion prints would appear in the middle of what is typed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()
