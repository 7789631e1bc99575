"""What was clicked, as code."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ....server.api.schemas import Body, Number, PromptIn
from .names import Key, Uid


class CodeIn(Body):
    """What is to be told as code: the prompts of an object, or others on its image."""

    key: Key
    object: Uid | None = None
    prompts: list[PromptIn] = Field([], description="Default: those of the object.")
    threshold: Annotated[Number, Field(ge=0, le=1)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None


class CodeOut(BaseModel):
    """A Python script, and a command line for a POSIX shell."""

    python: str
    command: str
    exact: bool | None = Field(description="Whether one prompt of an object gives the mask that it has now; null where that is not known.")
