"""A cache of image embeddings, keyed by image content and weights and bounded in bytes.

Threads share it in memory; processes share it on disk. Encoding the image is the slow part of segmentation. An embedding depends only on
the pixels and the model, so its key is the SHA-256 of both: a changed image or changed weights never find an old embedding.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..._checks import whole_number
from ...errors import ConfigError, shown
from ...results import Provenance
from ...runtime.files import remove_leftovers, write_atomically
from ...runtime.forking import Lock
from ...runtime.home import cache_dir
from ...runtime.npz import read_npz, write_npz
from ...weights.store import DECODER

Features = Mapping[str, NDArray[np.float32]]

FORMAT = b"promptseg-embedding-1"
"""Format version, part of every key. Change it when encoding or its preprocessing changes, so that no old embedding is found."""


def image_key(image: NDArray[np.uint8], provenance: Provenance) -> str:
    """Return the cache key of an image: SHA-256 (hex) over its pixels and shape, the model and the dtype that the model computes in.

    A fine-tuned decoder does not change the key: its model shares the embeddings of the base model.
    """
    digest = hashlib.sha256(FORMAT)
    for part in (
        provenance.backend,
        provenance.model,
        provenance.dtype,
        *(f"{name}={sha}" for name, sha in sorted(provenance.weights.items()) if name != DECODER),
    ):
        digest.update(part.encode() + b"\0")
    digest.update(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class EmbeddingCache:
    """LRU cache of embeddings, in memory and optionally in a folder.

    Args:
        memory_bytes: Maximum number of bytes in memory; 0 keeps nothing in memory.
        folder: Folder that keeps the embeddings as well, or None. Several processes may share it.
        disk_bytes: Maximum number of bytes in the folder.

    Raises:
        ConfigError: A number is negative, or `folder` is a file.
    """

    def __init__(self, memory_bytes: int = 256 << 20, folder: str | os.PathLike[str] | None = None, disk_bytes: int = 2 << 30) -> None:
        self.memory_bytes = whole_number("memory_bytes", memory_bytes, 0)
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise ConfigError(f"the folder of an embedding cache is a folder or does not exist yet, got the file {self.folder}")
        self.disk_bytes = whole_number("disk_bytes", disk_bytes, 0)
        self._lock = Lock()
        self._entries: OrderedDict[str, Features] = OrderedDict()
        self._used = 0
        self._swept = False

    @property
    def nbytes(self) -> int:
        """Number of bytes held in memory now."""
        return self._used

    def get(self, key: str) -> Features | None:
        """Return the features stored under a key, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        features = self._read(key)
        if features is not None:
            self._remember(key, features)
        return features

    def put(self, key: str, features: Features) -> None:
        """Store features under a key. If the folder cannot be written, the features stay in memory only; no error is raised."""
        self._remember(key, features)
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                if not self._swept:  # Once for each cache: killed processes are rare.
                    self._swept = True
                    remove_leftovers(self.folder)
                with write_atomically(self.folder / f"{key}.npz") as file:
                    write_npz(file, features, _digest(key, features))
                _evict(self.folder, self.disk_bytes)

    def _remember(self, key: str, features: Features) -> None:
        size = _nbytes(features)
        if size > self.memory_bytes:
            return
        for array in features.values():
            array.setflags(write=False)  # Shared by every session on this image.
        with self._lock:
            if key not in self._entries:
                self._entries[key] = features
                self._used += size
            while self._used > self.memory_bytes:
                _, dropped = self._entries.popitem(last=False)
                self._used -= _nbytes(dropped)

    def _read(self, key: str) -> Features | None:
        if self.folder is None:
            return None
        path = self.folder / f"{key}.npz"
        try:
            features, digest = read_npz(path)
        except FileNotFoundError:
            return None
        except (ValueError, OSError):
            features, digest = {}, ""
        if digest != _digest(key, features):  # Damaged, or not written by `put`: the image is encoded again.
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # Marks it as used, for eviction.
        return features


def embedding_cache(option: object) -> EmbeddingCache | None:
    """Return the cache for the value of a backend's option ``cache``: an `EmbeddingCache`, ``"memory"``, ``"disk"`` or None.

    Raises:
        ConfigError: The value is something else.
    """
    if option is None or isinstance(option, EmbeddingCache):
        return option
    if option == "memory":
        return EmbeddingCache()
    if option == "disk":
        return EmbeddingCache(folder=cache_dir() / "embeddings")
    raise ConfigError(f"option cache is an EmbeddingCache, 'memory', 'disk' or None, got {shown(option)}")


def _evict(folder: Path, most_bytes: int) -> None:
    """Remove the least recently used files until the rest fit."""
    entries = []
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):  # Another process may have evicted it meanwhile.
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    used = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if used <= most_bytes:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        used -= size


def _digest(key: str, features: Features) -> str:
    """Return the SHA-256 (hex) of features under a key: their names, types, shapes and values."""
    digest = hashlib.sha256(key.encode())
    for name, array in sorted(features.items()):
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _nbytes(features: Features) -> int:
    return sum(array.nbytes for array in features.values())
