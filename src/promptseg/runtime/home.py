"""Cache folder of promptseg, which the environment variable ``PROMPTSEG_HOME`` sets."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder for weights, prepared graphs and cached embeddings: ``PROMPTSEG_HOME``, or the platform's cache folder."""
    given = os.environ.get("PROMPTSEG_HOME")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("promptseg", appauthor=False)
