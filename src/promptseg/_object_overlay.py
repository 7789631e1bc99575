"""Overlay of tracked objects on one frame. An object has the same color on every frame, in a video and in a single image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .images import ImageLike
from .masks import Masks
from .object_colors import ObjectColors
from .overlay import FILL, draw


class WithImage(Protocol):
    """Something with an image, such as a frame of `promptseg.open_frames`."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        ...


def draw_objects(
    image: ImageLike | WithImage, object_ids: Sequence[int], masks: Masks, object_colors: ObjectColors | None = None, **style: Any
) -> Image.Image:
    """Draw the masks of objects on a frame, each in its color and with its name.

    Args:
        image: The frame, as an image or with one.
        object_ids: One id per mask.
        masks: Masks of the frame's size.
        object_colors: Colors of the objects of the video, by default those that this frame alone gives.
        style: Arguments of `promptseg.overlay.draw`, in place of the colors and the opacity of tracked videos.
    """
    own = getattr(image, "image", None)
    pixels = own if isinstance(own, np.ndarray) else image
    names = [object_name(mask.label, number) for number, mask in zip(object_ids, masks, strict=True)]
    named = Masks((replace(mask, score=None, label=name) for mask, name in zip(masks, names, strict=True)), masks.size)
    of_objects = ObjectColors() if object_colors is None else object_colors
    chosen = [of_objects.of(number, mask.label) for number, mask in zip(object_ids, masks, strict=True)]
    # The opacity must not change with the number of objects.
    return draw(cast("ImageLike", pixels), named, **{"colors": chosen, "opacity": FILL, **style})


def object_name(label: str | None, number: int) -> str:
    """Return the name of an object, such as ``"dog 2"``."""
    return f"{label or 'object'} {number}"
