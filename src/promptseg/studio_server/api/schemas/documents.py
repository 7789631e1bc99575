"""The objects of an image and changes of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from ....errors import InputError
from ....server.api.schemas import Body, Number, ProblemOut, PromptIn, RunLengths
from ...changes import Change
from ...documents import MAX_ATTRIBUTES, MAX_OBJECTS, MAX_PROMPTS, ImageDocument, ImageState, Source, StudioObject
from .names import Color, Uid


class MaskIn(Body):
    """A mask of the image as compressed COCO RLE."""

    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2, description="Height and width.")]
    counts: str


class ObjectIn(Body):
    """An object of an image."""

    uid: Uid
    label: str | None = None
    mask: MaskIn
    score: Number | None = None
    source: Source = "hand"
    locked: bool = False
    hidden: bool = False
    color: Color | None = None
    attributes: dict[str, str] = Field({}, max_length=MAX_ATTRIBUTES)
    prompts: list[PromptIn] = Field([], max_length=MAX_PROMPTS)


class ChangeIn(Body):
    """A change of an image's objects."""

    put: list[ObjectIn] = Field([], max_length=MAX_OBJECTS, description="New objects, and new values of objects that are there.")
    remove: list[Uid] = Field([], max_length=2 * MAX_OBJECTS)
    order: Annotated[list[Uid], Field(max_length=2 * MAX_OBJECTS)] | None = Field(None, description="All uids, the first at the back.")
    state: ImageState | None = None


class ChangesIn(Body):
    """A change, and the version that it was made to."""

    version: Annotated[int, Field(ge=0, le=1 << 53)]
    change: ChangeIn


class ObjectOut(BaseModel):
    """An object of an image."""

    uid: str
    label: str | None
    mask: RunLengths
    score: float | None
    source: Source
    locked: bool
    hidden: bool
    color: str | None
    attributes: dict[str, str]
    prompts: list[dict[str, Any]]


class DocumentOut(BaseModel):
    """The objects of an image, the first at the back, with the version that changes are made to."""

    version: int
    state: ImageState
    objects: list[ObjectOut]


class ChangedOut(BaseModel):
    """What a change led to. `document` is null where nothing but this change happened since the version that it was made to."""

    version: int
    document: DocumentOut | None


class ConflictOut(ProblemOut):
    """A change that was refused, with the objects as they are."""

    document: DocumentOut


def change_of(given: ChangeIn, size: tuple[int, int]) -> Change:
    """Return a change as a value.

    Raises:
        InputError: A mask is not of the image's size.
    """
    return Change(
        put=tuple(object_of(each, size) for each in given.put),
        remove=tuple(given.remove),
        order=None if given.order is None else tuple(given.order),
        state=given.state,
    )


def object_of(given: ObjectIn, size: tuple[int, int]) -> StudioObject:
    """Return an object as a value.

    Raises:
        InputError: Its mask is not of the image's size ``(height, width)``.
    """
    if tuple(given.mask.size) != size:
        raise InputError(f"the mask of the object {given.uid} has the size {given.mask.size}, and the image {list(size)} (height, width)")
    return StudioObject(
        uid=given.uid,
        counts=given.mask.counts,
        label=given.label,
        score=given.score,
        source=given.source,
        locked=given.locked,
        hidden=given.hidden,
        color=given.color,
        attributes=given.attributes,
        prompts=tuple(prompt.model_dump(exclude_unset=True) for prompt in given.prompts),
    )


def document_values(document: ImageDocument) -> dict[str, Any]:
    """Return a document as JSON values."""
    return {"version": document.version, "state": document.state, "objects": [_object_values(each, document) for each in document.objects]}


def _object_values(each: StudioObject, document: ImageDocument) -> dict[str, Any]:
    return {
        "uid": each.uid,
        "label": each.label,
        "mask": {"size": list(document.size or ()), "counts": each.counts},
        "score": each.score,
        "source": each.source,
        "locked": each.locked,
        "hidden": each.hidden,
        "color": each.color,
        "attributes": dict(each.attributes),
        "prompts": [dict(prompt) for prompt in each.prompts],
    }
