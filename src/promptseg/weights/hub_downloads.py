"""Files that the Hugging Face hub's own programs have downloaded: ``models--OWNER--NAME/snapshots/COMMIT/FILE`` in their cache.

Nothing is written there.
"""

from __future__ import annotations

import contextlib
import os
import re
from itertools import islice
from pathlib import Path
from typing import TypeGuard

from ..runtime.structured import is_text
from .hub_client import hub_home

COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")

MAX_FILES = 20_000
"""Maximum number of files of a repository."""

_LONGEST = 500
"""Maximum number of characters of the path of a file."""


def hub_cache(repository: str) -> Path:
    """Return the folder of a repository in the cache of the hub's own programs."""
    given = os.environ.get("HF_HUB_CACHE", "").strip()
    base = Path(os.path.expanduser(given)) if given else hub_home() / "hub"  # noqa: PTH111 - Unlike pathlib's, it never raises.
    return base / f"models--{repository.replace('/', '--')}"


def link_downloaded(repository: str, commit: str, name: str, target: Path) -> bool:
    """Link to a file that was downloaded, in place of downloading it again. Return whether `target` is a file then."""
    there = hub_cache(repository) / "snapshots" / commit / name
    with contextlib.suppress(OSError):  # Systems without links download it.
        if not target.exists() and there.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # A link to what is gone.
            target.symlink_to(there.resolve())
    return target.is_file()


def downloaded(repository: str, revision: str) -> tuple[str, dict[str, tuple[int, str | None]]] | None:
    """Return the commit of a revision, and the size and SHA-256 of each file that was downloaded of it, or None.

    The programs name large files by their SHA-256, and link to them. Of other files there is none.
    """
    cache, commit = hub_cache(repository), revision
    with contextlib.suppress(OSError, ValueError):
        if not COMMIT.fullmatch(revision):
            with (cache / "refs" / revision).open("rb") as file:
                commit = file.read(_LONGEST).decode("ascii").strip()
        folder = cache / "snapshots" / commit
        if not COMMIT.fullmatch(commit) or not folder.is_dir():
            return None
        files: dict[str, tuple[int, str | None]] = {}
        for path in islice(folder.rglob("*"), MAX_FILES):
            if path.is_file() and is_path(name := path.relative_to(folder).as_posix()):
                blob = path.resolve().name
                files[name] = path.stat().st_size, blob if path.is_symlink() and SHA256.fullmatch(blob) else None
        return (commit, files) if files else None
    return None


def is_path(name: object) -> TypeGuard[str]:
    """Return whether a name is that of a file below a folder, on any system."""
    if not is_text(name, 1) or len(name) > _LONGEST or re.search(r'[\\:*?"<>|\x00-\x1f]', name):
        return False
    return all(part.strip(". ") for part in name.split("/"))  # No empty parts, and neither "." nor "..".
