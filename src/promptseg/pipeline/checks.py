"""Checks of prompts against the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from .._prompt_hints import DETECTING
from ..errors import IncompatibleStagesError, PromptError, shown
from ..prompts import Concept, Prompt, PromptKind, TextPrompt, check_concept, not_a_prompt
from ..registry.choice import choose
from .config import PipelineConfig

EXAMPLES: frozenset[PromptKind] = frozenset({"example"})
"""What concepts may consist of in a pipeline without a concept stage: examples, which are found with the segmenter's features."""


def concept_kinds(config: PipelineConfig) -> frozenset[PromptKind]:
    """Return what the concepts may consist of that a pipeline can find. Load nothing."""
    if config.concept is not None:
        stage = config.concept
        return choose(stage.model, weights=stage.weights, engine=stage.engine, kind="concept").backend.accepts
    return EXAMPLES if config.segment is not None else frozenset()


def nothing_to_segment() -> PromptError:
    """Return the error for a call without a prompt and without a detector."""
    return PromptError("nothing to segment: give at least one prompt, such as Prompt.point(x, y) or Prompt.everything()")


def check_image(image: object) -> None:
    """Raise an error if a prompt stands where the image belongs.

    Raises:
        PromptError: `image` is a prompt.
    """
    if isinstance(image, Prompt):
        raise PromptError(f"the image comes first, then its prompts: got {shown(image)} as the image")


def check_prompts(prompts: Iterable[object], *, detector: bool, segmenter: bool, concepts: AbstractSet[PromptKind]) -> None:
    """Raise an error if a pipeline lacks the stage that a prompt needs.

    Args:
        prompts: The prompts.
        detector: Whether the pipeline has a detector, which text prompts need.
        segmenter: Whether the pipeline has a segmenter, which points, boxes, masks and everything prompts need.
        concepts: What the concepts may consist of that the pipeline can find; empty if it has no concept segmenter.

    Raises:
        PromptError: A value is not a `Prompt`.
        IncompatibleStagesError: The stage for a prompt is missing.
    """
    for index, prompt in enumerate(prompts):
        if not isinstance(prompt, Prompt):
            raise PromptError(f"prompt {index} is not a Prompt but {type(prompt).__name__}: {not_a_prompt(prompt)}")
        if isinstance(prompt, TextPrompt):
            if not detector and "text" not in concepts:
                raise IncompatibleStagesError(f"{shown(prompt)} needs a detector: add .detect(model) to the pipeline, as in {DETECTING}")
        elif isinstance(prompt, Concept) and concepts:
            check_concept(prompt, concepts)
        elif not segmenter:
            raise IncompatibleStagesError(f"{shown(prompt)} needs a segmenter: add .segment(model) to the pipeline")
