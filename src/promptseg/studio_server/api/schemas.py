"""Bodies and answers of the studio's routes. `studio/web/src/model/types.ts` says the same in TypeScript."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ...errors import InputError
from ...server.api.schemas import Body, ProblemOut, PromptIn, RunLengths
from ..changes import Change
from ..documents import MAX_ATTRIBUTES, MAX_OBJECTS, MAX_PROMPTS, STATES, ImageDocument, ImageState, Source, StudioObject
from ..exporting import DEFAULT_STATES
from ..labels import MAX_LABELS, Label
from ..summaries import ImageSummary

Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Chosen by who makes the object; never changes.")]
Key = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="Address of an image in the API.")]
Color = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$", description="#rrggbb.")]
Number = Annotated[float, Field(allow_inf_nan=False)]


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


class LabelIn(Body):
    """A label, its color and the key that gives it."""

    name: str
    color: str
    key: str | None = None


class LabelsIn(Body):
    """All labels, in their order."""

    labels: Annotated[list[LabelIn], Field(max_length=MAX_LABELS)]


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


class SummaryOut(BaseModel):
    """An image in the list."""

    key: str
    name: str
    state: ImageState
    objects: int
    version: int
    doubt: float | None
    error: str | None


class ImagesOut(BaseModel):
    """All images, in order."""

    images: list[SummaryOut]


class TilesOut(BaseModel):
    """How an image is cut into tiles: level 0 has full size, each further level half of it."""

    size: int
    levels: int


class TrueObjectOut(BaseModel):
    """A true object of an image."""

    label: str | None
    mask: RunLengths


class OpenImageOut(BaseModel):
    """An image with its objects. `image` is its id in `/v1/images` and `/v1/segment`."""

    key: str
    name: str
    image: str
    width: int
    height: int
    tiles: TilesOut
    document: DocumentOut
    truth: list[TrueObjectOut]


class LabelOut(BaseModel):
    """A label, its color and the key that gives it."""

    name: str
    color: str
    key: str | None


class LabelsOut(BaseModel):
    """All labels, in their order."""

    labels: list[LabelOut]


class FormatOut(BaseModel):
    """A format that can be exported."""

    name: str
    summary: str


class ProjectOut(BaseModel):
    """What the studio works on."""

    name: str
    out: str
    kind: Literal["images", "video"]
    images: int
    labels: list[LabelOut]
    formats: list[FormatOut]
    truth: bool
    threshold: float
    version: str


class AddressOut(BaseModel):
    """An address that opens the page once."""

    address: str


class SuggestIn(Body):
    """What a pipeline is to look for on many images."""

    prompts: list[PromptIn] = Field(
        [], description="Text, examples that name their image, everything; none for the classes of the detector."
    )
    keys: Annotated[list[Key], Field(max_length=1_000_000)] | None = Field(None, description="Default: all images that are new.")
    threshold: Annotated[Number, Field(ge=0, le=1)] | None = Field(None, description="Minimum score of what text and examples find.")
    model: Annotated[str, Field(max_length=200)] | None = None


class SuggestedOut(BaseModel):
    """What was suggested."""

    images: int
    objects: int
    left_alone: int = Field(description="Images that a person has touched, before or meanwhile, or that are gone.")
    failed: dict[str, str] = Field(description="Reasons by image.")


class ExportIn(Body):
    """Formats to write, and the images."""

    formats: Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=50)]
    states: Annotated[list[ImageState], Field(min_length=1, max_length=len(STATES))] | None = Field(
        None, description=f"States of the images. Default: {', '.join(DEFAULT_STATES)}."
    )


class ExportedOut(BaseModel):
    """A dataset that was written."""

    format: str
    path: str = Field(description="Its file or folder within the folder of the dataset.")
    lost: list[str] = Field(description="What the format could not hold, and which files were kept as they are.")
    images: int
    objects: int


class ExportOut(BaseModel):
    """What an export has written."""

    files: list[ExportedOut]
    download: str | None = Field(description="Address of a ZIP with all of it.")


class ImportedOut(BaseModel):
    """What was imported."""

    images: int
    objects: int
    problems: list[str]


class CodeIn(Body):
    """What is to be told as code: the prompts of an object, or others on its image."""

    key: Key
    object: Uid | None = None
    prompts: list[PromptIn] = Field([], description="Default: those of the object.")
    threshold: Annotated[Number, Field(ge=0, le=1)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None


class CodeOut(BaseModel):
    """A Python script, and a command line for a POSIX shell."""

    python: str
    command: str
    exact: bool | None = Field(description="Whether one prompt of an object gives the mask that it has now; null where that is not known.")


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


def label_of(given: LabelIn) -> Label:
    """Return a label as a value."""
    return Label(given.name, given.color, given.key)


def document_values(document: ImageDocument) -> dict[str, Any]:
    """Return a document as JSON values."""
    return {"version": document.version, "state": document.state, "objects": [_object_values(each, document) for each in document.objects]}


def summary_values(summary: ImageSummary) -> dict[str, Any]:
    """Return an image of the list as JSON values."""
    return vars(summary)


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
