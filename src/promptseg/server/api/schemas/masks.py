"""Masks, as they are sent and answered."""

from __future__ import annotations

from typing import Annotated, Union

from pydantic import BaseModel, Field

from .base import Body, Pair


class RunLengths(Body):
    """A mask as COCO RLE."""

    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2, description="Height and width.")]
    counts: Union[str, list[int]]


class MaskOut(BaseModel):
    """A mask. With polygons, `segmentation` is a list of parts, each a list of rings: the outline, then the holes."""

    segmentation: Union[RunLengths, list[list[list[Pair]]]]
    area: int
    box: list[float]
    score: float | None
    label: str | None
    prompt_index: int | None = None
    detection_index: int | None = None
    from_box: bool = False
    score_kind: str | None = None
    predicted_iou: float | None = None
