import inspect
import re

import numpy as np
import pytest

from promptseg import errors


def _classes():
    return {name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.PromptSegError)}


def _drawn_tree():
    """(name, parent, built-in base or None) of each line of the tree in the module's docstring."""
    path = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^ {4}((?:│  |   )*)(?:[├└]─ )?(\w+Error)(?:\((\w+)\))?", line)
        if match and (path or match[2] == "PromptSegError"):
            depth = 0 if match[2] == "PromptSegError" else len(match[1]) // 3 + 1
            path[depth:] = [match[2]]
            yield match[2], path[depth - 1] if depth else None, match[3]


def test_the_docstring_draws_every_error_under_its_parent():
    drawn = {name: parent for name, parent, _ in _drawn_tree()}
    actual = {
        name: next((base.__name__ for base in cls.__bases__ if base.__name__ in _classes()), None) for name, cls in _classes().items()
    }
    assert drawn == actual


def test_the_docstring_names_the_builtin_base_of_each_error():
    import builtins

    named = [(name, base) for name, _, base in _drawn_tree() if base]
    assert len(named) >= 7
    for name, base in named:
        assert issubclass(_classes()[name], getattr(builtins, base))


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        ("ConfigError", ValueError),
        ("UnknownModelError", ValueError),
        ("PromptError", ValueError),
        ("InputError", ValueError),
        ("MissingDependencyError", ImportError),
        ("WeightsNotFoundError", RuntimeError),
        ("OutputError", RuntimeError),
        ("OutOfMemoryError", RuntimeError),
        ("BackendError", RuntimeError),
    ],
)
def test_an_error_can_be_caught_as_the_builtin_that_a_caller_would_expect(error, builtin):
    with pytest.raises(builtin, match="why"):
        raise getattr(errors, error)("why")


def test_the_nearest_name_is_suggested_whatever_its_case():
    assert errors.nearest("SAM-VIT-G", ["sam-vit-h", "mini-sam"]) == " Did you mean 'sam-vit-h'?"


def test_at_most_three_names_are_suggested_those_that_contain_the_name_first():
    known = ["mini-sam", "sam2-tiny", "sam2-small", "grounding-dino", "sam2-base"]
    assert errors.nearest("sam2", known) == " Did you mean 'sam2-tiny', 'sam2-small' or 'sam2-base'?"
    assert errors.nearest("dino", known) == " Did you mean 'grounding-dino'?"
    assert errors.nearest(5, known) == ""


def test_a_name_that_differs_in_case_and_hyphens_alone_is_the_only_suggestion():
    assert errors.nearest("SAM2_Tiny", ["sam2-tiny", "sam2-tin"]) == " Did you mean 'sam2-tiny'?"


def test_a_long_name_is_suggested_for_its_misspelled_beginning():
    assert errors.nearest("vitmate", ["mini-sam", "vitmatte-small-composition-1k"]) == " Did you mean 'vitmatte-small-composition-1k'?"


def test_nothing_is_suggested_for_a_name_that_resembles_none():
    assert errors.nearest("zzzzzz", ["sam-vit-h", "mini-sam"]) == ""
    assert errors.nearest("mini-sam", []) == ""


class _Unshown:
    def __repr__(self):
        raise RuntimeError("no repr")


def _circle():
    values = []
    values.append(values)
    return values


def _deep():
    values = []
    for _ in range(100_000):
        values = [values]
    return values


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), ("a", "'a'"), (None, "None"), ([1, 2], "[1, 2]"), ({"a": 1}, "{'a': 1}"), (b"a", "b'a'"), (np.zeros(2), "array([0., 0.])")],
)
def test_a_small_value_is_shown_as_it_is(value, text):
    assert errors.shown(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        10**5000,
        -(10**5000),
        [0] * 10**6,
        {str(n): n for n in range(1000)},
        np.zeros((300, 3)),
        _circle(),
        _deep(),
        _Unshown(),
        [_Unshown()],
        "\ud800" * 500,
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_shown_briefly(value):
    assert 0 < len(errors.shown(value)) <= 80


def test_the_digits_of_a_huge_integer_are_counted():
    assert errors.shown(10**5000) == "an integer of about 5001 digits"
