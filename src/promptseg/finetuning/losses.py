"""Losses of the mask decoder: Dice and binary cross-entropy of its masks, and the squared error of its predicted IoU.

Every candidate is trained on every prompt, because each may be selected. The best candidate for ambiguous prompts counts a second time, as
in SAM's own training (Kirillov et al., "Segment Anything", 2023, appendix A), so that the three candidates can stay different.

Shapes: N prompts, C candidates, P logits of each. Every logit has a weight; only the ratios of weights matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def loss(logits: Tensor, scores: Tensor, truth: Tensor, weights: Tensor, ambiguous: Sequence[int]) -> Tensor:
    """Return the loss of all prompts as one number.

    Args:
        logits: (N, C, P) mask logits.
        scores: (N, C) predicted IoU.
        truth: (N, P) ground truth, 0 to 1.
        weights: (N, P) weights of the logits.
        ambiguous: Indices of the candidates for prompts that may mean several objects.
    """
    target, weights = truth[:, None].expand_as(logits), weights[:, None]
    masks = dice(logits, target, weights) + cross_entropy(logits, target, weights)
    error = (scores - iou(logits, target, weights)).square()
    return masks.mean() + masks[:, list(ambiguous)].amin(dim=1).mean() + error.mean()


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the (N, C) mean binary cross-entropy of (N, C, P) logits."""
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * weights).sum(dim=2) / weights.sum(dim=2)


def dice(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the (N, C) Dice loss of (N, C, P) logits, 0 to 1. It is smoothed, so that it is defined for empty masks."""
    shares = logits.sigmoid() * weights
    overlap = 2 * (shares * target).sum(dim=2)
    return 1 - (overlap + 1) / (shares.sum(dim=2) + (target * weights).sum(dim=2) + 1)


@torch.no_grad()
def iou(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the (N, C) IoU of logits above 0 with a target above 0.5; 1 where both are empty."""
    found, true = logits > 0, target > 0.5
    union = ((found | true) * weights).sum(dim=2)
    return torch.where(union > 0, ((found & true) * weights).sum(dim=2) / union.clamp(min=1e-6), 1.0)
