"""Checks of prompts against the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable

from .._prompt_hints import DETECTING
from ..errors import IncompatibleStagesError, PromptError, shown
from ..prompts import Prompt, TextPrompt, not_a_prompt


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
            raise PromptError(f"prompt {index} is not a Prompt but {type(prompt).__name__}: {not_a_prompt(prompt)}")
        if isinstance(prompt, TextPrompt) and not detector:
            raise IncompatibleStagesError(f"{shown(prompt)} needs a detector: add .detect(model) to the pipeline, as in {DETECTING}")
        if not isinstance(prompt, TextPrompt) and not segmenter:
            raise IncompatibleStagesError(f"{shown(prompt)} needs a segmenter: add .segment(model) to the pipeline")
