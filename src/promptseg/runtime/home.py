"""Cache folder of promptseg, which the environment variable ``PROMPTSEG_HOME`` sets."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ConfigError


def cache_dir() -> Path:
    """Return the folder for weights, prepared graphs and cached embeddings: ``PROMPTSEG_HOME``, or the platform's cache folder.

    Raises:
        ConfigError: ``PROMPTSEG_HOME`` begins with ``~`` and the name of a user who has no home folder.
    """
    given = os.environ.get("PROMPTSEG_HOME")
    if given:
        try:
            return Path(given).expanduser()
        except RuntimeError as error:
            raise ConfigError(f"PROMPTSEG_HOME is {given!r}, and {error}: give the whole path") from error
    from platformdirs import user_cache_path

    return user_cache_path("promptseg", appauthor=False)
