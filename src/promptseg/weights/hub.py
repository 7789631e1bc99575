"""Folders of the Hugging Face hub: their files at one commit, fetched, verified and cached.

The commit of a branch or a tag is asked for once and recorded in the cache, with the sizes and hashes of its files. From then on the same
files are used, also without a network, until the folder is fetched anew on purpose. Files that the hub's own programs have downloaded are
used where they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ..errors import InputError, WeightsError, WeightsMismatchError, WeightsNotFoundError, WeightsOfflineError, shown
from ..runtime.files import write_atomically
from ..runtime.home import cache_dir
from ..runtime.structured import is_integer, is_text, read_json
from .hub_client import endpoint, get, hub_home, hub_is_off
from .store import WeightFile, fetch_weights, file_sha256, offline, writable_folder

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
"""Names of repositories, as ``owner/name``."""

REVISION = re.compile(r"[A-Za-z0-9][\w./+-]{0,199}", re.ASCII)
"""Names of branches and tags, and commits."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_LISTING_BYTES = 32 << 20
_MAX_FILES = 20_000
_LONGEST = 500
"""Maximum number of characters of the path of a file."""

LARGEST_SMALL = 16 << 20
"""Maximum number of bytes of a file without a SHA-256, such as a configuration. The hub states that of larger ones."""

LARGEST = 1 << 36
"""Maximum number of bytes of the files of a model together: 64 GiB."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, as the hub states it.

    Attributes:
        size: Size in bytes, or None if it is not stated.
        sha256: Hex digest, or None for a small file, of which the hub states none.
        sha1: Hex digest by which git names a small file, or None.
    """

    size: int | None = None
    sha256: str | None = None
    sha1: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """The files of a repository at one commit.

    Attributes:
        repository: ``owner/name``.
        commit: The commit, 40 hexadecimal digits.
        files: The files by their paths, with ``/``.
    """

    repository: str
    commit: str
    files: Mapping[str, HubFile]

    @property
    def folder(self) -> Path:
        """Folder of the cache with the files that were fetched."""
        return _folder(self.repository) / self.commit

    def fetch(self, names: Iterable[str]) -> Path:
        """Fetch the files that are not cached, verify them, and return the folder with them.

        Raises:
            WeightsOfflineError: A file is missing and the network is forbidden.
            WeightsNotFoundError: The repository has no such file, or the hub did not provide it. The message says what to do.
            WeightsMismatchError: A file that was fetched is not what the hub states.
            WeightsError: The files are too large, or the cache cannot be written.
        """
        wanted = {name: self._file(name) for name in names}
        total = sum(file.size or 0 for file in wanted.values())
        if total > LARGEST:
            raise WeightsError(f"the files of {self.repository} have {total} bytes together, more than the {LARGEST} that are fetched")
        for name, file in wanted.items():  # Small files first: the license of a repository is checked at the first request.
            if file.sha256 is None:
                _fetch_small(self, name, file)
        for name, file in wanted.items():
            if file.sha256 is not None:
                path = PurePosixPath(name)
                folder = self.folder / path.parent
                _use_downloaded(self, name, folder / path.name)
                source = f"hf:{self.repository}@{self.commit}/{name}"
                fetch_weights(self.repository, [WeightFile(path.name, file.sha256, (source,), file.size)], folder, off=hub_is_off())
        return self.folder

    def lacks(self, names: Iterable[str]) -> list[str]:
        """Return the files that are not cached. Their content is not looked at."""
        return [name for name in names if not (self.folder / name).is_file()]

    def damaged(self, names: Iterable[str]) -> list[str]:
        """Hash cached files again, and return those that are not what the hub states. Fetching gets them again."""
        found = []
        for name in names:
            path, file = self.folder / name, self._file(name)
            if path.is_file() and not _is_as_stated(path, file):
                found.append(name)
                path.unlink()
        return found

    def _file(self, name: str) -> HubFile:
        if name not in self.files:
            raise WeightsNotFoundError(f"{self.repository} has no file {shown(name)} at commit {self.commit[:12]}")
        return self.files[name]


