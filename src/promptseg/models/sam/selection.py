"""Which of a model's candidates answers a prompt, by the model family's published rule.

SAM proposes three masks (whole, part, subpart) for a prompt that may mean several objects, and one mask for a prompt that means one. Its
published predictors leave the choice to the caller; its ONNX export and its paper use the three for a single point and the one otherwise
(``SamOnnxModel.select_masks`` in segment-anything; Kirillov et al., "Segment Anything", 2023, appendix A). That is the rule here.

SAM 2 has the same four masks and adds: a single mask that is not stable gives way to the best of the three
(``MaskDecoder._dynamic_multimask_via_stability`` in sam2; Ravi et al., "SAM 2", 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError
from ...prompts import SpatialPrompt
from .model import Decoded, DecoderConfig, Stability

Rule = Literal["published", "single", "best"]
"""``"published"``: the model's own rule; ``"single"``: always the mask for prompts that mean one object; ``"best"``: always the best of
those for prompts that may mean several."""


def rule(option: object) -> Rule:
    """The rule that a backend's option ``selection`` asks for.

    Raises:
        ConfigError: It is something else.
    """
    for known in get_args(Rule):
        if option == known:
            return cast("Rule", known)
    raise ConfigError(f"option selection is one of {', '.join(get_args(Rule))}, got {option!r}")


def is_ambiguous(prompt: SpatialPrompt) -> bool:
    """Whether a prompt may mean several objects: a single point, and nothing else."""
    return len(prompt.xy) == 1 and prompt.kinds == {"point"}


def select_candidate(
    decoded: Decoded, row: int, prompt: SpatialPrompt, decoder_config: DecoderConfig, rule: Rule = "published"
) -> tuple[int, NDArray[np.float32]]:
    """The candidate that answers a prompt, and its logits.

    Args:
        decoded: Decoded prompts.
        row: Which of them.
        prompt: That prompt.
        decoder_config: The model's.
        rule: By which rule to choose.
    """
    scores = decoded.scores[row]
    best_of_several = best(scores, decoder_config.ambiguous)
    single = decoder_config.single
    if single is None or rule == "best" or (rule == "published" and is_ambiguous(prompt)):
        return best_of_several, decoded.logits(row, [best_of_several])[0]
    logits = decoded.logits(row, [single])[0]
    if rule == "published" and decoder_config.stability is not None and not is_stable(logits, decoder_config.stability):
        return best_of_several, decoded.logits(row, [best_of_several])[0]
    return single, logits


def is_stable(logits: NDArray[np.float32], stability: Stability) -> bool:
    """Whether a mask hardly changes with the level at which its logits are cut; one without any foreground is stable."""
    union = np.count_nonzero(logits > -stability.offset)
    return not union or bool(np.float32(np.count_nonzero(logits > stability.offset) / union) >= np.float32(stability.threshold))


def best(scores: NDArray[np.float32], among: Sequence[int]) -> int:
    """The candidate with the highest score of those in `among`; the first of equals."""
    return int(among[int(np.argmax(scores[list(among)]))])
