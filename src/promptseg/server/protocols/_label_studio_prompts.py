"""What an annotator draws in Label Studio, as prompts. Coordinates are percentages of the image's width and height."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

from ..._checks import is_number
from ...datasets.formats.label_studio.regions import LONGEST_KEY, Region, region_mask, regions_of
from ...errors import InputError
from ...masks import Mask, Masks, Size
from ...prompts import Prompt, SpatialPrompt


@dataclass(frozen=True)
class Asked:
    """A prompt of an annotator.

    Attributes:
        prompt: The prompt.
        label: The label that the annotator chose, or None.
    """

    prompt: Prompt
    label: str | None = None


@dataclass
class _Drawn:
    """What was drawn with one label.

    Attributes:
        points: Points ``(x, y)`` in pixels, and whether they are on the object.
        boxes: Boxes ``(x0, y0, x1, y1)`` in pixels.
        masks: Strokes and polygons.
    """

    points: list[tuple[float, float, bool]] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)


def asked_of(results: Sequence[Mapping[str, Any]], size: Size) -> list[Asked]:
    """Return the prompts in the regions that an annotator has drawn, and in the texts that they have written.

    What has the same label describes one object: points, strokes, polygons and a rectangle together. Several rectangles are as many
    objects, and a point on the object belongs to the smallest rectangle around it.

    Args:
        results: The results of Label Studio about one image.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: A region is damaged, or states another size of the image.
        PromptError: A prompt cannot be made of it.
    """
    results = _meant(results)
    negative = {str(result.get("id", index))[:LONGEST_KEY] for index, result in enumerate(results) if result.get("is_positive") is False}
    drawn: dict[str | None, _Drawn] = {}
    for region in regions_of(results):
        if region.size is not None and region.size != size:
            height, width = region.size
            raise InputError(
                f"the region is of an image that is {width} wide and {height} high, and this one is {size[1]} wide and {size[0]} high"
            )
        each = drawn.setdefault(region.labels[0] if region.labels else None, _Drawn())
        _draw(each, region, size, region.key not in negative)
    asked = [Asked(prompt, label) for label, each in drawn.items() for prompt in _prompts(each)]
    phrases = [text for result in results if result.get("type") == "textarea" for text in _texts(result)]
    return [*asked, Asked(Prompt.text(*phrases))] if phrases else asked


def _meant(results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the results that are meant as prompts.

    Label Studio also sends what was there before with the same label: regions that a model has made, and key points that are annotations.
    The key points that are prompts say whether they are on the object.
    """
    drawn = [result for result in results if result.get("origin") in ("manual", None)]
    if not any("is_positive" in result for result in drawn):
        return drawn
    return [result for result in drawn if "is_positive" in result or not str(result.get("type")).startswith("keypoint")]


def _draw(drawn: _Drawn, region: Region, size: Size, positive: bool) -> None:
    (height, width), value = size, region.value
    if "x" in value and "height" not in value and "radiusX" not in value:
        x, y = (_percentage(value, member) for member in ("x", "y"))
        drawn.points.append((x * width / 100 - 0.5, y * height / 100 - 0.5, positive))  # A pixel's center has whole coordinates.
        return
    rectangle = "x" in value
    if rectangle and not value.get("rotation") and "radiusX" not in value:
        x0, y0, columns, rows = (_percentage(value, member) for member in ("x", "y", "width", "height"))
        drawn.boxes.append((x0 * width / 100, y0 * height / 100, (x0 + columns) * width / 100, (y0 + rows) * height / 100))
        return
    mask = region_mask(region, size)
    if isinstance(mask, str):
        raise InputError(f"a region of type {region.type!r} is not a prompt: {mask}")
    if not mask.area:
        return
    if rectangle:
        drawn.boxes.append(tuple(mask.box.tolist()))
    else:
        drawn.masks.append(mask)


def _prompts(drawn: _Drawn) -> Iterable[SpatialPrompt]:
    """Yield a prompt for each object that was drawn."""
    on, off = ([point for point in drawn.points if point[2] is which] for which in (True, False))
    masks = [Prompt.mask(Masks(drawn.masks).union())] if drawn.masks else []
    if len(drawn.boxes) < 2:
        boxes = [Prompt.box(*box) for box in drawn.boxes]
        if on or boxes or masks:
            yield reduce(add, [*_clicks([*on, *off]), *boxes, *masks])
        return
    inside: dict[int, list[tuple[float, float, bool]]] = {}
    for point in on:
        around = [index for index, box in enumerate(drawn.boxes) if _area(box, point) is not None]
        inside.setdefault(min(around, key=lambda index: _area(drawn.boxes[index], point) or 0.0, default=-1), []).append(point)
    for index, box in enumerate(drawn.boxes):
        yield reduce(
            add, [*_clicks([*inside.get(index, ()), *(point for point in off if _area(box, point) is not None)]), Prompt.box(*box)]
        )
    if masks or -1 in inside:
        yield reduce(add, [*_clicks(inside.get(-1, ())), *masks])


def _clicks(points: Sequence[tuple[float, float, bool]]) -> list[SpatialPrompt]:
    return [Prompt.points([point[:2] for point in points], [point[2] for point in points])] if points else []


def _area(box: tuple[float, float, float, float], point: tuple[float, float, bool]) -> float | None:
    """Return the area of a box, or None if the point lies outside."""
    (x0, y0, x1, y1), (x, y, _) = box, point
    return (x1 - x0) * (y1 - y0) if x0 <= x + 0.5 <= x1 and y0 <= y + 0.5 <= y1 else None


def _percentage(value: Mapping[str, Any], member: str) -> float:
    """Return a percentage. What rounding put just outside the image is moved to its border."""
    number = value.get(member)
    if not is_number(number) or not -MARGIN <= number <= 100 + MARGIN:
        raise InputError(f"{member} is a percentage of the image from 0 to 100, got {str(number)[:40]}")
    return min(max(float(number), 0.0), 100.0)


def _texts(result: Mapping[str, Any]) -> list[str]:
    value = result.get("value")
    found = value.get("text") if isinstance(value, Mapping) else None
    return [text for text in (found if isinstance(found, list) else [found]) if isinstance(text, str) and text.strip()]


MARGIN = 0.5
"""Percentage of the image by which a region may lie outside."""
