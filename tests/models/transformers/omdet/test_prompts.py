"""Tasks of OmDet-Turbo: every phrase is named in one, none is cut."""

import pytest

from promptseg.errors import PromptError
from promptseg.models.transformers.omdet.prompts import tasks
from promptseg.vocabulary import parse_phrases


def tokenize(text, most):
    tokens = [len(word) for word in text.replace(",", " ,").replace(".", " .").split()]
    if len(tokens) + 2 > most:
        raise PromptError("too long")
    return [0, *tokens, 99]


def test_a_task_names_all_its_classes():
    (task,) = tasks(parse_phrases(["red car", "dog|puppy"]), tokenize, 40)
    assert task.tokens == tuple(tokenize("Detect red car, dog, puppy.", 40))
    assert task.classes == ((0, 3, 3, 99), (0, 3, 99), (0, 5, 99))
    assert task.phrases == (0, 1, 1)


def test_phrases_that_one_task_cannot_name_are_split_and_not_cut():
    found = tasks(parse_phrases([f"thing {'x' * number}" for number in range(1, 8)]), tokenize, 12)
    assert [task.phrases for task in found] == [(0, 1, 2), (3, 4, 5), (6,)]
    assert all(len(task.tokens) <= 12 for task in found)


def test_alternatives_of_one_phrase_may_be_split():
    found = tasks(parse_phrases(["a|b|c", "d"]), tokenize, 40, 2)
    assert [task.phrases for task in found] == [(0, 0), (0, 1)]


def test_a_phrase_that_is_too_long_for_a_task_is_named():
    with pytest.raises(PromptError, match="phrase 'x x x x x x x x' is too long"):
        tasks(parse_phrases(["dog", " ".join("x" * 8)]), tokenize, 10)
