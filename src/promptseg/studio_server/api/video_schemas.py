"""Bodies and answers of the routes of a video. Those of the page are in ``web/src/video/types.ts``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ...server.api.schemas import Body, JobOut, Number, PromptIn, RunLengths
from ..documents import ImageState
from .schemas import Color, MaskIn, Uid

Frame = Annotated[int, Field(ge=0, le=10_000_000)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class VideoObjectIn(Body):
    """An object of a video, without its masks."""

    uid: Uid
    label: Text | None = None
    color: Color | None = None
    hidden: bool = False
    locked: bool = False
    attributes: dict[Text, Annotated[str, Field(max_length=2000)]] = Field({}, max_length=64)


class KeyFrameIn(Body):
    """The mask of an object on a frame, as a person wants it; null where the object is not there."""

    frame: Frame
    uid: Uid
    mask: MaskIn | None
    score: Number | None = None
    source: Literal["hand", "model", "import"] = "model"
    prompts: list[PromptIn] = Field([], max_length=256)


class PlaceIn(Body):
    """An object on a frame."""

    frame: Frame
    uid: Uid


class VideoChangeIn(Body):
    """A change of a video's objects. It is made as a whole, or refused where others changed the same since `version`."""

    version: Annotated[int, Field(ge=0)]
    objects: list[VideoObjectIn] = Field([], max_length=1000)
    remove: list[Uid] = Field([], max_length=1000)
    order: Annotated[list[Uid], Field(max_length=1000)] | None = None
    keys: list[KeyFrameIn] = Field([], max_length=1000)
    unkey: list[PlaceIn] = Field([], max_length=1000)


class VideoTrackIn(Body):
    """From which frame to track, where to, and how many frames at most in each direction."""

    frame: Frame
    direction: Literal["forward", "back", "both"] = "forward"
    frames: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    objects: Annotated[list[Uid], Field(min_length=1, max_length=1000)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None


class VideoExportIn(Body):
    """What to export: ``track`` for the files of `promptseg track`, and formats of images."""

    formats: Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=20)]
    states: list[ImageState] | None = Field(None, description="Of images alone: frames have no state, and it is passed over.")
    only_keys: bool = Field(False, description="For formats of images: only frames that a person has marked.")
    every: Annotated[int, Field(ge=1, le=100_000)] = Field(1, description="For formats of images: every n-th frame that has masks.")


class VideoVersionOut(BaseModel):
    """The version after a change."""

    version: int


class VideoObjectOut(BaseModel):
    """An object, and what is known of it: runs of frames [start, stop, kind], kind 1 where it is seen, 2 lost, 4 said not to be there."""

    uid: str
    number: int
    label: str | None
    color: str | None
    hidden: bool
    locked: bool
    attributes: dict[str, str]
    runs: list[tuple[int, int, int]]
    keys: list[int]
    gone: list[int]


class VideoStateOut(BaseModel):
    """A video and its objects."""

    name: str
    content: str = Field(description="Changes with the file.")
    width: int
    height: int
    frames: int | None
    fps: float | None
    version: int
    objects: list[VideoObjectOut]
    tracking: JobOut | None


class ObjectOnFrameOut(BaseModel):
    """What is known of an object on a frame."""

    uid: str
    kind: Literal["seen", "lost", "key", "gone"]
    segmentation: RunLengths
    score: float | None
    source: str
    prompts: list[dict[str, Any]]


class FrameMasksOut(BaseModel):
    """The objects of a frame."""

    frame: int
    objects: list[ObjectOnFrameOut]


class TrackedMasksOut(BaseModel):
    """The objects of some frames."""

    version: int
    frames: list[FrameMasksOut]
