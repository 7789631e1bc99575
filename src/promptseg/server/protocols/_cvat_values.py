"""Values of CVAT's function gateway: functions, prompts, masks and shapes.

CVAT counts in pixels from the corner of the image: the center of the first pixel is at (0.5, 0.5). Boxes around masks are inclusive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...datasets.formats.cvat import decode_rle, encode_rle
from ...errors import InputError
from ...masks import Mask, Size
from ...prompts import Prompt, SpatialPrompt
from ...vocabulary import parse_phrases
from ..api.schemas import Number, Pair
from ..operations import ServedModel

Kind = Literal["interactor", "detector", "tracker"]
Points = Annotated[list[Pair], Field(max_length=4096)]

_HELP = "Click on the object, and beside it where the mask is too large. A box around it is optional."


@dataclass(frozen=True)
class Function:
    """What a served model does for CVAT.

    Attributes:
        id: Its name in CVAT's requests.
        kind: What it does.
        model: The model.
        labels: What a detector finds: the classes that the model knows, or the labels of the phrases of the settings.
    """

    id: str
    kind: Kind
    model: ServedModel
    labels: tuple[str, ...] = ()

    def described(self, port: int) -> dict[str, Any]:
        """Return the function as a Nuclio dashboard describes it. All annotations are text."""
        annotations = {"name": f"promptseg {self.model.name}", "type": self.kind, "version": "2", "spec": "[]"}
        if self.kind == "interactor":
            points = "point" in self.model.accepts
            annotations |= {"min_pos_points": "0" if "box" in self.model.accepts else "1", "help_message": _HELP}
            annotations["min_neg_points"] = "0" if points else "-1"
            if "box" in self.model.accepts:
                annotations["startswith_box_optional" if points else "startswith_box"] = "true"
        elif self.kind == "detector":
            kind = "mask" if segments(self.model) else "rectangle"
            labels = [{"id": number, "name": name, "type": kind} for number, name in enumerate(self.labels)]
            annotations["spec"] = json.dumps(labels)
        else:
            annotations["supported_shape_types"] = "rectangle,polygon,mask"
        return {
            "metadata": {"name": self.id, "namespace": "nuclio", "annotations": annotations},
            "spec": {"description": f"{self.model.name}, served by promptseg"},
            "status": {"state": "ready", "httpPort": port},
        }


def functions(models: Sequence[ServedModel], phrases: Sequence[str] = ()) -> dict[str, Function]:
    """Return the functions of some models by their ids.

    Args:
        models: The models.
        phrases: What models find that read any. Without a list of classes and without these, CVAT could map nothing.
    """
    labels = [phrase.label for phrase in parse_phrases(phrases)] if phrases else []
    found: dict[str, Function] = {}
    for model in models:
        kinds: list[Kind] = []
        known = tuple(dict.fromkeys(model.classes or labels)) if model.detects else ()
        if model.accepts & {"point", "box"}:
            kinds.append("interactor")
        if known:
            kinds.append("detector")
        if "box" in model.accepts:
            kinds.append("tracker")
        for kind in kinds:
            name = f"promptseg-{_NOT_IN_IDS.sub('-', model.name)}-{kind}"
            while name in found:
                name += "-"
            found[name] = Function(name, kind, model, known if kind == "detector" else ())
    return found


def segments(model: ServedModel) -> bool:
    """Return whether a model makes masks, and not boxes alone."""
    return bool(model.accepts & {"point", "box"} or model.concepts)


class Body(BaseModel):
    """Base of what CVAT sends."""

    model_config = ConfigDict(extra="ignore")

    image: str


class InteractorIn(Body):
    """An image, and clicks and a box by two corners."""

    pos_points: Points | None = None
    neg_points: Points | None = None
    obj_bbox: Annotated[list[Pair], Field(max_length=2)] | None = None

    def prompt(self, size: Size) -> SpatialPrompt:
        """Return the prompt for an image of a size.

        Raises:
            InputError: There is neither a click nor a box.
            PromptError: They are not usable.
        """
        clicks = [(place, True) for place in self.pos_points or []] + [(place, False) for place in self.neg_points or []]
        parts: list[SpatialPrompt] = []
        if clicks:
            places = np.array([place for place, _ in clicks]) - 0.5
            last = np.array(size[::-1]) - 1.0
            # A click on the border of the image is on its outermost pixels. One far outside is not.
            near = np.where((places >= -1.0) & (places <= last + 1.0), np.clip(places, 0.0, last), places)
            parts.append(Prompt.points(near, [on for _, on in clicks]))
        if self.obj_bbox:
            if len(self.obj_bbox) != 2:
                raise InputError("obj_bbox has two corners")
            corners = np.array(self.obj_bbox)
            parts.append(Prompt.box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
        if not parts:
            raise InputError("a request has pos_points, neg_points or obj_bbox")
        return parts[0] + parts[1] if len(parts) > 1 else parts[0]


class DetectorIn(Body):
    """An image and the least score."""

    threshold: Annotated[Number, Field(ge=0, le=1)] | None = None


def grid_json(mask: Mask) -> bytes:
    """Return the JSON ``{"mask": [[0, 1, …], …]}`` of a mask: made of bytes, because a list of lists would take a hundred times longer."""
    pixels: NDArray[np.bool_] = mask.array
    height, width = pixels.shape
    text = np.full((height, 2 * width + 2), ord(","), np.uint8)
    text[:, 0], text[:, 2 * width] = ord("["), ord("]")
    text[:, 1 : 2 * width : 2] = pixels + np.uint8(ord("0"))
    return b'{"mask":[' + text.tobytes()[:-1] + b"]}"


def detections_json(masks: Sequence[Mask], threshold: float | None, as_masks: bool) -> bytes:
    """Return the masks that score enough as the shapes of a detector."""
    kept = [mask for mask in masks if mask.area and (mask.score is None or mask.score >= (threshold or 0.0))]
    return json.dumps([_detection(mask, as_masks) for mask in kept], ensure_ascii=False).encode()


def _detection(mask: Mask, as_mask: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {"confidence": str(1.0 if mask.score is None else round(mask.score, 6)), "label": mask.label or ""}
    if not as_mask:
        return {**shape, "type": "rectangle", "points": mask.box.tolist()}
    crop, (left, top) = mask.crop()
    corners = [left, top, left + crop.shape[1] - 1, top + crop.shape[0] - 1]
    return {**shape, "type": "mask", "points": outline(mask), "mask": [*crop.astype(np.uint8).ravel().tolist(), *corners]}


def outline(mask: Mask) -> list[float]:
    """Return the outline of the largest part of a mask, ``x0, y0, x1, y1, …``. CVAT asks for it where masks become polygons."""
    parts = [part.exterior for part in mask.polygons()]
    largest = max(parts, key=_ring_area)
    flat: list[float] = largest.ravel().tolist()
    return flat


def mask_points(mask: Mask) -> list[int]:
    """Return a mask as the points of a shape of type ``"mask"``: run lengths of its box, row by row, and its inclusive corners."""
    text, (left, top, width, height) = encode_rle(mask)
    return [*map(int, text.split(",")), left, top, left + width - 1, top + height - 1]


def mask_of_points(points: Sequence[float], size: Size) -> Mask:
    """Return the mask of the points of a shape of type ``"mask"``.

    Raises:
        InputError: They are not those of a mask of an image of this size.
    """
    if len(points) < 5 or not all(0 <= value == int(value) for value in points):
        raise InputError("the points of a mask are whole numbers: run lengths and two corners")
    *runs, left, top, right, bottom = map(int, points)
    return decode_rle(",".join(map(str, runs)), (left, top, right - left + 1, bottom - top + 1), size)


def _ring_area(ring: NDArray[np.float32]) -> float:
    x, y = ring.astype(np.float64).T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]+")
