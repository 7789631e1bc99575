"""The catalog of models as an answer to assistants."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..prompts import PromptKind
from ..registry.catalog import backends, list_models
from ..registry.families import in_families
from ..registry.readiness import readiness
from .answers import ModelEntry, ModelList


def model_list(in_use: Mapping[str, str], told: Callable[[str], str], prompt: PromptKind | None = None, ready: bool = False) -> ModelList:
    """Return the models of the catalog.

    Args:
        in_use: Names of the models in use by the stage of the pipeline.
        told: Returns a text as it may be told: names of models may be paths, and commands that install something may have one.
        prompt: Only models that take this kind of prompt; None for all.
        ready: Only models that can run now.
    """
    entries = []
    for family, members in in_families(list_models().values()):
        for model in members:
            known = [backends()[engine.backend] for engine in model.engines if engine.backend in backends()]
            prompts = sorted({kind for backend in known for kind in backend.accepts})
            states = [readiness(model, engine) for engine in model.engines]
            found = next((state for state in states if state.state == "ready"), states[0])
            if (prompt is None or prompt in prompts) and (not ready or found.state == "ready"):
                facts = {"name": model.name, "family": family.name, "summary": model.summary, "license": model.license}
                entries.append(ModelEntry(**facts, prompts=prompts, state=told(found.meaning)))
    return ModelList(in_use={stage: told(name) for stage, name in in_use.items()}, models=entries)
