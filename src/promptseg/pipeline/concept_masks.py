"""Masks of concepts: those that are kept, with the index of their prompt, and what was found of each concept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..errors import BackendError
from ..masks import Mask
from ..prompts import Concept
from ..protocols import ConceptMasks
from ..results import PhraseCount
from .config import ConceptStage

UNNAMED = "object"
"""What a concept without a label is called where it must have a name."""


def kept(
    concepts: Sequence[tuple[int, Concept]], found: Sequence[ConceptMasks], stage: ConceptStage, dropped: Counter[str]
) -> tuple[list[Mask], tuple[PhraseCount, ...]]:
    """Return the masks of concepts that are present, and what was found of each concept.

    Args:
        concepts: The concepts, each with the index of its prompt.
        found: What was found of each concept, in their order.
        stage: The settings: the minimum presence.
        dropped: Counter of dropped masks by reason, to be updated under ``"presence"``.

    Raises:
        BackendError: The number of answers differs from the number of concepts.
    """
    if len(found) != len(concepts):
        raise BackendError(f"the concept segmenter gave {len(found)} answers for {len(concepts)} concepts: expected one for each")
    masks: list[Mask] = []
    counts: list[PhraseCount] = []
    for (index, concept), one in zip(concepts, found, strict=True):
        own = [replace(mask, prompt_index=index) for mask in one.masks]
        if one.presence < stage.min_presence and own:
            dropped["presence"] += len(own)
            own = []
        masks += own
        scores = [mask.score for mask in one.masks if mask.score is not None]
        counts.append(PhraseCount(concept.label or UNNAMED, len(own), max(scores, default=None), stage.min_presence, one.presence))
    return masks, tuple(counts)
