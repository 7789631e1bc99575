"""Which of a model's candidates answers a prompt, by the model family's published rule.

SAM proposes three masks (whole, part, subpart) for a prompt that may mean several objects, and one mask for a prompt that means one. Its
published predictors leave the choice to the caller; its ONNX export and its paper use the three for a single point and the one otherwise
(``SamOnnxModel.select_masks`` in segment-anything; Kirillov et al., "Segment Anything", 2023, appendix A). That is the rule here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..prompts import SpatialPrompt
from .model import Candidates


def is_ambiguous(prompt: SpatialPrompt) -> bool:
    """Whether a prompt may mean several objects: a single point, and nothing else."""
    return len(prompt.xy) == 1 and prompt.kinds == {"point"}


def considered(prompt: SpatialPrompt, layout: Candidates) -> Sequence[int]:
    """The candidates among which the best score wins."""
    if is_ambiguous(prompt) or layout.single is None:
        return layout.ambiguous
    return (layout.single,)


def best(scores: NDArray[np.float32], among: Sequence[int]) -> int:
    """The candidate with the highest score of those in `among`; the first of equals."""
    return int(among[int(np.argmax(scores[list(among)]))])
