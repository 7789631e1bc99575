"""Training targets at the resolution of the mask logits, and the sampled image tokens that the loss is computed on.

A loss on all logits of each prompt would cost as much as the rest of the decoder. As in Mask2Former (Cheng et al., 2022) it is computed on
12,544 logits, sampled again in each step. Here they are the logits of whole image tokens, 16 each. Half of the tokens are sampled near the
object, so that small objects count. Weights keep the expected sums equal to those over all tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask
from ..models.sam.geometry import InputGeometry
from .decoder import in_tokens

SampledTokens = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Indices of image tokens (n,), and the weights (n, 16) of their logits."""


@dataclass(frozen=True, eq=False)
class Target:
    """Ground truth of one object by image token, counted row by row over the whole grid.

    Attributes:
        share: (L, 16) float32, the share of each logit's area that the object covers.
        valid_share: (L, 16) float32, the share of each logit's area that counts in the loss: 0 beyond the image and in ignored regions.
    """

    share: NDArray[np.float32]
    valid_share: NDArray[np.float32]

    def all_tokens(self) -> SampledTokens:
        """Return all image tokens with a weight above 0."""
        places = np.flatnonzero(self.valid_share.any(axis=1))
        return places, self.valid_share[places]

    def sample(self, max_tokens: int, random: np.random.Generator) -> SampledTokens:
        """Sample at most `max_tokens` of the tokens with a weight above 0; their number does not depend on the object."""
        places, weights = self.all_tokens()
        if len(places) <= max_tokens:
            return places, weights
        near = np.isin(places, self._near())
        inside, outside = places[near], places[~near]
        of_inside = min(len(inside), max(max_tokens // 2, max_tokens - len(outside)))
        parts = []
        for part, number in ((inside, of_inside), (outside, max_tokens - of_inside)):
            if number:
                drawn = np.sort(random.choice(part, number, replace=False))
                parts.append((drawn, self.valid_share[drawn] * np.float32(len(part) / number)))
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _near(self) -> NDArray[np.int64]:
        """Return the tokens in the object's box, and those that adjoin it."""
        side = round(len(self.share) ** 0.5)
        rows, columns = (np.flatnonzero(self.share.any(axis=1).reshape(side, side).any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return np.zeros(0, np.int64)
        grown = [np.arange(max(0, ends[0] - 1), min(side, ends[-1] + 2)) for ends in (rows, columns)]
        near: NDArray[np.int64] = (grown[0][:, None] * side + grown[1]).ravel()
        return near


def target(mask: Mask, ignored: Sequence[Mask], geometry: InputGeometry) -> Target:
    """Return the target of an object.

    Args:
        mask: Mask of the object.
        ignored: Regions of the image that are neither object nor background.
        geometry: Mapping between the image and the model input.
    """
    height, width = geometry.low_res_content_size()
    share, valid_share = (np.zeros((geometry.low_res, geometry.low_res), np.float32) for _ in range(2))
    share[:height, :width] = low_res(mask, geometry)
    valid_share[:height, :width] = 1
    for region in ignored:
        valid_share[:height, :width] -= low_res(region, geometry)
    return Target(in_tokens(share), in_tokens(valid_share.clip(0)))


def low_res(mask: Mask, geometry: InputGeometry) -> NDArray[np.float32]:
    """The share of each low-resolution logit's area that a mask covers: (height, width) of `InputGeometry.low_res_content_size`, 0 to 1."""
    import cv2

    step = geometry.input_size // geometry.low_res
    height, width = geometry.low_res_content_size()
    share = cv2.resize(mask.array.astype(np.float32), geometry.content_size[::-1], interpolation=cv2.INTER_AREA)
    share = np.pad(share, ((0, height * step - share.shape[0]), (0, width * step - share.shape[1])), mode="edge")
    blocks: NDArray[np.float32] = share.reshape(height, step, width, step).mean(axis=(1, 3), dtype=np.float32)
    return blocks
