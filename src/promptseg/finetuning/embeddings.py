"""Cached image embeddings: images are encoded once, and epochs read the embeddings from memory or from the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError
from ..images import load_image
from ..models.sam.cache import EmbeddingCache, image_key
from ..models.sam.session import SamSegmenter
from ..results import Provenance
from ..runtime import progress
from ..runtime.home import cache_dir
from ..runtime.host import available_memory
from .devices import Devices

_MEMORY_SHARE = 4
"""Divisor of the free memory: embeddings are kept in that share of it."""


class Embeddings(Sequence[Mapping[str, NDArray[np.float32]]]):
    """Features of images, in the order of the images. The constructor encodes images that are not in the cache.

    The cache on the disk is that of models with ``cache="disk"``, so images that such a model encoded are not encoded again. An image whose
    embedding leaves the cache meanwhile is encoded again.

    Args:
        images: Paths of the images.
        provenance: Provenance of the model that encodes them.
        open_model: Loads that model with a cache. It is called only if an image must be encoded.
        devices: Devices of the training. With several processes, each encodes a part of the images.

    Raises:
        InputError: An image cannot be read.
        OutputError: The embeddings fit neither into memory nor on the disk.
    """

    def __init__(
        self,
        images: Sequence[Path],
        provenance: Provenance,
        open_model: Callable[[EmbeddingCache], SamSegmenter],
        devices: Devices | None = None,
    ) -> None:
        self._images = images
        self._open_model = open_model
        self._model: SamSegmenter | None = None
        self._folder = cache_dir() / "embeddings"
        free = available_memory() or 0
        self._cache = EmbeddingCache(max(EmbeddingCache().memory_bytes, free // _MEMORY_SHARE), self._folder)
        self.encoded = 0
        self._keys = [image_key(load_image(image), provenance) for image in images]
        own = range(len(images)) if devices is None else range(devices.rank, len(images), devices.count)
        for index in progress.track(own, stage="encode", total=len(own), unit="image"):
            self._make_room(index)
        if devices is not None:
            devices.wait()
        self._model = None  # Its encoder would take more memory than the training.

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Mapping[str, NDArray[np.float32]]:  # type: ignore[override]  # No slices.
        features = self._cache.get(self._keys[index])
        if features is None:
            if self._model is None:
                self._model = self._open_model(self._cache)
            features = self._model.open(self._images[index]).embedding.features
            self.encoded += 1
        return features

    def _make_room(self, index: int) -> None:
        """Encode an image, and enlarge the cache for all images.

        Raises:
            OutputError: The embeddings fit neither into memory nor on the disk.
        """
        needed = len(self) * sum(array.nbytes for array in self[index].values())
        self._cache.disk_bytes = max(self._cache.disk_bytes, 2 * needed)
        if needed > self._cache.memory_bytes and not (self._folder / f"{self._keys[index]}.npz").is_file():
            raise OutputError(
                f"the embeddings of {len(self)} images take {needed >> 20} MiB, more than there is memory for, and {self._folder} cannot "
                "hold them: free disk space there, or set PROMPTSEG_HOME to a writable folder with enough space"
            )
