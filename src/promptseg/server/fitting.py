"""Whether a model takes the prompts of a request. What it lacks is told as who asks a server, or runs it, can act on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import IncompatibleStagesError, PromptError
from ..prompts import Concept, Prompt, PromptKind, phrases_of
from ..vocabulary import vocabulary_of
from .operations import ServedModel

WORDS: dict[PromptKind, str] = {
    "point": "points",
    "box": "boxes",
    "mask": "masks",
    "text": "text",
    "example": "examples",
    "everything": "everything mode",
}
"""Kinds of prompt in the words of a message."""


def check_fit(model: ServedModel, prompts: Sequence[Prompt], models: Sequence[ServedModel]) -> None:
    """Check that a model takes the prompts of a request.

    Args:
        model: The model.
        prompts: The prompts. Without any, its detector looks for all that it knows.
        models: All models of the server, of which another may take them.

    Raises:
        IncompatibleStagesError: The model does not take a prompt.
        PromptError: There is no prompt, and the model has no detector; or a phrase names none of the classes that its detector knows.
    """
    if not prompts and not model.unprompted:
        raise PromptError(
            f"nothing to segment: send at least one prompt. Without one, a detector looks for what it knows, and the model {model.name!r} "
            f"has none: {_instead([other for other in models if other.unprompted], '--detector')}"
        )
    for prompt in prompts:
        together = isinstance(prompt, Concept)
        lacking = prompt.kinds - (model.concepts if together else model.accepts)
        if lacking and together and prompt.kinds == {"text"} <= model.accepts:
            raise IncompatibleStagesError(f"the model {model.name!r} takes a phrase as a prompt of text, and not as a concept: send it so")
        if lacking:
            able = [other for other in models if prompt.kinds <= (other.concepts if together else other.accepts)]
            words = "text with examples" if together and len(prompt.kinds) > 1 else words_for(lacking)
            raise IncompatibleStagesError(
                f"the model {model.name!r} takes no {words}: {_instead(able, option_for(prompt.kinds, together))}"
            )
    if model.unprompted and model.classes and "text" not in model.concepts and (phrases := phrases_of(prompts)):
        vocabulary_of(model.classes).labels(phrases)


def words_for(kinds: Collection[PromptKind]) -> str:
    """Return kinds of prompt as words, such as ``"points or boxes"``."""
    return " or ".join(WORDS[kind] for kind in WORDS if kind in kinds)


def option_for(kinds: Collection[PromptKind], together: bool = False) -> str:
    """Return the options of ``promptseg serve`` by which a model takes some kinds of prompt.

    Args:
        kinds: The kinds.
        together: Whether a concept may consist of them.
    """
    if "text" not in kinds:
        return "--model"
    return "--concept" if together else "--detector or --concept"


def _instead(able: Sequence[ServedModel], option: str) -> str:
    if not able:
        return f"no model of this server does; it is started with {option} for that"
    return f"ask for the model {' or '.join(repr(model.name) for model in able[:3])}"
