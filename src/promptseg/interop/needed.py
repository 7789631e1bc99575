"""The import of another library, or the error that says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingDependencyError


def needed(package: str) -> Any:
    """The module `package`.

    Raises:
        MissingDependencyError: It is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(f"this needs the package {package}, which cannot be imported: pip install {package}") from error
