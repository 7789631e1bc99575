"""Images, encoded once: an epoch reads what the image encoder made of them from memory or from the disk."""

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
from ..runtime.home import home
from ..runtime.host import available_memory
from .devices import Devices

_MEMORY_SHARE = 4
"""The part of the memory that is free in which embeddings are kept: one in so many."""


class Embeddings(Sequence[Mapping[str, NDArray[np.float32]]]):
    """The features of images, in the order of the images; computed here at once if they are not in the cache.

    The cache is the one on the disk that models with ``cache="disk"`` use, so that images which such a model saw are not encoded again. If
    it loses some meanwhile, they are encoded again.

    Args:
        images: The images.
        provenance: The model that encodes them, as it would say itself.
        open_model: Loads that model, with a cache to use; called only if there is something to encode.
        devices: Of several processes, each encodes a part of the images.

    Raises:
        InputError: An image cannot be read.
        OutputError: There is no room for the embeddings, neither in memory nor on the disk.
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
        self._folder = home() / "embeddings"
        free = available_memory() or 0
        self._cache = EmbeddingCache(max(EmbeddingCache().memory_bytes, free // _MEMORY_SHARE), self._folder)
        self.encoded = 0
        self._keys = [image_key(load_image(image), provenance) for image in images]
        own = range(len(images)) if devices is None else range(devices.rank, len(images), devices.count)
        for index in progress.track(own, total=len(own), unit="image"):
            self._make_room(index)
        if devices is not None:
            devices.wait()
        self._model = None  # Its encoder is the larger part of the memory that training would take.

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
        """Encodes an image, lets the cache hold all of them, and refuses to go on where the disk could not."""
        needed = len(self) * sum(array.nbytes for array in self[index].values())
        self._cache.disk_bytes = max(self._cache.disk_bytes, 2 * needed)
        if needed > self._cache.memory_bytes and not (self._folder / f"{self._keys[index]}.npz").is_file():
            raise OutputError(
                f"the embeddings of {len(self)} images take {needed >> 20} MiB, more than there is memory for, and {self._folder} cannot "
                "hold them: make room there, or set PROMPTSEG_HOME to a folder with room that you may write to"
            )
