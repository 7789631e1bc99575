"""What QuPath's extension for SAM sends to samapi, and GeoJSON, which it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...datasets.polygons import Ring, outlines
from ...errors import PromptError
from ...images import load_image
from ...masks import Mask, Size
from ...prompts import MAX_POINTS, Concept, Prompt
from ..frame_folders import MAX_FRAMES
from ..operations import ServedModel
from ..service import Service, decoded
from ._places import inside

CHOSEN = "promptseg:"
"""Beginning of the addresses of weights by which a served model is chosen, such as ``"promptseg:mini-sam"``."""

TYPES = {
    "vit_h": ("sam-vit-h",),
    "vit_l": ("sam-vit-l",),
    "vit_b": ("sam-vit-b",),
    "vit_t": ("mobile-sam", "mini-sam"),
    "sam2_l": ("sam2.1-hiera-large", "sam2-hiera-large"),
    "sam2_bp": ("sam2.1-hiera-base-plus", "sam2-hiera-base-plus"),
    "sam2_s": ("sam2.1-hiera-small", "sam2-hiera-small"),
    "sam2_t": ("sam2.1-hiera-tiny", "sam2-hiera-tiny"),
    "sam3": ("sam3",),
}
"""The models in the menu of the extension, each with what it is called here."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Place = Annotated[list[Number], Field(min_length=2, max_length=2)]
Corners = Annotated[list[Number], Field(min_length=4, max_length=4)]
Places = Annotated[list[Place], Field(max_length=MAX_POINTS)]
Labels = Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(max_length=MAX_POINTS)]
Name = Annotated[str, Field(max_length=1000)]
Share = Annotated[Number, Field(ge=0, le=1)]

NO_TEXT = ("", "visual")
"""Texts that mean none. The latter is what SAM 3 calls a prompt of boxes alone."""

_Example = tuple[NDArray[np.uint8] | None, Sequence[float], bool]
"""Image of an example, or None for the one that is searched; its box ``x, y, width, height``; whether it is one of what is meant."""


class ModelIn(BaseModel):
    """The choice of a model, which each request has."""

    model_config = ConfigDict(extra="ignore")

    type: Name | None = None
    checkpoint_url: Name | None = None


class ObjectIn(BaseModel):
    """Points and a box of one object."""

    model_config = ConfigDict(extra="ignore")

    obj_id: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    bbox: Corners | None = None
    point_coords: Places | None = None
    point_labels: Labels | None = None


class SamIn(ModelIn, ObjectIn):
    """An image with the prompts of one object."""

    b64img: str
    b64mask: str | None = None
    multimask_output: bool = False


class Sam3In(ModelIn):
    """An image with a text, and boxes ``[x, y, width, height]`` of examples."""

    b64img: str
    text_prompt: Name | None = None
    positive_bboxes: Annotated[list[Corners], Field(max_length=256)] | None = None
    negative_bboxes: Annotated[list[Corners], Field(max_length=256)] | None = None
    confidence_threshold: Number = 0.5


class AutoMaskIn(ModelIn):
    """An image in which everything is to be found. The limits are those of our own API."""

    b64img: str
    points_per_side: Annotated[int, Field(ge=1, le=128)] | None = 32
    pred_iou_thresh: Share = 0.88
    stability_score_thresh: Share = 0.95
    stability_score_offset: Number = 1.0
    box_nms_thresh: Share = 0.7
    crop_n_layers: Annotated[int, Field(ge=0, le=2)] = 0
    crop_nms_thresh: Share = 0.7
    crop_overlap_ratio: Number = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    min_mask_region_area: Annotated[int, Field(ge=0, le=100_000_000)] = 0


class FramesIn(ModelIn):
    """Frames of a video, or planes of a stack, that were sent or come along."""

    dirname: Annotated[str, Field(max_length=200)] | None = None
    b64imgs: Annotated[list[str], Field(min_length=1, max_length=MAX_FRAMES)] | None = None
    axes: Literal["XYT", "XYZ"] = "XYT"
    plane_position: int | None = 0
    start_frame_idx: Annotated[int, Field(ge=0)] | None = None
    max_frame_num_to_track: Annotated[int, Field(ge=0)] | None = None


class VideoIn(FramesIn):
    """A video with objects on some of its frames."""

    objs: Annotated[dict[Annotated[int, Field(ge=0)], Annotated[list[ObjectIn], Field(max_length=1000)]], Field(min_length=1)]


class KindIn(BaseModel):
    """What to find in a video: a text, and boxes ``[x, y, width, height]`` of examples on a frame. The label of what is not meant is 0."""

    model_config = ConfigDict(extra="ignore")

    text: Name | None = None
    boxes_xywh: Annotated[list[Corners], Field(max_length=256)] | None = None
    box_labels: Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(max_length=256)] | None = None


class Sam3VideoIn(FramesIn):
    """A video in which every object of some kinds is to be found, with examples on some of its frames."""

    objs: Annotated[dict[Annotated[int, Field(ge=0)], Annotated[list[KindIn], Field(max_length=256)]], Field(min_length=1)]


def model_of(service: Service, asked: ModelIn) -> ServedModel:
    """Return the model that a request chooses: by the address of its weights, by its type, or else the first that is served.

    Raises:
        NotFoundError: The address names a model that is not served.
    """
    if asked.checkpoint_url is not None and asked.checkpoint_url.startswith(CHOSEN):
        return service.model(asked.checkpoint_url.removeprefix(CHOSEN))
    names = (asked.type, *TYPES.get(asked.type or "", ()))
    known = {model.name: model for model in service.models}
    return next((known[name] for name in names if name in known), None) or service.model()


