"""Opening of images: each is encoded once, or found in a cache, whoever asks for it at the same time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...images import ImageLike, load_image_copy
from ...masks import Size
from ...protocols import EmbeddingStore
from ...results import Provenance
from ...runtime.single_flight import SingleFlight
from .cache import image_key
from .geometry import InputGeometry
from .model import Embedding

_encoding: SingleFlight[tuple[int, str], Embedding] = SingleFlight()
"""Images that are being encoded now, by key and by the `id` of the cache that gets them, or of the model where there is no cache."""


class Encoder(Protocol):
    """A model that encodes images, such as a `promptseg.models.sam.model.SamModel`."""

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype and weights of the model."""
        ...

    def geometry(self, size: Size) -> InputGeometry:
        """Return the position of images of a size ``(height, width)`` inside the model input."""
        ...

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of (H, W, 3) uint8 RGB images of any sizes."""
        ...


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """An image with its embedding.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        embedding: The encoded image.
        timings: Seconds by stage: ``encode``, or ``cache`` for an embedding that was found.
    """

    pixels: NDArray[np.uint8]
    embedding: Embedding
    timings: Mapping[str, float]


def open_images(model: Encoder, cache: EmbeddingStore | None, images: Sequence[ImageLike]) -> list[OpenedImage]:
    """Return images of any sizes with their embeddings.

    Images that are not in the cache are encoded together, which is faster on an accelerator. An image that another thread is encoding now,
    or that is there twice, is encoded once.

    Args:
        model: The model.
        cache: Cache of embeddings, or None to encode every time.
        images: The images.

    Raises:
        InputError: An image cannot be read or is not a valid image.
    """
    pixels = [load_image_copy(image) for image in images]
    keys = [image_key(array, model.provenance) for array in pixels]
    by_key = dict(zip(keys, pixels, strict=True))
    seconds: dict[str, float] = {}

    def encode(own: list[tuple[int, str]]) -> dict[tuple[int, str], Embedding]:
        encoded = _encoded(model, cache, {key: by_key[key] for _, key in own}, seconds)
        return {(owner, key): embedding for key, embedding in encoded.items()}

    owner = id(model if cache is None else cache)
    started = time.perf_counter()
    found = _encoding.get([(owner, key) for key in keys], encode)
    waited = time.perf_counter() - started - sum(seconds.values())
    encoded = sum(key in seconds for key in keys)  # An image may be there twice.
    return [
        OpenedImage(
            array,
            found[owner, key],
            {"encode": sum(seconds.values()) / encoded} if key in seconds else {"cache": waited / (len(keys) - encoded)},
        )
        for key, array in zip(keys, pixels, strict=True)
    ]


def _encoded(
    model: Encoder, cache: EmbeddingStore | None, images: Mapping[str, NDArray[np.uint8]], seconds: dict[str, float]
) -> dict[str, Embedding]:
    """Return embeddings by key, from the cache or encoded together. Write the seconds that encoding took to `seconds`, by key."""
    found: dict[str, Embedding] = {}
    for key, array in images.items():
        features = None if cache is None else cache.get(key)
        if features is not None:
            found[key] = Embedding(features, model.geometry((array.shape[0], array.shape[1])))
    missing = [key for key in images if key not in found]
    if missing:
        started = time.perf_counter()
        found |= zip(missing, model.encode([images[key] for key in missing]), strict=True)
        if cache is not None:
            for key in missing:
                cache.put(key, dict(found[key].features))
        seconds |= dict.fromkeys(missing, (time.perf_counter() - started) / len(missing))
    return found
