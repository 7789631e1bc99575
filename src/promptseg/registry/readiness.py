"""What a model needs before it can run here."""

from __future__ import annotations

from typing import NamedTuple

from .._install import install_command
from ..errors import ConfigError
from ..weights import store
from .catalog import backend_for
from .folders import is_cached, is_on_hub, needs_own_weights
from .spec import Engine, ModelSpec


class Readiness(NamedTuple):
    """State of a model on one of its engines.

    Attributes:
        state: ``"ready"``, ``"fetch"``, ``"gated"``, ``"own"``, ``"install"`` or ``"later"``.
        meaning: What must be installed, given or fetched first, in words; ``"ready"`` if nothing.
    """

    state: str
    meaning: str


def readiness(model: ModelSpec, engine: Engine) -> Readiness:
    """Return what a model needs before one of its engines can run it."""
    try:
        backend = backend_for(model, engine)
    except ConfigError:
        return Readiness("later", "does not run in this version yet")
    if backend.missing():
        return Readiness("install", f"needs {', '.join(backend.missing())}: {install_command(backend.install)}")
    if is_on_hub(engine):
        if is_cached(engine):
            return _READY
        if engine.gated:
            return Readiness("gated", f"fetched at first use once its license is accepted at https://huggingface.co/{engine.repository}")
        return _FETCHED
    own = needs_own_weights(engine, backend)
    if (engine.files or not own) and all(store.cached_path(model.name, file) for file in engine.files):
        return _READY
    return Readiness("own", f"needs weights of your own: {model.name}=PATH") if own else _FETCHED


_READY = Readiness("ready", "ready")
_FETCHED = Readiness("fetch", "fetched at first use")
