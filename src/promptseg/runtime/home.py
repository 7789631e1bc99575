"""Paths that users give, and the cache folder of promptseg, which the environment variable ``PROMPTSEG_HOME`` sets."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ..errors import ConfigError, shown


def cache_dir() -> Path:
    """Return the folder for weights, prepared graphs and cached embeddings: ``PROMPTSEG_HOME``, or the platform's cache folder.

    Raises:
        ConfigError: ``PROMPTSEG_HOME`` is not a usable path.
    """
    given = os.environ.get("PROMPTSEG_HOME")
    if given:
        return as_path(given, "PROMPTSEG_HOME")
    from platformdirs import user_cache_path

    return user_cache_path("promptseg", appauthor=False)


def as_path(given: object, what: str) -> Path:
    """Return a path that a user gave, with ``~`` expanded. Whether there is such a file is not looked at.

    Args:
        given: Text or a path.
        what: Name of the path. The message begins with it.

    Raises:
        ConfigError: `given` is neither, is empty, begins with the home of an unknown user, or no file system takes it.
    """
    if not isinstance(given, (str, os.PathLike)) or not isinstance(text := os.fspath(given), str):
        raise ConfigError(f"{what} is a path, got {shown(given)}")
    if not text or "\0" in text:
        raise ConfigError(f"{what} is a path that is not empty and has no null character, got {shown(text)}")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{what} is {shown(text)}, and there is no such home folder: write the whole path") from error
    try:
        path.exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # Who opens the file reports everything else.
            raise ConfigError(f"{what} is a path that the file system takes, got {shown(text)} with {len(text)} characters") from error
    return path
