"""`VitMatte`: ViTMatte of transformers as a `promptseg.matting.Matting`.

J. Yao, X. Wang, S. Yang, B. Wang, "ViTMatte: Boosting Image Matting with Pre-trained Plain Vision Transformers", Information Fusion 2024.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....errors import BackendError
from ....masks import Size
from ....results import Provenance
from ....runtime.forking import StaysInProcess
from ....runtime.torch_runner import TorchRunner
from ..loading import load_pretrained

LEAST_SIZE, MOST_SIZE = 64, 4096
"""Limits of the longer side of the model input in pixels."""

_MULTIPLE = 32
"""The sides of the model input are multiples of it."""


class VitMatte(StaysInProcess):
    """Alpha matting by ViTMatte; a `promptseg.matting.Matting`. It is safe to use from several threads.

    Args:
        module: ``VitMatteForImageMatting`` of transformers, in evaluation mode on the device.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.
        longest: Longer side of the model input in pixels. What is larger is scaled down, and its alpha up.
    """

    def __init__(
        self, module: Any, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32, longest: int = 1024
    ) -> None:
        self.provenance = provenance
        self._module, self._longest = module, longest
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)

    def alpha(self, image: NDArray[np.uint8], inside: NDArray[np.bool_], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the alpha of each pixel, (H, W) float32 in [0, 1]. At pixels that the trimap knows it may differ from the trimap.

        Args:
            image: (H, W, 3) uint8 RGB.
            inside: (H, W) the mask of the object, which the trimap was made of. It is not used.
            trimap: (H, W) 255 for the object, 0 for the background, 128 for unknown.

        Raises:
            OutOfMemoryError: There is not enough memory for the image.
            BackendError: The library failed, or the alpha is not finite.
        """
        import cv2

        del inside
        size = (image.shape[0], image.shape[1])
        content = _fitted(size, self._longest)
        if content != size:
            image = np.asarray(cv2.resize(image, content[::-1], interpolation=cv2.INTER_AREA), np.uint8)
            trimap = np.asarray(cv2.resize(trimap, content[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
        pixels = self._runner.on_device(prepared(image, trimap))
        found = self._runner.to_host(self._runner.run(lambda: self._module(pixel_values=pixels).alphas))
        if found.shape[:2] != (1, 1) or found.shape[2] < content[0] or found.shape[3] < content[1]:
            raise BackendError(f"{self.provenance.model} returned alpha of shape {found.shape} for {content[0]} x {content[1]} pixels")
        alpha = np.clip(found[0, 0, : content[0], : content[1]], 0, 1)
        if content != size:
            alpha = np.asarray(cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        return np.ascontiguousarray(alpha, np.float32)


def from_folder(
    folder: Path, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32, longest: int = 1024
) -> VitMatte:
    """Return the model in a folder that transformers saved.

    Args:
        folder: The folder.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.
        longest: Longer side of the model input in pixels.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or is damaged.
        OutOfMemoryError: The model does not fit into memory.
    """
    from transformers import VitMatteForImageMatting as Model

    return VitMatte(
        load_pretrained(Model, folder, device=device, dtype=torch.float32, architectures=(Model.__name__,)),
        provenance,
        device,
        dtype,
        longest,
    )


def prepared(image: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the model input, (1, 4, h, w) float32: the colors in [-1, 1] and the trimap in [0, 1], padded with zeros."""
    height, width = trimap.shape
    whole = np.zeros((1, 4, *(-(-length // _MULTIPLE) * _MULTIPLE for length in (height, width))), np.float32)
    whole[0, :3, :height, :width] = image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    whole[0, 3, :height, :width] = trimap.astype(np.float32) / 255
    return whole


def _fitted(size: Size, longest: int) -> Size:
    scale = min(1.0, longest / max(size))
    height, width = (max(1, round(length * scale)) for length in size)
    return height, width
