"""Packages of the extra ``geo``, imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from .._install import install_extra
from ..errors import MissingDependencyError


def geo_package(name: str, what: str) -> Any:
    """Import a package of the extra ``geo``.

    Args:
        name: Name of the module, such as ``"rasterio.crs"``.
        what: What needs it. The message begins with it.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(f"{what} needs {name.partition('.')[0]}, which is not installed: {install_extra('geo')}") from error