def snapshot(repository: str, revision: str = "main", *, anew: bool = False) -> Snapshot:
    """Return what a repository holds at a branch, tag or commit.

    Args:
        repository: ``owner/name``.
        revision: Branch, tag or commit.
        anew: Whether to ask the hub again which commit a branch or a tag names now. If it cannot be reached, the recorded one is used.

    Raises:
        WeightsOfflineError: It was never asked for, and the network is forbidden.
        WeightsNotFoundError: The hub shows no such repository or revision. The message says what to do.
        WeightsError: The hub cannot be reached, its answer is damaged, or the cache cannot be written.
    """
    record = _folder(repository) / f"{quote(revision, safe='')}.json"
    off = offline() or hub_is_off()
    known = _recorded(record, repository)
    if known is not None and (off or not anew or _COMMIT.fullmatch(revision)):
        return known
    if off and (known := _downloaded(repository, revision)) is not None:
        return known
    if off:
        variable = "PROMPTSEG_OFFLINE" if offline() else "HF_HUB_OFFLINE"
        raise WeightsOfflineError(f"hf:{repository} at {revision} is not in the cache, and {variable} forbids fetching it: unset it")
    with writable_folder(record.parent):
        try:
            found = _asked(repository, revision)
        except WeightsNotFoundError:
            raise
        except WeightsError:
            if (known := known or _downloaded(repository, revision)) is None:
                raise
            return known
        for path in {record, record.with_name(f"{found.commit}.json")}:
            with write_atomically(path, text=True) as out:
                json.dump({"commit": found.commit, "files": {name: asdict(file) for name, file in found.files.items()}}, out)
    return found


def _folder(repository: str) -> Path:
    return cache_dir() / "hub" / repository.replace("/", "--")


def _asked(repository: str, revision: str) -> Snapshot:
    """Return what the hub says that a repository holds."""
    path = f"api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        with tempfile.TemporaryDirectory() as place:
            answer = Path(place) / "answer.json"
            get(path, repository, answer, limit=_MAX_LISTING_BYTES, quiet=True)
            values = read_json(answer, _MAX_LISTING_BYTES)
    except InputError as error:
        raise WeightsError(f"the answer of {endpoint()} about {repository} is no JSON: is it a server of the Hugging Face hub?") from error
    except WeightsError as error:
        raise type(error)(f"hf:{repository} at {revision} cannot be looked up: {error}") from error
    commit = values.get("sha") if isinstance(values, dict) else None
    listed = values.get("siblings") if isinstance(values, dict) else None
    if not (isinstance(commit, str) and _COMMIT.fullmatch(commit)) or not isinstance(listed, list) or len(listed) > _MAX_FILES:
        raise WeightsError(f"the answer of {endpoint()} about {repository} names no commit or no files: expected those of a hub")
    files = {}
    for entry in listed:
        name = entry.get("rfilename") if isinstance(entry, dict) else None
        if _is_path(name):
            files[name] = _as_file({**entry, **(entry["lfs"] if isinstance(entry.get("lfs"), dict) else {})})
    return Snapshot(repository, commit, files)


def _as_file(values: Mapping[str, Any]) -> HubFile:
    size, sha256, sha1 = values.get("size"), values.get("sha256"), values.get("sha1") or values.get("blobId")
    return HubFile(
        size if is_integer(size) else None,
        sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None,
        sha1 if isinstance(sha1, str) and _COMMIT.fullmatch(sha1) else None,
    )


def _is_path(name: object) -> bool:
    """Return whether a name is that of a file below a folder, on any system."""
    if not is_text(name, 1) or len(name) > _LONGEST or re.search(r'[\\:*?"<>|\x00-\x1f]', name):
        return False
    return all(part.strip(". ") for part in name.split("/"))  # No empty parts, and neither "." nor "..".


