"""Options for concepts: examples of what to find, and the model that finds them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..datasets.mask_image_reading import read_mask_file
from ..errors import InputError, PromptError
from ..images import ImageLike
from ..masks import Mask
from ..prompts import Prompt, SpatialPrompt, TextPrompt
from ..web_images import fetch_image, is_address
from . import completion
from .output import errors_as_messages, usage_error
from .places import box_of, point_of

_FORM = "IMAGE:box=X0,Y0,X1,Y1, with point=X,Y or mask=FILE likewise; without IMAGE: it is in the image that is searched"

LikeOption = Annotated[
    list[str] | None,
    typer.Option("--like", metavar="EXAMPLE", help=f"Find all that is like an example, such as {_FORM}. Repeatable: one concept."),
]
UnlikeOption = Annotated[
    list[str] | None,
    typer.Option("--unlike", metavar="EXAMPLE", help="An example of what --like does not mean, written in the same way. Repeatable."),
]
LabelOption = Annotated[str | None, typer.Option("--label", metavar="NAME", help="Label of the masks that --like finds.")]
ConceptOption = Annotated[
    str | None,
    typer.Option(
        "--concept",
        metavar="NAME[=WEIGHTS]",
        autocompletion=completion.concepts,
        help="The model that finds what --like shows and, if it reads words, what --text names (default: exemplar, on the segmenter).",
    ),
]


def with_examples(
    prompts: Sequence[Prompt], like: Sequence[str] | None, unlike: Sequence[str] | None, label: str | None, *, joined: bool
) -> list[Prompt]:
    """Return prompts with the concept of the example options, or exit with status 2 when they do not fit together.

    Args:
        prompts: The prompts of the other options.
        like: Positive examples.
        unlike: Negative examples.
        label: Label of the masks.
        joined: Whether one phrase and the examples are one concept, because one model takes both.
    """
    if not like:
        for option, value in (("--unlike", unlike[0] if unlike else None), ("--label", label)):
            if value is not None:
                raise usage_error(f"{option} {value} belongs to --like, and there is none")
        return list(prompts)
    asked = (("--like", like), ("--unlike", unlike or ()))
    with errors_as_messages():
        try:
            places = [(*place_of(option, text), option == "--like") for option, texts in asked for text in texts]
        except PromptError as error:
            raise usage_error(str(error)) from error
        first, *others = (Prompt.example(image, prompt, positive=positive, label=label) for image, prompt, positive in places)
        concept: Prompt = sum(others, first)
        phrases = [prompt for prompt in prompts if isinstance(prompt, TextPrompt)]
        if joined and phrases and len(phrases[0].phrases) == 1:
            concept, prompts = phrases[0] + concept, [prompt for prompt in prompts if prompt is not phrases[0]]
    return [*prompts, concept]


def place_of(option: str, text: str) -> tuple[ImageLike | None, SpatialPrompt]:
    """Return where an example is, written as ``photo.png:box=40,40,80,80`` or ``point=3,4:point=5,6,0``.

    Returns:
        image: The image; None for the one that is searched.
        prompt: The example in it.

    Raises:
        PromptError: It is not written like one.
        InputError: The image or mask cannot be read.
    """
    first = _PLACE.search(text)
    if first is None:
        raise PromptError(f"{option} says where the example is, as {_FORM}; got {text!r}")
    prompt = SpatialPrompt()
    rest = text[first.start() :].lstrip(":")
    while rest:
        kind, _, rest = rest.partition("=")
        value, rest = (rest, "") if kind == "mask" else _until_next(rest)
        if kind == "box":
            prompt += box_of(f"{option} …:box=", value)
        elif kind == "point":
            prompt += point_of(f"{option} …:point=", value)
        elif kind == "mask":
            prompt += Prompt.mask(_mask(Path(value)))
        else:
            raise PromptError(f"{option} has box=, point= and mask= after the image, got {kind!r} in {text!r}")
    name = text[: first.start()]
    return (None if not name else fetch_image(name) if is_address(name) else Path(name)), prompt


def _until_next(text: str) -> tuple[str, str]:
    """Return the value at the start of a text, and what follows the colon after it."""
    value, _, rest = text.partition(":")
    return value, rest


def _mask(path: Path) -> Mask:
    objects, _, _ = read_mask_file(path, "auto")
    if len(objects) != 1:
        raise InputError(f"the mask of an example shows one object, got {len(objects)} in {path}")
    return objects[0][1]


_PLACE = re.compile(r"(?:^|:)(?=(?:box|point|mask)=)")
"""Beginning of the places of an example, after the image."""
