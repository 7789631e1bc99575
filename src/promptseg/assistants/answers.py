"""Arguments and answers of the tools, whose schemas assistants read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Point(BaseModel):
    """A click."""

    x: float = Field(description="Pixels from the left.")
    y: float = Field(description="Pixels from the top.")
    label: Literal[0, 1] = Field(1, description="1: on the object. 0: on what does not belong to it.")


class Box(BaseModel):
    """A box in pixels, half-open: x1 and y1 are the first column and row outside."""

    x0: float
    y0: float
    x1: float
    y1: float


class Example(BaseModel):
    """An example of what to find."""

    box: Box = Field(description="Box around one such object.")
    image_id: str | None = Field(None, description="The opened image that shows it. Default: the image that is searched.")
    positive: bool = Field(True, description="false: an example of what is not meant.")


class ModelEntry(BaseModel):
    """A model of the catalog."""

    name: str
    family: str
    summary: str
    license: str
    prompts: list[str] = Field(description="Kinds of prompt that it takes.")
    state: str = Field(description='"ready", or what it needs first.')


class ModelList(BaseModel):
    """Models."""

    in_use: dict[str, str] = Field(description="Models of this server by their job: detect (finds by text), segment, concept.")
    models: list[ModelEntry] = Field(description="Models with which the server could be started.")


class ImageList(BaseModel):
    """Images and folders that a folder holds itself."""

    images: list[str] = Field(description="Paths for open_image.")
    folders: list[str] = Field(description="Paths for list_images.")
    not_listed: int = Field(description="Number of images and folders that are left out because there are too many.")


class Opened(BaseModel):
    """An opened image."""

    image_id: str = Field(description="Id by content: the same pixels have the same id.")
    name: str
    width: int
    height: int


class MaskEntry(BaseModel):
    """A mask."""

    index: int
    label: str | None
    score: float | None
    box: list[int] = Field(description="[x0, y0, x1, y1] in pixels, half-open. All are 0 for an empty mask.")
    area: int = Field(description="Number of pixels.")
    rle: dict[str, Any] | None = Field(None, description="The pixels as COCO RLE, if asked for.")


class Segmentation(BaseModel):
    """Masks of an image."""

    result_id: str = Field(description="Id for show_overlay, count_objects and export_masks.")
    image_id: str
    width: int
    height: int
    masks: list[MaskEntry] = Field(description="The first masks.")
    masks_total: int
    notes: list[str] = Field(description="What was found of each phrase, and what was left out.")
    models: list[str] = Field(description="Models that took part, with their licenses.")


class Shown(BaseModel):
    """What a shown image is."""

    image_id: str
    result_id: str | None = None
    width: int = Field(description="Width of the shown image.")
    height: int = Field(description="Height of the shown image.")
    full_width: int
    full_height: int
    scale: float = Field(description="Multiply positions in the shown image by this for pixels of the full image, which all tools take.")


class Counts(BaseModel):
    """Numbers of objects."""

    result_id: str
    counts: dict[str, int] = Field(description='Objects by label; those without a label are "object". Phrases that were not found have 0.')
    total: int


class Exported(BaseModel):
    """What was written."""

    format: str
    path: str = Field(description="The written file or folder.")
    files: int
    images: int
    masks: int
    notes: list[str]
