"""`DeviceMaskBatch`: candidate masks that are measured and brought to image size on a torch device.

The steps are those of `promptseg.models.sam.mask_batch.HostMaskBatch`, for many masks at once. The host waits for the device once for the
rough stability of a batch and once for the measurements at image size. For run lengths it waits once, and once for each part of the masks
that is brought to image size. It never waits for a single mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...._rle import compressed, runs_of_steps
from ....runtime.torch import to_host
from ..geometry import InputGeometry
from ..mask_batch import Place, Stability, roughly_stable, with_padding

_T = TypeVar("_T")

PIXELS_AT_ONCE = 1 << 26
"""Number of pixels of masks that are brought to image size at once: 256 MB of logits."""


class Parts(Protocol):
    """Function that computes `count` results in parts, with smaller parts where memory is short, and returns the parts in order."""

    def __call__(self, count: int, step: int, compute: Callable[[int, int], _T]) -> list[_T]:
        """Call ``compute(start, stop)`` for consecutive parts of at most `step`."""
        ...


def in_turn(count: int, step: int, compute: Callable[[int, int], _T]) -> list[_T]:
    """Compute in parts without gradients; a `Parts`."""
    with torch.inference_mode():
        return [compute(start, min(start + step, count)) for start in range(0, count, step)]


@dataclass(frozen=True, eq=False)
class DeviceMaskBatch:
    """Candidate masks on a torch device; a `promptseg.models.sam.mask_batch.MaskBatch`.

    Attributes:
        values: (K, rows, columns) float32 logits: all, or a top-left part that contains `InputGeometry.low_res_used`.
        geometry: Position of the image inside the model input.
        in_parts: Function that computes in parts on the device. Default: each part is tried once, as large as asked for.
    """

    values: Tensor
    geometry: InputGeometry
    in_parts: Parts = in_turn

    def __len__(self) -> int:
        return len(self.values)

    def where(self, indices: Sequence[int]) -> DeviceMaskBatch:
        """Return the batch of the masks with these indices, in this order."""
        (chosen,) = self.in_parts(1, 1, lambda *_: self.values[torch.tensor(list(indices), dtype=torch.long).to(self.values.device)])
        return DeviceMaskBatch(chosen, self.geometry, self.in_parts)

    def stability(self, offset: float) -> NDArray[np.float64]:
        """Return the stability scores (K,) at low resolution."""
        height, width = self.geometry.low_res_content_size()
        (areas,) = self.in_parts(1, 1, lambda *_: _areas(self.values[:, :height, :width], offset))
        return _scores(to_host(areas))

    def stable(self, criterion: Stability, place: Place) -> _StableOnDevice:
        """Return the stable masks. Their low-resolution logits stay on the device until run lengths are asked for."""
        possible = np.flatnonzero(roughly_stable(self.stability(criterion.offset), criterion))
        if not len(possible):
            return _StableOnDevice(possible, np.zeros((0, 4), np.float32), self, place)
        masks = self.where(possible.tolist())
        measured = to_host(torch.cat(masks.at_image_size(lambda _, logits: _measured(logits, criterion.offset))))
        boxes = measured[:, 2:].astype(np.float32) + np.array([*place.origin, *place.origin], np.float32)
        kept = np.flatnonzero((_scores(measured[:, :2]) >= criterion.threshold) & (measured[:, 4] > measured[:, 2]))
        return _StableOnDevice(possible[kept], boxes[kept], masks.where(kept.tolist()), place)

    def run_lengths(self, place: Place) -> list[bytes]:
        """Return all masks at image size as compressed COCO run lengths of the larger image."""
        (x, y), (height, width) = place.origin, place.size

        def changes(start: int, logits: Tensor) -> Tensor:
            found = torch.nonzero(_changes(logits > 0))
            found[:, 0] += start
            return found

        masks, steps = to_host(torch.cat(self.at_image_size(changes))).T
        rows = self.geometry.size[0]
        return [
            compressed(runs_of_steps(own, rows, x, y, height, width), place.size)
            for own in np.split(steps, np.searchsorted(masks, np.arange(1, len(self))))
        ]

    def logits(self) -> NDArray[np.float32]:
        """Return the logits (K, low_res, low_res) float32."""
        return with_padding(to_host(self.values.detach()), self.geometry)

    def at_image_size(self, compute: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
        """Return what `compute` makes of parts of the masks.

        Args:
            compute: Function of the index of a part's first mask, and of the logits (k, height, width) of the part at image size.
        """
        rows, columns = _axis_weights(self.geometry, self.values.device)
        rows, columns = rows[:, : self.values.shape[1]], columns[: self.values.shape[2]]
        height, width = self.geometry.size
        step = max(1, PIXELS_AT_ONCE // (height * width))
        return self.in_parts(len(self), step, lambda start, stop: compute(start, rows @ (self.values[start:stop] @ columns)))


@dataclass(frozen=True, eq=False)
class _StableOnDevice:
    """Stable masks on a device, at low resolution; a `promptseg.models.sam.mask_batch.StableMasks`."""

    indices: NDArray[np.intp]
    boxes: NDArray[np.float32]
    masks: DeviceMaskBatch
    place: Place

    def run_lengths(self, which: Sequence[int]) -> list[bytes]:
        return self.masks.where(which).run_lengths(self.place) if len(which) else []


@lru_cache(maxsize=4)
def _axis_weights(geometry: InputGeometry, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the matrices of `InputGeometry.axis_weights`, (height, low_res) and (low_res, width), on a device."""
    rows, columns = (torch.tensor(weights, device="cpu") for weights in geometry.axis_weights())
    return rows.to(device), columns.T.contiguous().to(device)


def _areas(logits: Tensor, offset: float) -> Tensor:
    """Return the areas of the masks thresholded at ``+offset`` and ``-offset``, (K, 2) int64."""
    return torch.stack([torch.count_nonzero(logits > level, dim=(1, 2)) for level in (offset, -offset)], dim=1)


def _scores(areas: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return stability scores (K,) from the areas (K, 2); NaN if both are 0."""
    inner, outer = areas.T.astype(np.float64)
    scores: NDArray[np.float64] = np.divide(inner, outer, out=np.full(len(areas), np.nan), where=outer > 0)
    return scores


def _measured(logits: Tensor, offset: float) -> Tensor:
    """Return (K, 6) int64: the two areas of `_areas`, and the tight boxes ``xyxy`` of the masks; right is 0 for an empty mask."""
    mask = logits > 0
    ends = []
    for covered in (mask.any(dim=1), mask.any(dim=2)):
        count = covered.shape[1]
        after = torch.arange(1, count + 1, device=logits.device)
        ends.append((count - (covered * after.flip(0)).amax(dim=1), (covered * after).amax(dim=1)))
    (left, right), (top, bottom) = ends
    return torch.cat([_areas(logits, offset), torch.stack([left, top, right, bottom], dim=1)], dim=1)


def _changes(masks: Tensor) -> Tensor:
    """Return where masks (K, rows, columns) change, (K, columns * (rows + 1)), counted as by `promptseg._rle.runs_of_steps`."""
    below = masks.new_zeros((len(masks), 1, masks.shape[2]))
    flat = torch.cat([masks, below], dim=1).transpose(1, 2).flatten(1)
    return torch.cat([flat[:, :1], flat[:, 1:] != flat[:, :-1]], dim=1)
