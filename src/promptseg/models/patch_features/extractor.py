"""`PatchFeatures`: a `promptseg.protocols.FeatureExtractor` on any vision transformer that gives a feature for each patch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...errors import BackendError
from ...images import ImageLike, load_image
from ...masks import Size
from ...protocols import FeatureMap
from ...results import Provenance
from ...runtime.forking import StaysInProcess
from ...runtime.torch_runner import TorchRunner
from ..pixels import PIXEL_MEAN, PIXEL_STD, Color, normalized

MAX_SIZE = 2072
"""Largest longer side of the model input in pixels. The time to encode grows with its fourth power."""

MIN_PATCH, MAX_PATCH = 4, 64
"""Smallest and largest side of a patch in pixels."""


class PatchFeatures(StaysInProcess):
    """Features of image patches; a `promptseg.protocols.FeatureExtractor`. It is safe to use from several threads.

    The image is resized so that both sides are whole numbers of patches, and the grid of patches covers it evenly.

    Args:
        encode: Function from (1, 3, h, w) pixels on the device to (1, T, C) features: of other tokens first, then of the patches, row by
            row.
        patch: Side of a patch in pixels.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.
        longest: Longer side of the model input in pixels; rounded to whole patches.
        mean: Mean by which pixels are normalized: red, green and blue in [0, 1].
        std: Standard deviation by which pixels are normalized.
    """

    def __init__(
        self,
        encode: Callable[[Tensor], Tensor],
        patch: int,
        provenance: Provenance,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        longest: int = 518,
        mean: Color = PIXEL_MEAN,
        std: Color = PIXEL_STD,
    ) -> None:
        self.provenance = provenance
        self._encode = encode
        self._patch, self._longest = patch, longest
        self._mean, self._std = mean, std
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)

    def grid(self, size: Size) -> Size:
        """Return ``(rows, columns)`` of the patches for an image of `size` (height, width)."""
        scale = self._longest / max(size) / self._patch
        return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))

    def features(self, image: ImageLike) -> FeatureMap:
        """Return the features of an image.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.

        Raises:
            InputError: The image cannot be read.
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: The library failed, or the features are not finite.
        """
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        rows, columns = self.grid(size)
        sides = (rows * self._patch, columns * self._patch)
        model_input = normalized(pixels, sides, Image.Resampling.BICUBIC, self._mean, self._std)
        run = self._runner

        def compute() -> NDArray[np.float32]:
            tokens = self._encode(run.on_device(model_input)[None])
            if tokens.ndim != 3 or tokens.shape[1] < rows * columns:
                raise BackendError(f"{self.provenance.model} gave {tuple(tokens.shape)} for {rows} x {columns} patches: it has none")
            return run.to_host(tokens[0, tokens.shape[1] - rows * columns :])

        values = run.run(compute).T.reshape(-1, rows, columns)
        return FeatureMap(np.ascontiguousarray(values), size)
