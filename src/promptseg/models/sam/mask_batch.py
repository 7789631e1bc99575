"""`MaskBatch`: candidate masks of one image, many at once, measured and upsampled where the model computed them.

Everything mode drops most candidates. On an accelerator each candidate that is brought to the host costs more than its computation, so the
filter runs where the logits are: `HostMaskBatch` works on NumPy arrays, `promptseg.models.sam.torch.mask_batch` on a torch device. Only the
masks that are kept come to the host, as run lengths.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..._rle import compressed, encode_crop
from ...masks import Size
from .geometry import MASK_PROMPT_LOGIT, InputGeometry
from .upsample import upsampler

STABILITY_MARGIN = 0.1
"""How far the stability score at low resolution may lie below the threshold before a mask is dropped.

On natural images the low-resolution score was off by at most 0.06.
"""

Pairs = Sequence[tuple[int, int]]
"""Indices ``(prompt, candidate)`` among decoded prompts."""


def by_prompt(pairs: Pairs) -> dict[int, list[int]]:
    """Return the positions in `pairs` of the candidates of each prompt."""
    places: dict[int, list[int]] = {}
    for place, (prompt, _) in enumerate(pairs):
        places.setdefault(prompt, []).append(place)
    return places


@dataclass(frozen=True)
class Stability:
    """Criterion for a stable mask: the masks thresholded at ``+offset`` and ``-offset`` have an IoU of at least `threshold`."""

    offset: float
    threshold: float


@dataclass(frozen=True)
class Place:
    """Where the image of a batch lies in a larger image: a crop of everything mode, or the image itself.

    Attributes:
        origin: ``(x, y)`` of its top-left pixel in the larger image.
        size: ``(height, width)`` of the larger image.
    """

    origin: tuple[int, int]
    size: Size


class MaskBatch(Protocol):
    """K candidate masks of one image, as low-resolution logits."""

    def __len__(self) -> int:
        """Return K."""
        ...

    def where(self, indices: Sequence[int]) -> MaskBatch:
        """Return the batch of the masks with these indices, in this order."""
        ...

    def stability(self, offset: float) -> NDArray[np.float64]:
        """Return the stability scores (K,) at low resolution, in the part that shows the image; NaN for a mask that both cuts leave empty.

        The stability score is the IoU of the masks thresholded at ``+offset`` and ``-offset``.
        """
        ...

    def stable(self, criterion: Stability, place: Place) -> StableMasks:
        """Return the masks that are stable at image size and not empty. Clearly unstable masks are dropped before they are upsampled."""
        ...

    def run_lengths(self, place: Place) -> list[bytes]:
        """Return all masks at image size as compressed COCO run lengths of the larger image."""
        ...

    def logits(self) -> NDArray[np.float32]:
        """Return the logits (K, low_res, low_res) float32. Those of the padding are minus `MASK_PROMPT_LOGIT`: it holds no object."""
        ...


class StableMasks(Protocol):
    """The M masks of a `MaskBatch` that are stable."""

    @property
    def indices(self) -> NDArray[np.intp]:
        """Their indices in the batch (M,)."""
        ...

    @property
    def boxes(self) -> NDArray[np.float32]:
        """Their tight ``xyxy`` boxes (M, 4), half-open, in pixels of the larger image."""
        ...

    def run_lengths(self, which: Sequence[int]) -> list[bytes]:
        """Return some of them, by their positions in `indices`, as compressed COCO run lengths of the larger image."""
        ...


@dataclass(frozen=True, eq=False)
class HostMaskBatch:
    """Candidate masks as a NumPy array; a `MaskBatch`.

    Attributes:
        values: (K, rows, columns) float32 logits: all, or a top-left part that contains `InputGeometry.low_res_used`.
        geometry: Position of the image inside the model input.
    """

    values: NDArray[np.float32]
    geometry: InputGeometry

    def __len__(self) -> int:
        return len(self.values)

    def where(self, indices: Sequence[int]) -> HostMaskBatch:
        """Return the batch of the masks with these indices, in this order."""
        return HostMaskBatch(self.values[list(indices)], self.geometry)

    def stability(self, offset: float) -> NDArray[np.float64]:
        """Return the stability scores (K,) at low resolution."""
        height, width = self.geometry.low_res_content_size()
        return np.array([_stability(logits[:height, :width], offset) for logits in self.values], np.float64)

    def stable(self, criterion: Stability, place: Place) -> _StableOnHost:
        """Return the stable masks. Each is upsampled only inside the rectangle that can contain it, and run-length encoded at once."""
        upsample = upsampler(self.geometry)
        indices, boxes, run_lengths = [], [], []
        for index in np.flatnonzero(roughly_stable(self.stability(criterion.offset), criterion)).tolist():
            found = upsample(self.values[index], level=-criterion.offset)
            mask = found.values > 0
            if not _stability(found.values, criterion.offset) >= criterion.threshold or not mask.any():
                continue
            indices.append(index)
            boxes.append(_box(mask, found.origin))
            run_lengths.append(_run_lengths(mask, found.origin, place))
        x, y = place.origin
        return _StableOnHost(
            np.array(indices, np.intp), np.array(boxes, np.float32).reshape(-1, 4) + np.array([x, y, x, y], np.float32), run_lengths
        )

    def run_lengths(self, place: Place) -> list[bytes]:
        """Return all masks at image size as compressed COCO run lengths of the larger image."""
        steps = map(upsampler(self.geometry).steps, self.values)
        return [compressed(each.run_lengths(place.origin, place.size), place.size) for each in steps]

    def logits(self) -> NDArray[np.float32]:
        """Return the logits (K, low_res, low_res) float32."""
        return with_padding(self.values, self.geometry)


def roughly_stable(stability: NDArray[np.float64], criterion: Stability) -> NDArray[np.bool_]:
    """Return which masks can still be stable at image size, from their stability scores (K,) at low resolution."""
    possible: NDArray[np.bool_] = np.nan_to_num(stability) >= criterion.threshold - STABILITY_MARGIN
    return possible


def with_padding(values: NDArray[np.float32], geometry: InputGeometry) -> NDArray[np.float32]:
    """Return the logits (K, low_res, low_res) of masks whose logits are known in a top-left part, (K, rows, columns)."""
    whole = np.full((len(values), geometry.low_res, geometry.low_res), -MASK_PROMPT_LOGIT, np.float32)
    whole[:, : values.shape[1], : values.shape[2]] = values
    return whole


class HostDecoded(ABC):
    """Base of decoded prompts whose logits come as NumPy arrays; a `promptseg.models.sam.model.Decoded`."""

    @abstractmethod
    def logits(self, pairs: Pairs, region: Size | None = None) -> NDArray[np.float32]:
        """Return logits of some candidates.

        Args:
            pairs: Indices of prompts and of their candidates.
            region: ``(height, width)`` of the part that is needed, from the top-left corner; None for all.

        Returns:
            (len(pairs), low_res, low_res) float32, or a top-left part of it that contains the region.
        """

    def masks(self, pairs: Pairs, geometry: InputGeometry) -> MaskBatch:
        """Return the masks of some candidates on an image."""
        return HostMaskBatch(self.logits(pairs, geometry.low_res_used()), geometry)


@dataclass(frozen=True, eq=False)
class DecodedMasks(HostDecoded):
    """Decoded prompts with all logits computed; a `promptseg.models.sam.model.Decoded`.

    Attributes:
        scores: (N, C) float32 predicted IoU of each candidate.
        all_logits: (N, C, low_res, low_res) float32 logits of each candidate.
    """

    scores: NDArray[np.float32]
    all_logits: NDArray[np.float32]

    def logits(self, pairs: Pairs, region: Size | None = None) -> NDArray[np.float32]:  # noqa: ARG002 - All logits exist.
        """Return logits (len(pairs), low_res, low_res) of some candidates. `region` is ignored: all is returned."""
        prompts, candidates = zip(*pairs, strict=True)
        return self.all_logits[list(prompts), list(candidates)]


@dataclass(frozen=True, eq=False)
class _StableOnHost:
    """Stable masks that are run-length encoded; a `StableMasks`."""

    indices: NDArray[np.intp]
    boxes: NDArray[np.float32]
    encoded: Sequence[bytes]

    def run_lengths(self, which: Sequence[int]) -> list[bytes]:
        return [self.encoded[index] for index in which]


def _stability(logits: NDArray[np.float32], offset: float) -> float:
    """Return the stability score; NaN if both cuts are empty. The mask at ``+offset`` lies inside the one at ``-offset``."""
    union = np.count_nonzero(logits > -offset)
    return np.count_nonzero(logits > offset) / union if union else float("nan")


def _box(mask: NDArray[np.bool_], origin: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the tight box of a mask that is not empty, half-open, in pixels of the image that contains it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = origin
    return x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1


def _run_lengths(mask: NDArray[np.bool_], origin: tuple[int, int], place: Place) -> bytes:
    (x, y), (height, width) = (start + offset for start, offset in zip(origin, place.origin, strict=True)), place.size
    return compressed(encode_crop(mask, x, y, height, width), place.size)
