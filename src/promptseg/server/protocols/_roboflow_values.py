"""Values of Roboflow's inference routes: prompts, masks and errors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Annotated, Any, Literal, Union

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...errors import InputError
from ...masks import Mask, Size
from ...prompts import Prompt, SpatialPrompt
from ..api.schemas import Number
from ._places import inside

Format = Literal["json", "polygon", "rle"]
Score = Annotated[Number, Field(ge=0, le=1)]


class Body(BaseModel):
    """Base of what clients send. They send more than what is used here."""

    model_config = ConfigDict(extra="ignore")


class ImageValue(Body):
    """An image: its file in base64, or its address."""

    type: Annotated[str, Field(max_length=40)] = "base64"
    value: str


class Point(Body):
    """A point in pixels, on the object or on the background."""

    x: Number
    y: Number
    positive: bool = True


class CenterBox(Body):
    """A box by its center and size, in pixels. The boxes of ``/sam2`` and ``/sam3/visual_segment`` are such."""

    x: Number
    y: Number
    width: Number
    height: Number

    def prompt(self) -> SpatialPrompt:
        """Return the box as a prompt."""
        return Prompt.box(self.x - self.width / 2, self.y - self.height / 2, self.x + self.width / 2, self.y + self.height / 2)


class CornerBox(Body):
    """A box by its top left corner and size, in pixels. The boxes of ``/sam3/concept_segment`` are such."""

    x: Number
    y: Number
    width: Number
    height: Number

    def prompt(self) -> SpatialPrompt:
        """Return the box as a prompt."""
        return Prompt.box(self.x, self.y, self.x + self.width, self.y + self.height)


class TwoCornerBox(Body):
    """A box by two corners, in pixels."""

    x0: Number
    y0: Number
    x1: Number
    y1: Number

    def prompt(self) -> SpatialPrompt:
        """Return the box as a prompt."""
        return Prompt.box(self.x0, self.y0, self.x1, self.y1)


class SpatialValue(Body):
    """Points and a box that together describe an object."""

    box: CenterBox | None = None
    points: Annotated[list[Point], Field(max_length=4096)] | None = None

    def prompt(self, size: Size) -> SpatialPrompt:
        """Return the prompt for an image of a size ``(height, width)``.

        Raises:
            InputError: There is neither a point nor a box.
            PromptError: They are not usable.
        """
        parts: list[SpatialPrompt] = []
        if self.points:
            places = [inside((point.x, point.y), size) for point in self.points]
            parts.append(Prompt.points(places, [point.positive for point in self.points]))
        if self.box is not None:
            parts.append(self.box.prompt())
        if not parts:
            raise InputError("a prompt has points or a box")
        return reduce(add, parts)


class PromptSet(Body):
    """Prompts of several objects."""

    prompts: list[SpatialValue] | None = None


class ConceptValue(Body):
    """A phrase, boxes around examples, or both."""

    text: Annotated[str, Field(max_length=1000)] | None = None
    boxes: Annotated[list[Union[CornerBox, TwoCornerBox]], Field(max_length=256)] | None = None
    box_labels: list[bool] | None = None
    output_prob_thresh: Score | None = None

    def prompt(self) -> Prompt:
        """Return the prompt.

        Raises:
            InputError: It is empty, or has not one label for each box.
            PromptError: It is not usable.
        """
        boxes = self.boxes or []
        labels = [True] * len(boxes) if self.box_labels is None else self.box_labels
        if len(labels) != len(boxes):
            raise InputError(f"box_labels has one label for each box, got {len(labels)} for {len(boxes)}")
        examples = [Prompt.example(None, box.prompt(), positive=label) for box, label in zip(boxes, labels, strict=True)]
        if self.text is None and not examples:
            raise InputError("a prompt has text or boxes")
        return reduce(add, [*([] if self.text is None else [Prompt.text(self.text)]), *examples])

    def echo(self, index: int) -> dict[str, Any]:
        """Return what an answer repeats of the prompt."""
        kind = "visual" if self.boxes else "text"
        return {"prompt_index": index, "type": kind, "text": self.text, "num_boxes": len(self.boxes or [])}


class EmbedIn(Body):
    """An image to encode, and a name for it."""

    model_config = ConfigDict(protected_namespaces=())  # Pydantic before 2.10 warns of every field whose name begins with `model_`.

    api_key: Annotated[str, Field(max_length=1000)] | None = None
    image: ImageValue | None = None
    image_id: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    model_id: Annotated[str, Field(max_length=200)] | None = None


class VisualIn(EmbedIn):
    """An image and the objects to segment. Without any prompt, every object is."""

    format: Format | None = "json"
    prompts: PromptSet = PromptSet()

    @field_validator("prompts", mode="before")
    @classmethod
    def _as_set(cls, value: Any) -> Any:
        """Take a list of prompts, and one alone, as well."""
        if isinstance(value, list):
            return {"prompts": value}
        if isinstance(value, dict) and "prompts" not in value and value:
            return {"prompts": [value]}
        return PromptSet() if value is None else value


class ConceptIn(EmbedIn):
    """An image and the concepts whose instances are segmented."""

    format: Format | None = "polygon"
    prompts: Annotated[list[ConceptValue], Field(min_length=1, max_length=64)]
    output_prob_thresh: Score | None = 0.5
    nms_iou_threshold: Score | None = None


def predictions(masks: Sequence[Mask], form: Format | None) -> list[dict[str, Any]]:
    """Return masks as predictions."""
    if form == "rle":
        return [{"masks": mask.to_coco_rle(), "confidence": _confidence(mask), "format": "rle"} for mask in masks]
    return [{"masks": outlines(mask), "confidence": _confidence(mask), "format": "polygon"} for mask in masks]


def outlines(mask: Mask) -> list[list[list[int]]]:
    """Return the outlines of a mask through the centers of its border pixels, as Roboflow draws them: without holes."""
    import cv2

    crop, (left, top) = mask.crop()
    if crop.size == 0:
        return []
    contours, _ = cv2.findContours(crop.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corners: list[list[list[int]]] = [(contour[:, 0] + (left, top)).tolist() for contour in contours]
    return corners


def remaining(found: Sequence[tuple[int, Mask]], threshold: float | None) -> list[tuple[int, Mask]]:
    """Return numbered masks without those that overlap a better one by more than an IoU; None keeps all."""
    if threshold is None:
        return list(found)
    kept: list[tuple[int, Mask]] = []
    for index, mask in sorted(found, key=lambda each: -_confidence(each[1])):
        if all(mask.iou(other) <= threshold for _, other in kept):
            kept.append((index, mask))
    return kept


def _confidence(mask: Mask) -> float:
    return 1.0 if mask.score is None else float(mask.score)
