"""Checks of prompts against the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import IncompatibleStagesError, PromptError, shown
from ..prompts import Prompt, TextPrompt


def check_prompts(prompts: Iterable[object], *, detector: bool, segmenter: bool) -> None:
    """Raise an error if a pipeline lacks the stage that a prompt needs.

    Args:
        prompts: The prompts.
        detector: Whether the pipeline has a detector, which text prompts need.
        segmenter: Whether the pipeline has a segmenter, which all other prompts need.

    Raises:
        PromptError: A value is not a `Prompt`.
        IncompatibleStagesError: The stage for a prompt is missing.
    """
    for index, prompt in enumerate(prompts):
        if not isinstance(prompt, Prompt):
            several = isinstance(prompt, (list, tuple)) and any(isinstance(each, Prompt) for each in prompt)
            hint = "give each on its own, as pipeline(image, *prompts)" if several else "make it with Prompt.point, Prompt.box, …"
            raise PromptError(f"prompt {index} is not a Prompt but {type(prompt).__name__}: {hint}")
        if isinstance(prompt, TextPrompt) and not detector:
            raise IncompatibleStagesError(f"{shown(prompt)} needs a detector: add .detect(model) to the pipeline")
        if not isinstance(prompt, TextPrompt) and not segmenter:
            raise IncompatibleStagesError(f"{shown(prompt)} needs a segmenter: add .segment(model) to the pipeline")
