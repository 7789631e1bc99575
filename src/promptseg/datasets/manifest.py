"""Manifests: which files promptseg wrote, by their hashes, so that a file that somebody changed is told from one that nobody did.

A written folder has its manifest in the file ``.promptseg``. Files that a format writes into the output folder itself have theirs in
``.promptseg.json``. A manifest that is absent or damaged knows no file, so every file counts as the user's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..image_files import MARKER
from ..runtime.files import write_atomically

FOLDER_MANIFEST = MARKER
"""File in a written folder that lists its files. It marks the folder as written by promptseg, which may therefore replace it."""

FILE_MANIFEST = ".promptseg.json"
"""File in an output folder that lists the single files that promptseg wrote there."""

LINK = "link"
"""What stands in place of the hash of a symbolic link, which is not followed."""

_ABOUT = "Files that promptseg wrote here, with their SHA-256. Files with another hash were changed by hand, and are not overwritten."


@dataclass
class Manifest:
    """What promptseg knows of the files in a folder. Paths are relative, with ``/`` as separator.

    Attributes:
        files: Hash of each file that promptseg wrote.
        taken_in: Hash of each file of the user whose changes were taken in. Such a file stays, and is not reported again.
        pending: Hash of a file that was being replaced. After a kill it may be there already, or not yet.
    """

    files: dict[str, str] = field(default_factory=dict)
    taken_in: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)

    def is_ours(self, name: str, digest: str) -> bool:
        """Return whether a file is as promptseg wrote it."""
        return digest in (self.files.get(name), self.pending.get(name))

    def is_taken_in(self, name: str, digest: str) -> bool:
        """Return whether a file is as it was when the user's changes were taken in."""
        return self.taken_in.get(name) == digest

    def save(self, path: Path) -> None:
        """Write the manifest. The same content gives the same bytes."""
        content = {"about": _ABOUT, "files": self.files, "taken_in": self.taken_in, "pending": self.pending}
        plain = {name: value for name, value in content.items() if value or name in ("about", "files")}
        with write_atomically(path, text=True) as file:
            json.dump(plain, file, indent=1, sort_keys=True)
            file.write("\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. One that is absent or damaged is empty."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Manifest()
    return Manifest(*(_hashes(content, part) for part in ("files", "taken_in", "pending")))


def _hashes(content: Any, part: str) -> dict[str, str]:
    hashes = content.get(part) if isinstance(content, dict) else None
    if not isinstance(hashes, dict):
        return {}
    return {name: digest for name, digest in hashes.items() if isinstance(digest, str)}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, or `LINK` for a symbolic link."""
    if path.is_symlink():
        return LINK
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files and links of a folder and its subfolders, by their relative paths, in sorted order. Links are not followed.

    The folder's own manifest is left out, and so is what is neither a file, a link nor a folder.
    """
    folders = [""]
    while folders:
        inner = folders.pop()
        with os.scandir(folder / inner) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            name = f"{inner}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{name}/")
            elif (entry.is_symlink() or entry.is_file(follow_symlinks=False)) and name != FOLDER_MANIFEST:
                yield name, folder / name


def changed_in_folder(folder: Path) -> dict[str, str]:
    """Return the files of a written folder that the user changed or added, with their hashes."""
    manifest = read_manifest(folder / FOLDER_MANIFEST)
    digests = {name: digest_of(path) for name, path in files_in(folder)}
    return {name: digest for name, digest in digests.items() if not manifest.is_ours(name, digest)}
