"""Import of optional packages."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingDependencyError


def import_package(package: str) -> Any:
    """Return the module of a package.

    Raises:
        MissingDependencyError: The package is not installed, or cannot be imported. The message says how to install it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(f"this conversion needs package {package}, which cannot be imported: pip install {package}") from error
