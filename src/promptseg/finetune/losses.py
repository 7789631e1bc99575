"""What a decoder is trained by: Dice and binary cross-entropy of its masks, and the error of the IoU that it predicts for them.

Every candidate learns from every prompt, because each may come to answer one; the best of those for ambiguous prompts counts once more, as
in SAM's own training (Kirillov et al., "Segment Anything", 2023, appendix A), so that the three can stay different.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def loss(logits: Tensor, scores: Tensor, truth: Tensor, ambiguous: Sequence[int]) -> Tensor:
    """The loss of N prompts with C candidates each, as one number.

    Args:
        logits: (N, C, height, width).
        scores: (N, C) predicted IoU.
        truth: (N, height, width), 0 to 1.
        ambiguous: The candidates for prompts that may mean several objects.
    """
    target = truth[:, None].expand_as(logits)
    masks = dice(logits, target) + functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(2, 3))
    error = (scores - iou(logits, target)).square()
    return masks.mean() + masks[:, list(ambiguous)].amin(dim=1).mean() + error.mean()


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C) Dice loss of (N, C, height, width) logits, 0 to 1; smoothed, so that it is defined for empty masks."""
    shares = logits.sigmoid()
    overlap = 2 * (shares * target).sum(dim=(2, 3))
    return 1 - (overlap + 1) / (shares.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)


@torch.no_grad()
def iou(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C) IoU of what lies over a logit of 0 with what the target covers by more than a half; 1 where both are empty."""
    found, true = logits > 0, target > 0.5
    union = (found | true).sum(dim=(2, 3))
    return torch.where(union > 0, (found & true).sum(dim=(2, 3)) / union.clamp(min=1), 1.0)
