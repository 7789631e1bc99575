"""The text input of OmDet-Turbo: classes, and a task that names them all. Phrases are distributed over as many tasks as are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....errors import PromptError, shown
from ....vocabulary import Phrase


@dataclass(frozen=True)
class Task:
    """Text input of one forward pass.

    Attributes:
        tokens: Token IDs of the task.
        classes: Token IDs of each class.
        phrases: Index of the phrase of each class. A phrase has a class for each of its alternatives.
    """

    tokens: tuple[int, ...]
    classes: tuple[tuple[int, ...], ...]
    phrases: tuple[int, ...]


def tasks(phrases: Sequence[Phrase], tokenize: Callable[[str, int], list[int]], most: int, max_classes: int | None = None) -> list[Task]:
    """Distribute phrases over tasks, in their order. The processor of transformers cuts a task that is too long; here it is split.

    Args:
        phrases: The phrases.
        tokenize: Function that returns the token IDs of a text for a maximum number of them.
        most: Maximum number of tokens of a task, and of a class.
        max_classes: Maximum number of classes per task. None: as many as the task can name.

    Raises:
        PromptError: A phrase is too long for a task or has no tokens.
    """
    found: list[Task] = []
    names: list[str] = []
    owners: list[int] = []
    tokens: tuple[int, ...] = ()
    for index, phrase in enumerate(phrases):
        for name in phrase.alternatives:
            longer = _task([*names, name], tokenize)
            if names and (len(longer) > most or len(names) == max_classes):
                found.append(_made(tokens, names, owners, tokenize, most))
                names, owners = [], []
                longer = _task([name], tokenize)
            if len(longer) > most:
                raise PromptError(f"phrase {shown(name)} is too long: the model reads a task of {most} tokens, and has {len(longer)}")
            names.append(name)
            owners.append(index)
            tokens = longer
    found.append(_made(tokens, names, owners, tokenize, most))
    return found


def _task(names: Sequence[str], tokenize: Callable[[str, int], list[int]]) -> tuple[int, ...]:
    return tuple(tokenize(f"Detect {', '.join(names)}.", 1 << 30))


def _made(
    tokens: tuple[int, ...], names: Sequence[str], owners: Sequence[int], tokenize: Callable[[str, int], list[int]], most: int
) -> Task:
    return Task(tokens, tuple(tuple(tokenize(name, most)) for name in names), tuple(owners))
