"""Images: the list, and one that is open."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ....server.api.schemas import RunLengths
from ...documents import ImageState
from ...summaries import ImageSummary
from .documents import DocumentOut


class SummaryOut(BaseModel):
    """An image in the list."""

    key: str
    name: str
    state: ImageState
    objects: int
    version: int
    doubt: float | None
    error: str | None


class ImagesOut(BaseModel):
    """All images, in order."""

    images: list[SummaryOut]


class TilesOut(BaseModel):
    """How an image is cut into tiles: level 0 has full size, each further level half of it."""

    size: int
    levels: int


class TrueObjectOut(BaseModel):
    """A true object of an image."""

    label: str | None
    mask: RunLengths


class OpenImageOut(BaseModel):
    """An image with its objects. `image` is its id in `/v1/images` and `/v1/segment`.

    Of a `raster`, only parts are read: words, examples and everything mode look in a `window` of it.
    """

    key: str
    name: str
    image: str
    width: int
    height: int
    tiles: TilesOut
    raster: bool
    document: DocumentOut
    truth: list[TrueObjectOut]


def summary_values(summary: ImageSummary) -> dict[str, Any]:
    """Return an image of the list as JSON values."""
    return vars(summary)
