"""Files that are made from weights and kept in the cache, with their SHA-256, so that damaged ones are noticed and made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from .files import remove_leftovers, write_atomically
from .home import cache_dir

DIGESTS = "sha256.json"
"""Name of the file with the SHA-256 of each file in its folder."""

_LONGEST = 1 << 16


def prepared_folder(sha256: str, code: bytes) -> Path:
    """Return the folder for what is made from a weights file.

    Args:
        sha256: SHA-256 of the weights file.
        code: Source of the code that makes it. Other code has another folder.
    """
    return cache_dir() / "prepared" / f"{sha256[:16]}-{hashlib.sha256(code).hexdigest()[:8]}"


def read_prepared(folder: Path, names: Collection[str]) -> dict[str, bytes] | None:
    """Return the contents of prepared files by name, or None if one is absent or damaged."""
    digests = _digests(folder)
    try:
        contents = {name: (folder / name).read_bytes() for name in names}
    except OSError:
        return None
    return contents if all(digests.get(name) == _sha256(content) for name, content in contents.items()) else None


def write_prepared(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write prepared files, and their SHA-256 last.

    Raises:
        OSError: The cache folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    for name, content in contents.items():
        with write_atomically(folder / name) as file:
            file.write(content)
    with write_atomically(folder / DIGESTS, text=True) as file:
        json.dump({name: _sha256(content) for name, content in contents.items()}, file)


def check_prepared(sha256: str) -> dict[str, str]:
    """Return the state of all files that were made from a weights file: ``"ok"`` or what is wrong, by path in the cache folder.

    Args:
        sha256: SHA-256 of the weights file.
    """
    report = {}
    for folder in sorted((cache_dir() / "prepared").glob(f"{sha256[:16]}-*")):
        digests = _digests(folder)
        names = sorted({*digests, *(path.name for path in folder.glob("[!.]*") if path.name != DIGESTS)})
        for name in names:
            content = _content(folder / name)
            whole = content is not None and digests.get(name) == _sha256(content)
            path = f"prepared/{folder.name}/{name}"
            report[path] = "ok" if whole else "damaged: it is made again when the model is fetched or loaded"
    return report


def _digests(folder: Path) -> dict[str, str]:
    try:
        with (folder / DIGESTS).open("rb") as file:
            digests = json.loads(file.read(_LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    valid = isinstance(digests, dict) and all(Path(name).name == name for name in digests)
    return digests if valid else {}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
