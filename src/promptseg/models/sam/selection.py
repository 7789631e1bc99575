"""Selection of one of a model's candidate masks for a prompt, by the published rule of the model family.

SAM proposes three masks (whole, part, subpart) for a prompt that may mean several objects, and one mask for a prompt that means one. Its
published predictors leave the choice to the caller; its ONNX export and its paper use the three for a single point and the one otherwise
(``SamOnnxModel.select_masks`` in segment-anything; Kirillov et al., "Segment Anything", 2023, appendix A). This module follows that rule.

SAM 2 has the same four masks. It replaces a single mask that is not stable with the best of the three
(``MaskDecoder._dynamic_multimask_via_stability`` in sam2; Ravi et al., "SAM 2", 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError, shown
from ...prompts import SpatialPrompt
from .model import Decoded, DecoderConfig, Stability

Rule = Literal["published", "single", "best"]
"""Rule of selection. ``"published"``: the rule of the model's authors. ``"single"``: always the candidate for prompts that mean one object.
``"best"``: always the candidate with the highest predicted IoU among those for ambiguous prompts."""


def rule(option: object) -> Rule:
    """Return the rule for the value of a backend's option ``selection``.

    Raises:
        ConfigError: The value is not one of `Rule`.
    """
    for known in get_args(Rule):
        if option == known:
            return cast("Rule", known)
    raise ConfigError(f"option selection is one of {', '.join(get_args(Rule))}, got {shown(option)}")


def is_ambiguous(prompt: SpatialPrompt) -> bool:
    """Return whether a prompt may mean several objects, which is so for a single point and nothing else."""
    return len(prompt.xy) == 1 and prompt.kinds == {"point"}


def select_candidate(
    decoded: Decoded, row: int, prompt: SpatialPrompt, decoder_config: DecoderConfig, rule: Rule = "published"
) -> tuple[int, NDArray[np.float32]]:
    """Return the index of the candidate selected for a prompt, and its logits.

    Args:
        decoded: Decoded prompts.
        row: Index of the prompt among them.
        prompt: The prompt.
        decoder_config: The configuration of the model's decoder.
        rule: The rule of selection.
    """
    scores = decoded.scores[row]
    best_of_several = best(scores, decoder_config.multimask_indices)
    single = decoder_config.single_mask_index
    if single is None or rule == "best" or (rule == "published" and is_ambiguous(prompt)):
        return best_of_several, decoded.logits(row, [best_of_several])[0]
    logits = decoded.logits(row, [single])[0]
    if rule == "published" and decoder_config.stability is not None and not is_stable(logits, decoder_config.stability):
        return best_of_several, decoded.logits(row, [best_of_several])[0]
    return single, logits


def is_stable(logits: NDArray[np.float32], stability: Stability) -> bool:
    """Return whether a mask is stable, that is, hardly changes with the threshold of its logits. A mask without foreground is stable."""
    union = np.count_nonzero(logits > -stability.offset)
    return not union or bool(np.float32(np.count_nonzero(logits > stability.offset) / union) >= np.float32(stability.threshold))


def best(scores: NDArray[np.float32], among: Sequence[int]) -> int:
    """Return the candidate in `among` with the highest score; of equal scores, the first."""
    return int(among[int(np.argmax(scores[list(among)]))])
