"""Prompts as inputs of a tracker of the SAM family, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ....prompts import SpatialPrompt
from ..geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry
from ..model import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT
from ..prompt_batches import fitting_logits
from ..upsample import upsampler


def model_input(images: Sequence[NDArray[np.uint8]], side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return frames as model inputs (N, 3, side, side), as SAM 2's own code prepares a folder of frames: by Pillow's bicubic filter.

    Args:
        images: (H, W, 3) uint8 RGB, of any sizes.
        side: Side of the model input in pixels.
        device: Device of the result.
        dtype: Number type of the result.
    """
    resized = np.stack([np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((side, side))) for image in images])
    pixels = torch.tensor(resized, device=device).permute(0, 3, 1, 2).float().contiguous() / 255  # Convolutions round by the layout.
    mean, std = (
        torch.tensor([value / 255 for value in values], dtype=torch.float32, device=device).view(3, 1, 1)
        for values in (PIXEL_MEAN, PIXEL_STD)
    )
    return ((pixels - mean) / std).to(dtype)


def point_inputs(prompt: SpatialPrompt, geometry: InputGeometry) -> dict[str, Tensor]:
    """Return ``point_coords`` (1, P, 2) in pixels of the model input, and ``point_labels`` (1, P). The corners of the box come first."""
    height, width = geometry.size
    corners = np.zeros((0, 2), np.float32) if prompt.xyxy is None else prompt.xyxy.reshape(2, 2)
    labels = [] if prompt.xyxy is None else [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]
    xy = torch.tensor(np.concatenate([corners, prompt.xy])) / torch.tensor([width, height]) * geometry.input_size
    kinds = torch.tensor([*labels, *prompt.foreground.tolist()], dtype=torch.int32)
    return {"point_coords": xy[None], "point_labels": kinds[None]}


def mask_input(prompt: SpatialPrompt, geometry: InputGeometry) -> Tensor:
    """Return a mask prompt as (1, 1, input_size, input_size) float32 of 0 and 1.

    Raises:
        PromptError: Mask logits do not have the shape of the model's low-resolution logits.
    """
    if prompt.mask_pixels is not None:
        pixels = prompt.mask_pixels.array
    else:
        pixels = upsampler(geometry).mask(mask_logits(prompt, geometry), keep_logits=False).array
    mask, side = torch.tensor(pixels, dtype=torch.float32, device="cpu")[None, None], (geometry.input_size, geometry.input_size)
    if mask.shape[-2:] == side:
        return mask
    return (functional.interpolate(mask, size=side, mode="bilinear", align_corners=False, antialias=True) >= 0.5).float()


def mask_logits(prompt: SpatialPrompt, geometry: InputGeometry) -> NDArray[np.float32]:
    """Return a mask prompt as low-resolution logits, from its pixels if it has no logits.

    Raises:
        PromptError: Mask logits do not have the shape of the model's low-resolution logits.
    """
    if prompt.logits is not None:
        return fitting_logits(prompt.logits, geometry)
    assert prompt.mask_pixels is not None  # noqa: S101 - A mask prompt holds either logits or pixels.
    return geometry.mask_to_logits(prompt.mask_pixels)
