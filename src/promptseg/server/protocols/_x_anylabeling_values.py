"""What X-AnyLabeling sends and takes, as values: models with their tasks and widgets, marks as prompts, masks as shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...datasets.polygons import Ring, one_ring, outlines, ring_area
from ...datasets.simplification import simplified
from ...errors import PromptError
from ...masks import Mask, Polygon, Size
from ...prompts import Concept, Prompt
from ..operations import ServedModel
from ._places import inside
from ._x_anylabeling_bodies import EXACT, MarkIn, ParamsIn

UNNAMED = "AUTOLABEL_OBJECT"
"""Label of a shape for which X-AnyLabeling asks its user for a label."""

CLICK, TEXT, SIMILAR, DETECT, TRACK = "click", "text", "similar", "detect", "track"
"""Ids of the tasks."""


def model_values(model: ServedModel) -> dict[str, Any]:
    """Return what X-AnyLabeling is told of a model: its tasks, by the prompts that it accepts, and the widgets of each."""
    tasks = [task for task, offered in _offered(model).items() if offered]
    widgets: dict[str, Any] = {}
    for task in tasks:
        widgets.update(_widgets(task, model))
    told = [{"name": name, "value": value} for name, value in widgets.items()]
    if len(tasks) > 1:
        told = [{"name": "remote_task_select_combobox", "value": None}, *told]
    return {
        "model_id": model.name,
        "display_name": model.name,
        "batch_processing_mode": _TASKS[tasks[0]]["mode"] if tasks else "default",
        "widgets": told,
        "available_tasks": [_task_values(task, model) for task in tasks] if len(tasks) > 1 else [],
        "params": {},
    }


def prompts_of(params: ParamsIn, model: ServedModel, size: Size) -> list[Prompt] | None:
    """Return the prompts of a request, or None if there is nothing to do.

    Raises:
        PromptError: A mark is not usable.
    """
    if params.current_task == SIMILAR:
        found = _concept(params, size)
        return None if found is None else [found]
    if params.marks:
        return _spatial(params.marks, size)
    if params.text_prompt is not None and params.text_prompt.strip():
        return [text_of(params.text_prompt)]
    return [] if model.classes and params.current_task in (None, DETECT) else None


def text_of(text: str) -> Prompt:
    """Return the prompt of a text.

    The tool drops the last full stop of a caption such as ``"dog. cat."``. Without it, the caption would be one phrase.
    """
    return Prompt.text(text if text.rstrip().endswith(".") else f"{text.rstrip()}.")


def shapes_of(
    masks: Sequence[Mask], epsilon: float, least: float | None = None, groups: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Return each mask as one polygon: its holes are cut open, and its parts are joined by bridges that enclose no pixels.

    Args:
        masks: The masks. Empty ones are left out.
        epsilon: Share of an outline's length by which the outline may be moved; up to `EXACT` it is not.
        least: Minimum score.
        groups: Number of the object of each mask, for masks of a video.
    """
    numbers: Sequence[int | None] = [None] * len(masks) if groups is None else groups
    numbered = zip(masks, numbers, strict=True)
    kept = [(mask, group) for mask, group in numbered if least is None or mask.score is None or mask.score >= least]
    return [_shape(mask, group, rings) for mask, group in kept if (rings := _rings(mask, epsilon))]


def _rings(mask: Mask, epsilon: float) -> list[Ring]:
    """Return the rings of a mask. Where outlines may be moved, parts and holes that are smaller than that are dropped."""
    parts = outlines(mask)
    if epsilon > EXACT and parts:
        length = max(float(np.abs(np.diff(part.exterior, axis=0, append=part.exterior[:1])).sum()) for part in parts)
        tolerance = (min(epsilon, 1.0) - EXACT) * length
        parts = simplified(parts, tolerance)
        largest = max(parts, key=lambda part: ring_area(part.exterior))
        parts = [part for part in parts if part is largest or ring_area(part.exterior) > tolerance**2]
        parts = [Polygon(part.exterior, tuple(hole for hole in part.holes if -ring_area(hole) > tolerance**2)) for part in parts]
    return [ring for part in parts for ring in (part.exterior, *part.holes)]


def _shape(mask: Mask, group: int | None, rings: Sequence[Ring]) -> dict[str, Any]:
    ring = one_ring(rings).tolist()
    return {
        "label": mask.label or UNNAMED,
        "shape_type": "polygon",
        "points": [*ring, ring[0]],
        "score": mask.score,
        "group_id": group,
        "attributes": {},
        "description": None,
        "difficult": False,
        "direction": 0,
        "flags": None,
        "kie_linking": [],
    }


