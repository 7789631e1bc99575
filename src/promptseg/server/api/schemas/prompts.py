"""Prompts: points, boxes and masks, text, concepts, everything."""

from __future__ import annotations

from typing import Annotated, Union

from pydantic import Field, Tag

from ..bodies import FORM
from .base import Body, Corners, Number, Pair
from .forms import by_key
from .images import ImageRef
from .masks import RunLengths


class SpatialIn(Body):
    """Points, a box and an earlier mask that together describe one object. Coordinates are pixels; (0, 0) is the center of the first."""

    points: Annotated[list[Pair], Field(min_length=1, max_length=4096)] | None = None
    foreground: list[bool] | None = Field(None, description="Whether each point is on the object. Default: all are.")
    box: Corners | None = None
    mask: RunLengths | None = None


class TextIn(Body):
    """Phrases that name what to find."""

    text: Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1, max_length=1000)]


class ExampleIn(Body):
    """An object that a concept is like, or unlike."""

    prompt: SpatialIn
    positive: bool = True
    image: ImageRef | None = Field(None, description="The image of the example. Default: the one that is searched.")


class ConceptValues(Body):
    """A phrase, examples, or both."""

    phrase: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    label: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    examples: list[ExampleIn] = Field([], max_length=256)


class ConceptIn(Body):
    """Every instance of what a phrase or examples describe."""

    concept: ConceptValues


class EverythingValues(Body):
    """Settings of everything mode."""

    points_per_side: Annotated[int, Field(ge=1, le=128)] = 32
    pred_iou_thresh: Annotated[Number, Field(ge=0, le=1)] | None = None
    stability_score_thresh: Annotated[Number, Field(ge=0, le=1)] = 0.95
    box_nms_thresh: Annotated[Number, Field(ge=0, le=1)] = 0.7
    crop_n_layers: Annotated[int, Field(ge=0, le=2)] = 0
    min_mask_region_area: Annotated[int, Field(ge=0, le=100_000_000)] = 0


class EverythingIn(Body):
    """Every object of the image."""

    everything: EverythingValues


PromptIn = Annotated[
    Union[
        Annotated[SpatialIn, Tag(FORM + "spatial")],
        Annotated[TextIn, Tag(FORM + "text")],
        Annotated[ConceptIn, Tag(FORM + "concept")],
        Annotated[EverythingIn, Tag(FORM + "everything")],
    ],
    by_key(
        "a prompt is an object with points, a box or a mask; or with text, a concept, or everything",
        text="text",
        concept="concept",
        everything="everything",
        points="spatial",
        box="spatial",
        mask="spatial",
    ),
]
