"""Prompts of an image, made from the values of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import PromptError
from ...prompts import Prompt, SpatialPrompt
from .core import SourceImage


def with_prompts(name: str, path: Path, asked: Sequence[tuple[Mapping[str, Any], str | None]]) -> SourceImage:
    """Return an image with the prompts of its objects. An invalid prompt becomes the `problem` of the image."""
    prompts: list[Prompt] = []
    labels: list[str | None] = []
    try:
        for parts, label in asked:
            prompt = SpatialPrompt()
            if "box" in parts:
                prompt += Prompt.box(*parts["box"])
            for x, y, on in parts.get("points", ()):
                prompt += Prompt.point(x, y, on)
            if prompt.kinds:
                prompts.append(prompt)
                labels.append(label)
            if "text" in parts:
                prompts.append(Prompt.text(*parts["text"].split(",")))
                labels.append(None)
    except PromptError as error:
        return SourceImage(name, path, problem=str(error))
    return SourceImage(name, path, tuple(prompts), tuple(labels))
