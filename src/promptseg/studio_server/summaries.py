"""`ImageSummary`: what a list tells of an image."""

from __future__ import annotations

from dataclasses import dataclass

from .documents import ImageDocument, ImageState
from .image_list import key_of


@dataclass(frozen=True)
class ImageSummary:
    """An image in a list.

    Attributes:
        key: Its address in the API, 16 hexadecimal digits.
        name: Its path within the source.
        state: Its state.
        objects: Number of its objects.
        version: Version of its document.
        doubt: How doubtful a pipeline's suggestions are, 0 to 1, or None.
        error: Why it cannot be opened, or None.
    """

    key: str
    name: str
    state: ImageState = "new"
    objects: int = 0
    version: int = 0
    doubt: float | None = None
    error: str | None = None


def summary_of(name: str, document: ImageDocument) -> ImageSummary:
    """Return what a list tells of an image of a name, with its document."""
    return ImageSummary(key_of(name), name, document.state, len(document.objects), document.version, document.doubt)
