"""Folders of the Hugging Face hub: their files at one commit, fetched, verified and cached.

The commit of a branch or a tag is asked for once and recorded in the cache, with the sizes and hashes of its files. From then on the same
files are used, also without a network, until the folder is fetched anew on purpose. Files that the hub's own programs have downloaded are
used where they are.
"""

from __future__ import annotations

import hashlib
import json
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
from ..runtime.structured import is_integer, read_json
from .credentials import shown_source
from .hub_client import endpoint, get, hub_is_off
from .hub_downloads import COMMIT, MAX_FILES, SHA256, downloaded, is_path, link_downloaded
from .store import WeightFile, fetch_weights, file_sha256, offline, writable_folder

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
"""Names of repositories, as ``owner/name``."""

REVISION = re.compile(r"[A-Za-z0-9][\w./+-]{0,199}", re.ASCII)
"""Names of branches and tags, and commits."""

_MAX_LISTING_BYTES = 32 << 20
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
                if file.size is None:
                    raise WeightsError(f"{_server()} states no size of {name} of {self.repository}, which is not fetched")
                path = PurePosixPath(name)
                folder = self.folder / path.parent
                link_downloaded(self.repository, self.commit, name, folder / path.name)
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
    off = offline() or hub_is_off()
    known = recorded(repository, revision)
    if known is not None and (off or not anew or COMMIT.fullmatch(revision)):
        return known
    if off and (known := _downloaded(repository, revision)) is not None:
        return known
    if off:
        variable = "PROMPTSEG_OFFLINE" if offline() else "HF_HUB_OFFLINE"
        raise WeightsOfflineError(f"hf:{repository} at {revision} is not in the cache, and {variable} forbids fetching it: unset it")
    with writable_folder(_folder(repository)):
        try:
            found = _asked(repository, revision)
        except WeightsNotFoundError:
            raise
        except WeightsError:
            if (known := known or _downloaded(repository, revision)) is None:
                raise
            return known
        for name in {revision, found.commit}:
            with write_atomically(_record(repository, name), text=True) as out:
                json.dump({"commit": found.commit, "files": {path: asdict(file) for path, file in found.files.items()}}, out)
    return found


def cached_folder(repository: str, revision: str) -> Path:
    """Return the folder of the files that are cached of a revision, or of all revisions if none is recorded. It may not exist yet."""
    there = recorded(repository, revision)
    return _folder(repository) if there is None else there.folder


def recorded(repository: str, revision: str) -> Snapshot | None:
    """Return what was recorded of a revision, or None. A damaged record counts as none."""
    try:
        values = read_json(_record(repository, revision), _MAX_LISTING_BYTES)
        commit, files = values["commit"], values["files"]
        if not COMMIT.fullmatch(commit) or not all(is_path(name) for name in files):
            return None
        return Snapshot(repository, commit, {name: _as_file(file) for name, file in files.items()})
    except (InputError, TypeError, KeyError, AttributeError):
        return None


def _record(repository: str, revision: str) -> Path:
    return _folder(repository) / f"{quote(revision, safe='')}.json"


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
        raise WeightsError(f"the answer of {_server()} about {repository} is not JSON: is it a server of the Hugging Face hub?") from error
    except WeightsNotFoundError as error:
        raise WeightsNotFoundError(f"hf:{repository} at {revision} cannot be looked up: {error}") from error
    except WeightsError as error:
        ways = "Behind a proxy, set HTTPS_PROXY to its address; HF_ENDPOINT names a mirror"
        raise WeightsError(f"hf:{repository} at {revision} cannot be looked up: {error}. {ways}") from error
    commit = values.get("sha") if isinstance(values, dict) else None
    listed = values.get("siblings") if isinstance(values, dict) else None
    if not (isinstance(commit, str) and COMMIT.fullmatch(commit)) or not isinstance(listed, list) or len(listed) > MAX_FILES:
        raise WeightsError(f"the answer of {_server()} about {repository} names no commit or no files: expected those of a hub")
    if COMMIT.fullmatch(revision) and commit != revision:
        raise WeightsError(f"{_server()} was asked about commit {revision} of {repository}, and tells of {commit}")
    files = {}
    for entry in listed:
        name = entry.get("rfilename") if isinstance(entry, dict) else None
        if is_path(name):
            files[name] = _as_file({**entry, **(entry["lfs"] if isinstance(entry.get("lfs"), dict) else {})})
    return Snapshot(repository, commit, files)


def _server() -> str:
    """Return the address of the hub for a message, without a password."""
    return shown_source(endpoint())


def _as_file(values: Mapping[str, Any]) -> HubFile:
    size, sha256, sha1 = values.get("size"), values.get("sha256"), values.get("sha1") or values.get("blobId")
    return HubFile(
        size if is_integer(size) else None,
        sha256 if isinstance(sha256, str) and SHA256.fullmatch(sha256) else None,
        sha1 if isinstance(sha1, str) and COMMIT.fullmatch(sha1) else None,
    )


def _fetch_small(repository: Snapshot, name: str, file: HubFile) -> None:
    """Fetch a file of which the hub states no SHA-256."""
    target = repository.folder / name
    if target.is_file() and file.size in (None, target.stat().st_size):
        return
    with writable_folder(target.parent):
        if link_downloaded(repository.repository, repository.commit, name, target) and _is_as_stated(target, file):
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
        target.unlink(missing_ok=True)  # What is there may be a link to a file of others.
        with write_atomically(target) as out:
            out.write(content)


def _is_as_stated(path: Path, file: HubFile) -> bool:
    if file.sha256 is not None:
        return file_sha256(path) == file.sha256
    if path.stat().st_size > LARGEST_SMALL:
        return False
    return file.size in (None, path.stat().st_size) and file.sha1 in (None, _git_sha1(path.read_bytes()))


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _downloaded(repository: str, revision: str) -> Snapshot | None:
    """Return what the hub's own programs have downloaded of a revision, or None."""
    found = downloaded(repository, revision)
    if found is None:
        return None
    commit, files = found
    return Snapshot(repository, commit, {name: HubFile(size, sha256) for name, (size, sha256) in files.items()})
