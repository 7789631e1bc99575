"""Images that an assistant has opened and the results of its prompts, within bounds. The ones that were used least recently are dropped."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets.summary import content_key
from ..errors import InputError, shown
from ..masks import Masks
from ..results import Result

MAX_IMAGES, MAX_IMAGE_BYTES, MAX_RESULTS = 64, 512 << 20, 128
"""Bounds of what is kept. The image that was opened last is kept, however large it is."""


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """An image that an assistant has opened.

    Attributes:
        id: Beginning of the SHA-256 of its pixels.
        pixels: (H, W, 3) uint8 RGB.
        name: Name within its folder.
        path: The image file; for an image that was given as bytes, a name beside the other images.
        content: Bytes of the file, if the image was given as bytes. Otherwise None.
    """

    id: str
    pixels: NDArray[np.uint8]
    name: str
    path: Path
    content: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` in pixels."""
        return (self.pixels.shape[0], self.pixels.shape[1])


class OpenedImages:
    """Images and results by id. It is for one thread at a time."""

    def __init__(self) -> None:
        self._images: OrderedDict[str, OpenedImage] = OrderedDict()
        self._results: OrderedDict[str, tuple[str, Result]] = OrderedDict()
        self._made = 0

    def add(self, pixels: NDArray[np.uint8], name: str, path: Path, content: bytes | None = None) -> OpenedImage:
        """Keep an image and return it. An image of the same pixels keeps its id and its results."""
        key = content_key(pixels)[:12]
        image = OpenedImage(key, pixels, name, path, content)
        if key in self._images:
            image = replace(image, pixels=self._images[key].pixels)  # Its results have this array.
        self._images[key] = image
        self._images.move_to_end(key)
        while len(self._images) > MAX_IMAGES or (len(self._images) > 1 and self._bytes() > MAX_IMAGE_BYTES):
            dropped, _ = self._images.popitem(last=False)
            self._results = OrderedDict((id_, made) for id_, made in self._results.items() if made[0] != dropped)
        return image

    def image(self, image_id: str) -> OpenedImage:
        """Return an image.

        Raises:
            InputError: There is no image with this id, or it was dropped.
        """
        if image_id not in self._images:
            raise InputError(f"no image with id {shown(image_id)} is open: open it, also if it was open a while ago")
        self._images.move_to_end(image_id)
        return self._images[image_id]

    def add_result(self, image: OpenedImage, result: Result) -> str:
        """Keep a result and return its id."""
        self._made += 1
        result_id = f"{image.id}-{self._made}"
        # Logits would be the largest part by far, and refine no later prompt here.
        result = replace(result, masks=Masks([replace(mask, logits=None) for mask in result.masks], result.size))
        self._results[result_id] = image.id, result
        while len(self._results) > MAX_RESULTS:
            self._results.popitem(last=False)
        return result_id

    def result(self, result_id: str) -> tuple[OpenedImage, Result]:
        """Return a result with its image.

        Raises:
            InputError: There is no result with this id, or it was dropped.
        """
        if result_id not in self._results:
            raise InputError(f"there is no result with id {shown(result_id)}: segment the image, also if that was done a while ago")
        self._results.move_to_end(result_id)
        image_id, result = self._results[result_id]
        return self.image(image_id), result

    def _bytes(self) -> int:
        return sum(image.pixels.nbytes + len(image.content or b"") for image in self._images.values())
