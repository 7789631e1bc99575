"""osam's protocol: ``POST /api/generate``, as ``osam serve`` answers it, written from osam's types (MIT).

A mask is cut to its bounding box, whose corners are both in it, and sent as a PNG in base64. No embedding is handed out: the server keeps
it, by the content of the image.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from ...errors import InputError, PromptError
from ...masks import Mask, Masks, Size
from ...postprocess import keep_best, nms
from ...prompts import MAX_POINTS, Prompt
from ...vocabulary import parse_phrase
from ..api.answers import png
from ..api.bodies import json_body
from ..api.routes import Serving
from ._places import inside

router = APIRouter()

ON, CORNERS = 1, (2, 3)
"""Labels of points: on the object, and two opposite corners of a box. 0 is beside the object."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class PromptIn(BaseModel):
    """Points of one object, or texts. The limits are for texts, and their defaults are osam's."""

    model_config = ConfigDict(extra="ignore")

    points: Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(max_length=MAX_POINTS)] | None = None
    point_labels: Annotated[list[Annotated[int, Field(ge=0, le=3)]], Field(max_length=MAX_POINTS)] | None = None
    texts: Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1, max_length=1000)] | None = None
    iou_threshold: Annotated[Number, Field(ge=0, le=1)] | None = 0.5
    score_threshold: Number | None = 0.1
    max_annotations: Annotated[int, Field(ge=0)] | None = 100


class GenerateIn(BaseModel):
    """A request. Annotations that a client sends along are not looked at."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[str, Field(max_length=200)]
    image: str | None = None
    prompt: PromptIn | None = None


@router.post("/api/generate")
async def generate(service: Serving, body: Annotated[GenerateIn, Depends(json_body(GenerateIn))]) -> dict[str, Any]:
    """Segment an image by points, a box or texts."""
    model = service.model(body.model.removesuffix(":latest")).name
    if body.image is None:
        raise InputError("the request has no image, and this server takes no embeddings: send the image with each prompt")
    image = await service.put_base64(body.image)
    prompt = body.prompt
    texts = None if prompt is None or prompt.points is not None else prompt.texts
    if prompt is not None and texts is not None:
        masks = (await service.segment(image, [Prompt.text(*texts)], model=model)).masks
        return {"model": model, "image_embedding": None, "annotations": await service.compute(_of_texts, masks, prompt, texts)}
    masks = (await service.segment(image, [_of_points(prompt, image.size)], model=model)).masks
    return {"model": model, "image_embedding": None, "annotations": await service.compute(_annotations, masks)}


def _of_points(prompt: PromptIn | None, size: Size) -> Prompt:
    """Return the prompt of points; without a prompt it is the center of the image, as for osam's own models."""
    if prompt is None:
        return Prompt.point(size[1] / 2, size[0] / 2)
    if prompt.points is None:
        raise PromptError("a prompt has points, or texts")
    if prompt.point_labels is None or len(prompt.point_labels) != len(prompt.points):
        raise PromptError("points and point_labels have the same number")
    pairs = list(zip(prompt.points, prompt.point_labels, strict=True))
    corners = np.array([place for place, label in pairs if label in CORNERS]).reshape(-1, 2)
    clicks = [(inside(place, size), label == ON) for place, label in pairs if label not in CORNERS]
    if len(corners) not in (0, 2):
        raise PromptError(f"a box is two points with the labels 2 and 3, got {len(corners)} with them")
    on = [Prompt.points([place for place, _ in clicks], [label for _, label in clicks])] if clicks or not len(corners) else []
    box = [Prompt.box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())] if len(corners) else []
    first, *others = [*box, *on]
    return first + others[0] if others else first


def _of_texts(masks: Masks, prompt: PromptIn, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the masks of texts, best first, each with the text as it was sent: clients look for it among those."""
    sent = {parse_phrase(text).label: text for text in reversed(texts)}
    if prompt.score_threshold is not None:
        masks = masks.where([mask.score is None or mask.score >= prompt.score_threshold for mask in masks])
    if prompt.iou_threshold is not None and prompt.iou_threshold < 1:
        masks = nms(masks, prompt.iou_threshold, by="box")
    if prompt.max_annotations is not None:
        masks = keep_best(masks, prompt.max_annotations)
    best_first = masks.where(np.argsort(-np.nan_to_num(masks.scores), kind="stable"))
    return _annotations(best_first, [sent.get(label or "", label) for label in best_first.labels])


def _annotations(masks: Masks, texts: Sequence[str | None] | None = None) -> list[dict[str, Any]]:
    return [_annotation(mask, text) for mask, text in zip(masks, texts or [None] * len(masks), strict=True) if mask.area]


def _annotation(mask: Mask, text: str | None) -> dict[str, Any]:
    pixels, (left, top) = mask.crop()
    height, width = pixels.shape
    return {
        "bounding_box": {"xmin": left, "ymin": top, "xmax": left + width - 1, "ymax": top + height - 1},
        "text": text,
        "score": mask.score,
        "mask": base64.b64encode(png(Image.fromarray(pixels.astype(np.uint8) * 255))).decode(),
    }
