"""Whether the packages of a model are installed, and what runs without those that are missing."""

from __future__ import annotations

from ..errors import one_of
from .catalog import backends, list_models
from .folders import needs_own_weights
from .spec import BackendKind, Choice, Engine


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
            if choice.weights is None and not needs_own_weights(engine, backends()[engine.backend]):
                return (
                    f". Engine {engine.name!r} of this model is installed: choose it with engine={engine.name!r} (--engine {engine.name})"
                )
            own = f"{name}={engine.checkpoint or 'PATH'}"
            return f". Engine {engine.name!r} of this model is installed: give it weights of your own, such as {own}"
    others = [(other, engine) for other in list_models().values() if other.name != name for engine in other.engines]
    able = [(other, engine) for other, engine in others if _is_installed(engine, kind)]
    needs = [needs_own_weights(engine, backends()[engine.backend]) for _, engine in able]
    ready = [other.name for (other, engine), own in zip(able, needs, strict=True) if not own and engine == other.engines[0]]
    needing = [f"{other.name}={engine.checkpoint or 'PATH'}" for (other, engine), own in zip(able, needs, strict=True) if own]
    return f". What is installed runs {one_of((ready or needing)[:3])}" if ready or needing else ""


def _is_installed(engine: Engine, kind: BackendKind) -> bool:
    backend = backends().get(engine.backend)
    return backend is not None and backend.kind == kind and not backend.missing()
