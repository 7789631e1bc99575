"""Files that are made from weights and kept in the cache, with their SHA-256, so that damaged ones are noticed and made again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from .files import remove_leftovers, write_atomically
from .home import cache_dir

DIGESTS = "sha256.json"
"""Name of the file with the SHA-256 of each file in its folder."""

_LONGEST = 1 << 16

_FOLDER = re.compile(r"[0-9a-f]{16}-([0-9a-f]{8})(?:-[0-9a-f]{8})?")


def code_digest(sources: Iterable[Path]) -> str:
    """Return a short digest of source files: what they make is made again when one of them changes."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]


def prepared_folder(sha256: str, code: str, others: Sequence[str] = ()) -> Path:
    """Return the folder for what is made from a weights file.

    Args:
        sha256: SHA-256 of the weights file.
        code: `code_digest` of the code that makes it. Other code has another folder.
        others: SHA-256 of further files that it is made from.
    """
    parts = [sha256[:16], code, *([hashlib.sha256("".join(others).encode()).hexdigest()[:8]] if others else [])]
    return cache_dir() / "prepared" / "-".join(parts)


def outdated_folders(codes: Collection[str]) -> list[Path]:
    """Return the folders of prepared files that other code made, such as that of an older version.

    Args:
        codes: `code_digest` of all code of this version that makes prepared files.
    """
    found = ((path, _FOLDER.fullmatch(path.name)) for path in sorted((cache_dir() / "prepared").glob("*")))
    return [path for path, name in found if name is not None and name[1] not in codes and path.is_dir() and not path.is_symlink()]


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
