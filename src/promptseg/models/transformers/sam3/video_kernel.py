"""Suppression of duplicates and connected components for ``Sam3VideoModel``, which transformers fetches from a hub or leaves out.

transformers looks for both in a compiled package that it downloads when it is first used. Without it, masks found twice are tracked twice,
and small holes and specks stay.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ....runtime.torch import to_host


class VideoKernel:
    """The two functions, by the names of transformers."""

    def generic_nms(self, ious: Tensor, scores: Tensor, threshold: float, *, use_iou_matrix: bool = True) -> Tensor:
        """Return the indices of what is kept, best first. What overlaps something better by more than the threshold is dropped.

        Args:
            ious: (N, N) IoU of each pair.
            scores: (N,) scores.
            threshold: IoU above which the worse of two is dropped.
            use_iou_matrix: True, as transformers calls it: `ious` are not boxes.
        """
        assert use_iou_matrix  # noqa: S101 - transformers calls it in no other way.
        overlaps = to_host(ious > threshold)
        order = np.argsort(-to_host(scores.float()), kind="stable")
        free = np.ones(len(order), bool)
        kept = []
        for index in order:
            if free[index]:
                kept.append(int(index))
                free &= ~overlaps[index]
        return torch.tensor(kept, dtype=torch.long, device="cpu").to(ious.device)

    def cc_2d(self, masks: Tensor, *, get_counts: bool = True) -> tuple[Tensor, Tensor]:
        """Return the connected component of each pixel, 0 for none, and its size in pixels. Pixels that share a corner are connected.

        Args:
            masks: (N, 1, H, W) uint8 of 0 and 1.
            get_counts: True, as transformers calls it.

        Returns:
            Components and their sizes, both (N, 1, H, W) int32.
        """
        assert get_counts  # noqa: S101 - transformers calls it in no other way.
        import cv2

        found = np.zeros((2, *masks.shape), np.int32)
        for at, mask in enumerate(to_host(masks)):
            _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask[0], connectivity=8)
            sizes = statistics[:, cv2.CC_STAT_AREA]
            sizes[0] = 0
            found[0, at, 0], found[1, at, 0] = labels, sizes[labels]
        labels, sizes = torch.from_numpy(found).to(masks.device)
        return labels, sizes


def use_own_kernel() -> None:
    """Let ``Sam3VideoModel`` use `VideoKernel`, in this process. A compiled package that transformers has loaded already stays in use."""
    from transformers.models.sam3_video import modeling_sam3_video

    if not modeling_sam3_video.cv_utils_kernel:
        modeling_sam3_video.cv_utils_kernel = VideoKernel()