def _recorded(record: Path, repository: str) -> Snapshot | None:
    """Return what was recorded of a revision, or None. A damaged record counts as none."""
    try:
        values = read_json(record, _MAX_LISTING_BYTES)
        commit, files = values["commit"], values["files"]
        if not _COMMIT.fullmatch(commit) or not all(_is_path(name) for name in files):
            return None
        return Snapshot(repository, commit, {name: _as_file(file) for name, file in files.items()})
    except (InputError, TypeError, KeyError, AttributeError):
        return None


def _fetch_small(repository: Snapshot, name: str, file: HubFile) -> None:
    """Fetch a file of which the hub states no SHA-256."""
    target = repository.folder / name
    if target.is_file() and file.size in (None, target.stat().st_size):
        return
    with writable_folder(target.parent):
        if _use_downloaded(repository, name, target) and file.size in (None, target.stat().st_size):
            return
        if offline() or hub_is_off():
            raise WeightsOfflineError(
                f"{name} of hf:{repository.repository} is not in the cache, and PROMPTSEG_OFFLINE or HF_HUB_OFFLINE forbids fetching it"
            )
        if (file.size or 0) > LARGEST_SMALL:
            raise WeightsError(f"{name} of hf:{repository.repository} has {file.size} bytes and no SHA-256, which is not fetched")
        path = f"{repository.repository}/resolve/{repository.commit}/{quote(name)}"
        try:
            with tempfile.TemporaryDirectory() as place:
                part = Path(place) / target.name
                get(path, repository.repository, part, file.size, LARGEST_SMALL, quiet=True)
                content = part.read_bytes()
            if file.sha1 is not None and (found := _git_sha1(content)) != file.sha1:
                raise WeightsMismatchError(f"it has git's SHA-1 {found}, and the hub states {file.sha1}: try again")
        except WeightsError as error:
            raise type(error)(f"{name} of hf:{repository.repository} could not be fetched: {error}") from error
        with write_atomically(target) as out:
            out.write(content)


def _is_as_stated(path: Path, file: HubFile) -> bool:
    if file.sha256 is not None:
        return file_sha256(path) == file.sha256
    return file.size in (None, path.stat().st_size) and file.sha1 in (None, _git_sha1(path.read_bytes()))


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


# What the hub's own programs have downloaded: HUB/models--OWNER--NAME/snapshots/COMMIT/FILE, which are links to blobs/HASH.


def _hub_cache(repository: str) -> Path:
    given = os.environ.get("HF_HUB_CACHE", "").strip()
    base = Path(os.path.expanduser(given)) if given else hub_home() / "hub"  # noqa: PTH111 - Unlike pathlib's, it never raises.
    return base / f"models--{repository.replace('/', '--')}"


def _use_downloaded(repository: Snapshot, name: str, target: Path) -> bool:
    """Link to a file that the hub's own programs have downloaded, in place of downloading it again. Return whether there is one."""
    there = _hub_cache(repository.repository) / "snapshots" / repository.commit / name
    with contextlib.suppress(OSError):  # Systems without links download it.
        if not target.exists() and there.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # A link to what is gone.
            target.symlink_to(there.resolve())
    return target.is_file()


def _downloaded(repository: str, revision: str) -> Snapshot | None:
    """Return what the hub's own programs have downloaded of a revision, or None."""
    cache = _hub_cache(repository)
    commit = revision
    with contextlib.suppress(OSError, ValueError):
        if not _COMMIT.fullmatch(revision):
            with (cache / "refs" / revision).open("rb") as file:
                commit = file.read(_LONGEST).decode("ascii").strip()
        folder = cache / "snapshots" / commit
        if not _COMMIT.fullmatch(commit) or not folder.is_dir():
            return None
        files = {}
        for path in list(folder.rglob("*"))[:_MAX_FILES]:
            if path.is_file() and _is_path(name := path.relative_to(folder).as_posix()):
                blob = path.resolve().name
                stated = blob if path.is_symlink() and _SHA256.fullmatch(blob) else None
                files[name] = HubFile(path.stat().st_size, stated)
        return Snapshot(repository, commit, files) if files else None
    return None
