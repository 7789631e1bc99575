"""Base class of all contracts, and a decorator for tests that apply only to some models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

_Test = TypeVar("_Test", bound=Callable[..., None])
_NEEDS = "_promptseg_needs"


def needs(condition: Callable[[Any], bool]) -> Callable[[_Test], _Test]:
    """Return a decorator that restricts a test to the suites that meet a condition.

    Args:
        condition: Function of the suite, a class, that checks its attributes.

    Returns:
        The decorator. A suite that does not meet the condition lacks the test: pytest neither runs nor skips it.
    """

    def mark(test: _Test) -> _Test:
        setattr(test, _NEEDS, condition)
        return test

    return mark


class Suite:
    """Tests for a model, restricted to the abilities in the attributes of the class."""

    _conditional: ClassVar[dict[str, Callable[..., None]]] = {}
    """Conditional tests by name, including those that do not apply."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Remove the tests whose condition is not met, and restore those whose condition is met again."""
        super().__init_subclass__(**kwargs)
        conditional: dict[str, Callable[..., None]] = {}
        for base in reversed(cls.__bases__):
            conditional.update(getattr(base, "_conditional", {}))
        own = vars(cls)
        cls._conditional = {name: test for name, test in conditional.items() if name not in own}
        cls._conditional.update({name: test for name, test in own.items() if hasattr(test, _NEEDS)})
        for name, test in cls._conditional.items():
            setattr(cls, name, test if getattr(test, _NEEDS)(cls) else None)  # pytest does not collect None.
