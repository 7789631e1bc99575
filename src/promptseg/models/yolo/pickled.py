"""Safe reader for checkpoints that contain whole models. Nothing in the file is executed.

It returns numbers, strings, tensors and containers as they are, and a `PicklePlaceholder` for every other object.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...runtime.torch_files import read_torch_file


class PicklePlaceholder:
    """Placeholder for an object of a class that is not imported.

    Attributes:
        class_name: Module and name of the class, or of the function that would have created the object.
        args: Arguments of that class or function.
        state: State of the object. For most objects it is a dictionary of the attributes.
    """

    class_name = ""

    def __new__(cls, *args: Any, **_: Any) -> PicklePlaceholder:  # noqa: PYI034 - Python 3.10 has no Self.
        """Create a placeholder from any arguments."""
        made = super().__new__(cls)
        made.args = args
        made.state = None
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `__new__` has stored the arguments."""

    args: tuple[Any, ...]
    state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore an entry of a subclass of dict."""

    def append(self, value: Any) -> None:
        """Ignore an element of a subclass of list."""

    def extend(self, values: Iterable[Any]) -> None:
        """Ignore the elements of a subclass of list."""

    def add(self, value: Any) -> None:
        """Ignore an element of a subclass of set."""


def read_pickled(path: Path) -> Any:
    """Return the content of a file that ``torch.save`` wrote, with a `PicklePlaceholder` for every object that is not plain.

    Raises:
        WeightsMismatchError: The file was not written by ``torch.save``, or it is damaged.
    """
    return read_torch_file(path, lambda name: type("PicklePlaceholder", (PicklePlaceholder,), {"class_name": name}))
