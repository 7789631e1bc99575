"""What pyogrio would take a file for, and what GDAL would fetch, unless they are told not to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import PromptSegError


def check_gdal_path(path: Path, error: type[PromptSegError]) -> None:
    """Check that pyogrio takes a path for what it is: of one with an exclamation mark, it opens another file, as if it lay in an archive.

    Args:
        path: The path.
        error: Type of the error to raise.

    Raises:
        PromptSegError: The path has an exclamation mark. The type is `error`.
    """
    if "!" in str(path.absolute()):
        raise error(f"{path.absolute()} has an exclamation mark, which GeoPackage cannot have in its path: rename it, or use GeoJSON")


@contextlib.contextmanager
def offline(pyogrio: Any) -> Iterator[None]:
    """Let GDAL fetch nothing in the block: a GeoJSON file may name its coordinate system by an address."""
    with _one_at_a_time:  # GDAL's settings are those of the process.
        before = {name: pyogrio.get_gdal_config_option(name) for name in _PROXIES}
        pyogrio.set_gdal_config_options(dict.fromkeys(_PROXIES, "nothing://nowhere"))
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)


_PROXIES = ("GDAL_HTTP_PROXY", "GDAL_HTTPS_PROXY")
_one_at_a_time = threading.Lock()
