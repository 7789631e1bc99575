"""Tracking for CVAT, which asks about one frame after the other.

The state of an object is the id of the last image on which it was seen and its shape there: it can be kept by CVAT as long as it likes, and
used again from any frame. The next frame and that one are given to the tracker as a video of two frames.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...errors import InputError
from ...masks import Mask, Size
from ...prompts import Prompt
from ...results import FrameMasks
from ..api.schemas import ImageId, Number, RunLengths
from ..images import StoredImage
from ..operations import CloseVideo, OpenVideo, PromptVideo, Propagate
from ..service import Service
from ._cvat_values import Body, mask_of_points, mask_points, outline

MAX_OBJECTS = 256
Flat = Annotated[list[Number], Field(max_length=2_000_000)]


class Shape(BaseModel):
    """A shape of CVAT. Versions that know rectangles alone send their corners without a type."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["rectangle", "polygon", "mask"] = "rectangle"
    points: Flat


class State(BaseModel):
    """Where an object was seen last.

    Attributes:
        image: Id of that image.
        typed: Whether CVAT gave the shape with its type.
        shape: Its shape, as CVAT takes it.
        mask: Its mask there, or None where only the shape is known.
    """

    model_config = ConfigDict(extra="forbid")

    image: ImageId
    typed: bool
    shape: Shape
    mask: RunLengths | None = None


class TrackerIn(Body):
    """A frame, the shapes to start with, or the states of the objects so far."""

    shapes: Annotated[list[Shape | Flat | None], Field(max_length=MAX_OBJECTS, default_factory=list)]
    states: Annotated[list[State | None], Field(max_length=MAX_OBJECTS, default_factory=list)]


async def track(service: Service, model: str, body: TrackerIn, image: StoredImage) -> tuple[list[Any], list[State | None]]:
    """Return the shapes of objects on an image, and their states from then on.

    Raises:
        InputError: A shape does not fit the image, or the image has another size than the one before.
        NotFoundError: The last image of an object is no longer kept.
        PromptSegError: The model fails.
    """
    number = max(len(body.shapes), len(body.states))
    given = [body.shapes[index] if index < len(body.shapes) else None for index in range(number)]
    states = [body.states[index] if index < len(body.states) else None for index in range(number)]
    started = [_started(shape, image) if state is None and shape is not None else state for shape, state in zip(given, states, strict=True)]
    ahead = {index: state for index, state in enumerate(states) if state is not None}
    found: dict[int, Mask] = {}
    for last in dict.fromkeys(state.image for state in ahead.values()):
        found |= await _followed(service, model, last, image, {index: state for index, state in ahead.items() if state.image == last})
    shapes: list[Any] = []
    for index, state in enumerate(started):
        if state is None:
            raise InputError("each object has a shape or a state")
        if index in ahead:
            mask = found.get(index)
            if mask is None or not mask.area:
                shapes.append(None if state.typed else state.shape.points)  # The state stays: the object may come back.
                continue
            state = await service.compute(_seen, state, mask, image)
            started[index] = state
        shapes.append({"type": state.shape.type, "points": state.shape.points} if state.typed else state.shape.points)
    return shapes, started


def _started(given: Shape | Sequence[float], image: StoredImage) -> State:
    typed = isinstance(given, Shape)
    shape = given if isinstance(given, Shape) else Shape(points=list(given))
    _prompt(shape, image.size)
    return State(image=image.id, typed=typed, shape=shape)


async def _followed(service: Service, model: str, last: str, image: StoredImage, states: dict[int, State]) -> dict[int, Mask]:
    """Return the masks on an image of objects that were seen last on another one."""
    before = service.images.get(last)
    if before.size != image.size:
        raise InputError(f"the frames of a video have one size, here {before.size} (height, width), got {image.size}")
    prompts = {index: await service.compute(_state_prompt, state, before.size) for index, state in states.items()}
    video = uuid.uuid4().hex
    folder = service.folder / f"cvat-{video}"
    try:
        await service.compute(_write_frames, folder, before, image)
        await service.engine.ask(OpenVideo(video, str(folder), model))
        for index, prompt in prompts.items():
            await service.engine.ask(PromptVideo(video, 0, index, prompt))
        masks: dict[int, Mask] = {}
        async for event in service.engine.stream(Propagate(video, start=1, stop=2)):
            if isinstance(event, FrameMasks) and event.frame == 1:
                masks = dict(zip(event.object_ids, event.masks, strict=True))
        return masks
    finally:
        with contextlib.suppress(Exception):  # The video may not be open; what failed is told already.
            await service.engine.ask(CloseVideo(video))
        await service.compute(shutil.rmtree, folder, ignore_errors=True)


def _write_frames(folder: Any, *images: StoredImage) -> None:
    folder.mkdir()
    for number, image in enumerate(images):
        (folder / f"{number}.png").write_bytes(image.content())  # It is read by its content; the suffix says that it is an image.


def _state_prompt(state: State, size: Size) -> Prompt:
    if state.mask is None:
        return _prompt(state.shape, size)
    if tuple(state.mask.size) != size:
        raise InputError(f"the mask of a state has the size of its image, {size}")
    return Prompt.mask(Mask.from_coco_rle(state.mask.model_dump()))


def _prompt(shape: Shape, size: Size) -> Prompt:
    """Return the prompt for a shape on an image of a size."""
    points = shape.points
    if shape.type == "mask":
        return Prompt.mask(mask_of_points(points, size))
    if shape.type == "polygon":
        mask = Mask.from_polygons([points], size)
        if not mask.area:
            raise InputError("the polygon has no pixel of the image")
        return Prompt.mask(mask)
    if len(points) != 4:
        raise InputError(f"a rectangle is x0, y0, x1, y1, got {len(points)} numbers")
    x0, y0, x1, y1 = points
    return Prompt.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _seen(state: State, mask: Mask, image: StoredImage) -> State:
    """Return the state of an object that was seen on an image."""
    kind = state.shape.type
    points: list[float] = mask.box.tolist() if kind == "rectangle" else outline(mask) if kind == "polygon" else list(mask_points(mask))
    return State(
        image=image.id, typed=state.typed, shape=Shape(type=kind, points=points), mask=RunLengths.model_validate(mask.to_coco_rle())
    )
