"""What a decoder is trained by: Dice and binary cross-entropy of its masks, and the error of the IoU that it predicts for them.

Every candidate learns from every prompt, because each may come to answer one; the best of those for ambiguous prompts counts once more, as
in SAM's own training (Kirillov et al., "Segment Anything", 2023, appendix A), so that the three can stay different.

Shapes: N prompts, C candidates, P logits of each. Every logit has a weight, of which only the ratios matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def loss(logits: Tensor, scores: Tensor, truth: Tensor, weights: Tensor, ambiguous: Sequence[int]) -> Tensor:
    """The loss of all prompts, as one number.

    Args:
        logits: (N, C, P).
        scores: (N, C) predicted IoU.
        truth: (N, P), 0 to 1.
        weights: (N, P).
        ambiguous: The candidates for prompts that may mean several objects.
    """
    target, weights = truth[:, None].expand_as(logits), weights[:, None]
    masks = dice(logits, target, weights) + cross_entropy(logits, target, weights)
    error = (scores - iou(logits, target, weights)).square()
    return masks.mean() + masks[:, list(ambiguous)].amin(dim=1).mean() + error.mean()


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """(N, C) mean binary cross-entropy of (N, C, P) logits."""
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * weights).sum(dim=2) / weights.sum(dim=2)


def dice(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """(N, C) Dice loss of (N, C, P) logits, 0 to 1; smoothed, so that it is defined for empty masks."""
    shares = logits.sigmoid() * weights
    overlap = 2 * (shares * target).sum(dim=2)
    return 1 - (overlap + 1) / (shares.sum(dim=2) + (target * weights).sum(dim=2) + 1)


@torch.no_grad()
def iou(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """(N, C) IoU of what lies over a logit of 0 with what the target covers by more than a half; 1 where both are empty."""
    found, true = logits > 0, target > 0.5
    union = ((found | true) * weights).sum(dim=2)
    return torch.where(union > 0, ((found & true) * weights).sum(dim=2) / union.clamp(min=1e-6), 1.0)
