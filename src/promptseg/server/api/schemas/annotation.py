"""The annotation of a folder of images as a dataset."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from .base import Body
from .prompts import PromptIn


class AnnotateIn(Body):
    """A folder of images to annotate as a dataset. The same call goes on with a run that was stopped."""

    folder: Annotated[str, Field(max_length=4096, description="A folder that the server allows to read.")]
    out: Annotated[str, Field(min_length=1, max_length=4096, description="A folder below one that the server allows to write.")]
    prompts: list[PromptIn] = Field([])
    formats: list[Annotated[str, Field(max_length=50)]] = Field(["coco"], min_length=1, max_length=20)
    model: Annotated[str, Field(max_length=200)] | None = None


class AnnotationOut(BaseModel):
    """What a run of annotation has done."""

    images: int
    objects: int
    classes: dict[str, int]
    failed: dict[str, str] = Field(description="Reasons by image.")
    stopped: bool
