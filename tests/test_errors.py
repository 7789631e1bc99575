import inspect
import re

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


def test_nothing_is_suggested_for_a_name_that_resembles_none():
    assert errors.nearest("zzzzzz", ["sam-vit-h", "mini-sam"]) == ""
    assert errors.nearest("mini-sam", []) == ""
