"""Batches of prompts with the same number of points, as points and labels of the model.

Padding a prompt to the length of another would change its mask, because SAM reads every padding point as a token. So a batch holds only
prompts of one length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import PromptError
from ...prompts import SpatialPrompt
from .geometry import InputGeometry
from .model import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, PADDING, PointPrompts


def batch_prompts(
    prompts: Sequence[SpatialPrompt], geometry: InputGeometry, max_prompts: int, *, pad_boxes: bool = False
) -> Iterator[tuple[list[int], PointPrompts]]:
    """Yield batches of at most `max_prompts` prompts, each with the indices of its prompts.

    A prompt with an earlier mask is a batch of its own. Prompts without a box end with a padding point; with `pad_boxes`, all prompts do.
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    converted = [_points_and_labels(prompt, geometry, pad_boxes) for prompt in prompts]
    for index, prompt in enumerate(prompts):
        groups[len(converted[index][1]), index if "mask" in prompt.kinds else -1].append(index)
    for group in groups.values():
        for start in range(0, len(group), max_prompts):
            indices = group[start : start + max_prompts]
            points, labels = (np.stack(arrays) for arrays in zip(*(converted[i] for i in indices), strict=True))
            yield indices, PointPrompts(points, labels, _mask_logits(prompts[indices[0]], geometry))


def fitting_logits(logits: NDArray[np.float32], geometry: InputGeometry) -> NDArray[np.float32]:
    """Return the logits of an earlier mask, after a check of their shape.

    Raises:
        PromptError: The logits do not have the shape of the model's low-resolution logits.
    """
    expected = (geometry.low_res, geometry.low_res)
    if logits.shape != expected:
        raise PromptError(f"this model's mask logits have shape {expected}, the mask prompt has {logits.shape}")
    return logits


def _points_and_labels(prompt: SpatialPrompt, geometry: InputGeometry, pad_boxes: bool) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    points, labels = [geometry.to_input(prompt.xy)], [prompt.foreground.astype(np.int64)]
    if prompt.xyxy is not None:
        points.append(geometry.to_input(prompt.xyxy.reshape(2, 2)))
        labels.append(np.array([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]))
    if prompt.xyxy is None or pad_boxes:
        points.append(np.zeros((1, 2), np.float32))
        labels.append(np.array([PADDING]))
    return np.concatenate(points), np.concatenate(labels)


def _mask_logits(prompt: SpatialPrompt, geometry: InputGeometry) -> NDArray[np.float32] | None:
    if prompt.logits is not None:
        return fitting_logits(prompt.logits, geometry)
    if prompt.mask_pixels is not None:
        return geometry.mask_to_logits(prompt.mask_pixels)
    return None