def prompt_of(given: ObjectIn, size: Size, mask: str | None = None) -> Prompt:
    """Return the prompt of one object.

    Args:
        given: Its points and box.
        size: ``(height, width)`` of the image.
        mask: An earlier mask of it as an image in base64, of which each pixel that is not black is on the object.

    Raises:
        PromptError: There is none, or it is not usable.
        InputError: The mask is not an image.
    """
    parts: list[Prompt] = []
    if given.bbox:
        x0, y0, x1, y1 = given.bbox
        parts.append(Prompt.box(x0, y0, x1, y1))
    if given.point_coords:
        if len(given.point_coords) != len(given.point_labels or []):
            raise PromptError("point_coords and point_labels have the same number")
        parts.append(Prompt.points([inside(place, size) for place in given.point_coords], given.point_labels))
    if mask is not None:
        parts.append(Prompt.mask(Mask.from_array(load_image(decoded(mask)).any(axis=2))))
    if not parts:
        raise PromptError("an object has a bbox, or point_coords with point_labels")
    return reduce(add, parts)


def concept_of(given: Sam3In) -> Prompt:
    """Return the prompt of a text and examples.

    Raises:
        PromptError: There is neither.
    """
    boxes = [(box, positive) for some, positive in ((given.positive_bboxes, True), (given.negative_bboxes, False)) for box in some or ()]
    text = (given.text_prompt or "").strip()
    if not text and not boxes:
        raise PromptError("a request has a text_prompt, or positive_bboxes")
    return _concept(text, [(None, box, positive) for box, positive in boxes])


def concepts_of(given: Mapping[int, Sequence[KindIn]], frames: Mapping[int, NDArray[np.uint8]], first: int) -> list[Prompt]:
    """Return the prompts for what is to be found in a video: one for each text, and one for examples without a text.

    Args:
        given: Texts and examples by the index of their frame.
        frames: The images of these frames.
        first: Index of the frame that is searched.

    Raises:
        PromptError: There is neither a text nor an example, or labels are missing.
    """
    kinds: dict[str, list[_Example]] = {}
    for index, some in sorted(given.items()):
        for each in some:
            boxes, labels = each.boxes_xywh or [], each.box_labels or []
            if len(boxes) != len(labels):
                raise PromptError("boxes_xywh and box_labels have the same number")
            text = (each.text or "").strip()
            if boxes or text not in NO_TEXT:
                image = None if index == first else frames[index]
                examples = kinds.setdefault("" if text in NO_TEXT else text, [])
                examples += [(image, box, label == 1) for box, label in zip(boxes, labels, strict=True)]
    if not kinds:
        raise PromptError("an object has a text, or boxes_xywh with box_labels")
    return [_concept(text, examples) for text, examples in kinds.items()]


def _concept(text: str, examples: Sequence[_Example]) -> Prompt:
    if not examples:
        return Prompt.text(text)
    shown = [
        Prompt.example(image, Prompt.box(x, y, x + width, y + height), positive=positive, label=text or None)
        for image, (x, y, width, height), positive in examples
    ]
    return reduce(add, [Concept(text), *shown] if text else shown)


def everything_of(given: AutoMaskIn) -> Prompt:
    """Return the prompt of everything mode."""
    return Prompt.everything(
        given.points_per_side or 32,
        pred_iou_thresh=given.pred_iou_thresh,
        stability_score_thresh=given.stability_score_thresh,
        stability_score_offset=given.stability_score_offset,
        box_nms_thresh=given.box_nms_thresh,
        crop_n_layers=given.crop_n_layers,
        crop_nms_thresh=given.crop_nms_thresh,
        crop_overlap_ratio=given.crop_overlap_ratio,
        crop_n_points_downscale_factor=given.crop_n_points_downscale_factor,
        min_mask_region_area=given.min_mask_region_area,
    )


def features_of(masks: Sequence[Mask], model: str, plane: dict[str, int] | None = None, ids: Sequence[int] | None = None) -> list[Any]:
    """Return masks as GeoJSON features along the edges of pixels. Empty masks are left out.

    Args:
        masks: The masks.
        model: Name of the model.
        plane: The plane of the image that they are on.
        ids: Number of the object of each mask; default: their order.
    """
    features: list[Any] = []
    for number, mask in zip(range(len(masks)) if ids is None else ids, masks, strict=True):
        if not mask.area:
            continue
        properties: dict[str, Any] = {"object_idx": number, "label": mask.label or "object", "sam_model": model}
        if mask.score is not None and np.isfinite(mask.score) and ids is None:
            properties["quality"] = mask.score
        geometry = _geometry(mask)
        features.append(
            {"type": "Feature", "geometry": geometry if plane is None else {**geometry, "plane": plane}, "properties": properties}
        )
    return features


def _geometry(mask: Mask) -> dict[str, Any]:
    """Return a mask as a valid polygon or, if it has several parts, polygons; holes included."""
    parts = [[_closed(part.exterior), *map(_closed, part.holes)] for part in outlines(mask)]
    return {"type": "Polygon", "coordinates": parts[0]} if len(parts) == 1 else {"type": "MultiPolygon", "coordinates": parts}


def _closed(ring: Ring) -> list[list[float]]:
    corners: list[list[float]] = ring.tolist()
    return [*corners, corners[0]]
