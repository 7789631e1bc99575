"""What the backends of SAM 3 share: the classes of transformers, and the folders that they read."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

from ..errors import MissingDependencyError

MIN_VERSION = (5, 23)
"""Minimum version of transformers."""

VIDEO = "Sam3VideoModel"
"""Class that the published folder names. It holds the concept model and the tracker; each is read out of it."""


def class_of(name: str) -> Any:
    """Return a class of transformers by its name.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or lacks the class.
    """
    installed = version("transformers")
    least = ".".join(map(str, MIN_VERSION))
    told = f"SAM 3 needs transformers {least} or later, installed is {installed}: pip install 'transformers>={least}'"
    if tuple(int(number) for number in re.findall(r"\d+", installed)[:2]) < MIN_VERSION:
        raise MissingDependencyError(told)
    try:
        import transformers

        return getattr(transformers, name)
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(f"{told}. {name} could not be imported: {error}") from error
