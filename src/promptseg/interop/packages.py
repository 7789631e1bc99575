"""Import of optional packages."""

from __future__ import annotations

import importlib
import shlex
from typing import Any

from ..errors import MissingDependencyError


def import_package(package: str, install: str | None = None) -> Any:
    """Return the module of a package.

    Args:
        package: Name of the module.
        install: What pip installs, where it has another name than the module.

    Raises:
        MissingDependencyError: The package is not installed, or cannot be imported. The message says how to install it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        wanted = package if install is None else install
        raise MissingDependencyError(f"this needs package {wanted}, which cannot be imported: pip install {shlex.quote(wanted)}") from error
