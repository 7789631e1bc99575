"""What a model needs before it can run here."""

from __future__ import annotations

from .._install import install_command
from ..errors import ConfigError
from ..weights import store
from .catalog import backend_for
from .folders import is_cached, is_on_hub, needs_own_weights
from .spec import Engine, ModelSpec

READY = "ready"
"""What `readiness` returns for a model that needs nothing."""


def readiness(model: ModelSpec, engine: Engine) -> str:
    """Return `READY`, or in words what must be installed, given or fetched first to run a model by one of its engines."""
    try:
        backend = backend_for(model, engine)
    except ConfigError:
        return "does not run in this version yet"
    if backend.missing():
        return f"needs {', '.join(backend.missing())}: {install_command(backend.install)}"
    if is_on_hub(engine):
        if is_cached(engine):
            return READY
        gate = f" once its license is accepted at https://huggingface.co/{engine.repository}" if engine.gated else ""
        return f"fetched at first use{gate}"
    own = needs_own_weights(engine, backend)
    if (engine.files or not own) and all(store.cached_path(model.name, file) for file in engine.files):
        return READY
    if own:
        return f"needs weights of your own: {model.name}=PATH"
    return "fetched at first use"
