"""Images as the input of SAM 3: stretched to a square and scaled to -1 to 1, as the models were trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_CENTER = 127.5
"""Mean and standard deviation of .5 each, for values of 0 to 255."""


def model_input(images: Sequence[NDArray[np.uint8]], side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return images as model inputs.

    Upstream resizes in whole numbers. Pillow's filter differs from torch's by 1 of 255 in some pixels, so that it is torch's here.

    Args:
        images: (H, W, 3) uint8 RGB, of any sizes.
        side: Side of the model input in pixels.
        device: Device of the result.
        dtype: Number type of the result.

    Returns:
        (N, 3, side, side), values of -1 to 1.
    """
    resized = []
    for image in images:
        pixels = torch.tensor(np.ascontiguousarray(image), device="cpu").permute(2, 0, 1)[None].contiguous()
        if image.shape[:2] != (side, side):
            pixels = functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
        resized.append(pixels)
    batch = torch.cat(resized).to(device)
    return ((batch.to(torch.float32) - _CENTER) / _CENTER).to(dtype)
