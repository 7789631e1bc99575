"""The base class of all suites, with tests that apply to some models only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

_Test = TypeVar("_Test", bound=Callable[..., None])
_NEEDS = "_promptseg_needs"


def needs(condition: Callable[[Any], bool]) -> Callable[[_Test], _Test]:
    """Restrict a test to those suites for which a condition holds.

    Args:
        condition: Takes the suite, a class, and looks at its attributes.

    Returns:
        A decorator of the test. A suite that does not meet the condition lacks the test: pytest neither runs nor skips it.
    """

    def mark(test: _Test) -> _Test:
        setattr(test, _NEEDS, condition)
        return test

    return mark


class Suite:
    """Tests for a model, restricted to what the attributes of the class say that the model can do."""

    _conditional: ClassVar[dict[str, Callable[..., None]]] = {}
    """Tests with a condition, by name, whether they apply or not."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Drop tests whose condition does not hold, and restore those whose condition holds again."""
        super().__init_subclass__(**kwargs)
        conditional: dict[str, Callable[..., None]] = {}
        for base in reversed(cls.__bases__):
            conditional.update(getattr(base, "_conditional", {}))
        own = vars(cls)
        cls._conditional = {name: test for name, test in conditional.items() if name not in own}
        cls._conditional.update({name: test for name, test in own.items() if hasattr(test, _NEEDS)})
        for name, test in cls._conditional.items():
            setattr(cls, name, test if getattr(test, _NEEDS)(cls) else None)  # pytest does not collect None.
