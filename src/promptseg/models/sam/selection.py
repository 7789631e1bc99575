"""Selection of one of a model's candidate masks for a prompt, by the published rule of the model family.

SAM proposes three masks (whole, part, subpart) for a prompt that may mean several objects, and one mask for a prompt that means one. Its
published predictors leave the choice to the caller; its ONNX export and its paper use the three for a single point and the one otherwise
(``SamOnnxModel.select_masks`` in segment-anything; Kirillov et al., "Segment Anything", 2023, appendix A). This module follows that rule.

SAM 2 has the same four masks. It replaces a single mask that is not stable with the best of the three
(``MaskDecoder._dynamic_multimask_via_stability`` in sam2; Ravi et al., "SAM 2", 2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError, shown
from ...prompts import SpatialPrompt
from .geometry import InputGeometry
from .mask_batch import MaskBatch, Pairs, Stability
from .model import Decoded, DecoderConfig

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


def select_candidates(
    decoded: Decoded, prompts: Sequence[SpatialPrompt], geometry: InputGeometry, decoder_config: DecoderConfig, rule: Rule = "published"
) -> Iterator[tuple[Pairs, MaskBatch]]:
    """Yield batches of the masks that are selected, one for each prompt, with the indices of their prompts and candidates.

    Args:
        decoded: Decoded prompts.
        prompts: The prompts, in the same order.
        geometry: Position of the image inside the model input.
        decoder_config: The configuration of the model's decoder.
        rule: The rule of selection.
    """
    single = decoder_config.single_mask_index
    pairs: list[tuple[int, int]] = []
    for row, prompt in enumerate(prompts):
        several = single is None or rule == "best" or (rule == "published" and is_ambiguous(prompt))
        pairs.append((row, best(decoded.scores[row], decoder_config.multimask_indices) if several or single is None else single))
    masks = decoded.masks(pairs, geometry)
    doubtful = [index for index, (_, candidate) in enumerate(pairs) if candidate == single]
    if rule != "published" or decoder_config.stability is None or not doubtful:
        yield pairs, masks
        return
    stable = are_stable(masks, decoder_config.stability)
    unstable = [index for index in doubtful if not stable[index]]
    kept = [index for index in range(len(pairs)) if index not in unstable]
    if kept:
        yield [pairs[index] for index in kept], masks.where(kept)
    if unstable:
        rows = [pairs[index][0] for index in unstable]
        replaced = [(row, best(decoded.scores[row], decoder_config.multimask_indices)) for row in rows]
        yield replaced, decoded.masks(replaced, geometry)


def are_stable(masks: MaskBatch, criterion: Stability) -> NDArray[np.bool_]:
    """Return which masks are stable, that is, hardly change with the threshold of their logits. A mask without foreground is stable."""
    scores = masks.stability(criterion.offset).astype(np.float32)
    stable: NDArray[np.bool_] = np.isnan(scores) | (scores >= np.float32(criterion.threshold))
    return stable


def best(scores: NDArray[np.float32], among: Sequence[int]) -> int:
    """Return the candidate in `among` with the highest score; of equal scores, the first."""
    return int(among[int(np.argmax(scores[list(among)]))])
