"""Segmentation of one image: what is asked, and the result."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from .base import Body
from .images import ImageRef, SizeOut
from .masks import MaskOut
from .prompts import PromptIn


class SegmentIn(Body):
    """An image and what to segment in it."""

    image: ImageRef
    prompts: list[PromptIn] = Field(
        [], description="Each spatial prompt gives one mask. Without any prompt, the detector finds its classes."
    )
    model: Annotated[str, Field(max_length=200)] | None = Field(None, description="Name of a model. Default: the first.")
    candidates: bool = Field(False, description="Return all masks that the model proposes for a spatial prompt.")
    window: Annotated[list[int], Field(min_length=4, max_length=4)] | None = Field(
        None,
        description="x0, y0, x1, y1 in whole pixels, half-open: the part of a raster in which words, examples and everything mode look.",
    )


class ResultOut(BaseModel):
    """Masks of an image, as `promptseg.Result.to_dict` gives them."""

    image: str = Field(description="Id of the image.")
    model: str
    size: SizeOut
    masks: list[MaskOut]
    phrases: list[dict[str, Any]] = []
    timings: dict[str, float] = {}
    provenance: list[dict[str, Any]] = []
