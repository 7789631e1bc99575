"""Work on many images: suggestions, exports and imports."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ....server.api.schemas import Body, Number, PromptIn
from ...documents import STATES, ImageState
from ...exporting import DEFAULT_STATES
from .names import Key


class SuggestIn(Body):
    """What a pipeline is to look for on many images."""

    prompts: list[PromptIn] = Field(
        [], description="Text, examples that name their image, everything; none for the classes of the detector."
    )
    keys: Annotated[list[Key], Field(max_length=1_000_000)] | None = Field(None, description="Default: all images that are new.")
    threshold: Annotated[Number, Field(ge=0, le=1)] | None = Field(None, description="Minimum score of what text and examples find.")
    model: Annotated[str, Field(max_length=200)] | None = None


class SuggestedOut(BaseModel):
    """What was suggested."""

    images: int
    objects: int
    left_alone: int = Field(description="Images that a person has touched, before or meanwhile, or that are gone.")
    failed: dict[str, str] = Field(description="Reasons by image.")


class ExportIn(Body):
    """Formats to write, and the images."""

    formats: Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=50)]
    states: Annotated[list[ImageState], Field(min_length=1, max_length=len(STATES))] | None = Field(
        None, description=f"States of the images. Default: {', '.join(DEFAULT_STATES)}."
    )


class ExportedOut(BaseModel):
    """A dataset that was written."""

    format: str
    path: str = Field(description="Its file or folder within the folder of the dataset.")
    lost: list[str] = Field(description="What the format could not hold, and which files were kept as they are.")
    images: int
    objects: int


class ExportOut(BaseModel):
    """What an export has written."""

    files: list[ExportedOut]
    download: str | None = Field(description="Address of a ZIP with all of it.")


class ImportedOut(BaseModel):
    """What was imported."""

    images: int
    objects: int
    problems: list[str]
    name: str = Field(description="Name by which it can be taken back.")


class UndoneImportOut(BaseModel):
    """What became of an import that was taken back."""

    images: int
    removed: int = Field(description="Number of its objects that were removed.")
    restored: int = Field(description="Number of objects that it had replaced, and that are there again.")
    kept: int = Field(description="Number of its objects that were changed since, and that stay.")