def _offered(model: ServedModel) -> dict[str, bool]:
    spatial = bool(model.accepts & {"point", "box"})
    return {
        CLICK: spatial,
        TEXT: "text" in model.accepts,
        SIMILAR: "example" in model.accepts,
        DETECT: bool(model.classes),
        TRACK: "box" in model.accepts,
    }


def _widgets(task: str, model: ServedModel) -> dict[str, Any]:
    own: dict[str, Any] = _TASKS[task]["widgets"]
    return {**_WORDS, **own} if task == TRACK and "text" in model.accepts else own


def _task_values(task: str, model: ServedModel) -> dict[str, Any]:
    values = _TASKS[task]
    active = {name: {} if value is None else {"value": value} for name, value in _widgets(task, model).items()}
    if "edit_text" in active:
        active["edit_text"] = {"placeholder": "dog, red car"}
    return {
        "id": task,
        "name": values["name"],
        "description": values["description"],
        "batch_processing_mode": values["mode"],
        "active_widgets": active,
    }


def _spatial(marks: Sequence[MarkIn], size: Size) -> list[Prompt]:
    """Return the prompts of marks: one rectangle goes with the points; of several, each is an object of its own."""
    points = [mark for mark in marks if mark.type == "point"]
    boxes = [_box(mark, size) for mark in marks if mark.type == "rectangle"]
    if any(mark.type == "rectangle" and mark.label == 0 for mark in marks):
        raise PromptError(f"a rectangle beside the object is for the task {SIMILAR!r}")
    if any(len(mark.data) != 2 for mark in points):
        raise PromptError("a point has two numbers")
    clicks = [Prompt.points([inside(mark.data, size) for mark in points], [mark.label == 1 for mark in points])] if points else []
    if len(boxes) == 1 and clicks:
        return [boxes[0] + clicks[0]]
    return [*boxes, *clicks]


def _concept(params: ParamsIn, size: Size) -> Prompt | None:
    text = (params.text_prompt or "").strip()
    parts: list[Prompt] = [Concept(text)] if text else []
    for mark in params.marks:
        where = _box(mark, size) if mark.type == "rectangle" else Prompt.point(*inside(mark.data[:2], size))
        parts.append(Prompt.example(None, where, positive=mark.label != 0, label=text or None))
    if not parts:
        return None
    first, *others = parts
    for other in others:
        first = first + other
    return first


def _box(mark: MarkIn, size: Size) -> Prompt:
    if len(mark.data) != 4:
        raise PromptError("a rectangle has four numbers")
    (x0, x1), (y0, y1) = sorted(mark.data[::2]), sorted(mark.data[1::2])
    return Prompt.box(max(0.0, x0), max(0.0, y0), min(x1, size[1]), min(y1, size[0]))


_FOUND: dict[str, Any] = {"input_conf": None, "edit_conf": 0.0, "toggle_preserve_existing_annotations": False}
_FINENESS: dict[str, Any] = {"mask_fineness_slider": 1, "mask_fineness_value_label": None}
_CLICKS: dict[str, Any] = {"button_add_point": None, "button_remove_point": None, "button_add_rect": None}
_OBJECT: dict[str, Any] = {"button_clear": None, "button_finish_object": None}
_WORDS: dict[str, Any] = {"edit_text": None, "button_send": None}
_TASKS: dict[str, dict[str, Any]] = {
    CLICK: {
        "name": "Click",
        "description": "Points and rectangles on one object",
        "mode": None,
        "widgets": {**_CLICKS, **_OBJECT, **_FINENESS},
    },
    TEXT: {"name": "Text", "description": "Every object of a phrase", "mode": "text_prompt", "widgets": {**_WORDS, **_FOUND, **_FINENESS}},
    SIMILAR: {
        "name": "Similar",
        "description": "Every object like those in the rectangles",
        "mode": None,
        "widgets": {"add_pos_rect": None, "add_neg_rect": None, "button_run_rect": None, "button_clear": None, **_FOUND, **_FINENESS},
    },
    DETECT: {
        "name": "Detect",
        "description": "Every object of the classes of the detector",
        "mode": "default",
        "widgets": {"button_run": None, **_FOUND, **_FINENESS},
    },
    TRACK: {
        "name": "Track",
        "description": "Points on objects of a frame, then all frames that follow",
        "mode": "video",
        "widgets": {"button_add_point": None, "button_remove_point": None, **_OBJECT, **_FINENESS},
    },
}
"""The tasks, each with its widgets and their values."""
