"""Videos: opening, prompting and tracking one, and the masks of its frames."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from .base import Body
from .masks import MaskOut
from .prompts import SpatialIn


class OpenVideoIn(Body):
    """A video file, or a folder of frames, below a folder that the server allows."""

    path: Annotated[str, Field(max_length=4096)]
    model: Annotated[str, Field(max_length=200)] | None = None


class VideoPromptIn(Body):
    """A prompt for an object on a frame."""

    frame: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    object: Annotated[int, Field(ge=0, le=10_000_000)] = 1
    prompt: SpatialIn


class PropagateIn(Body):
    """Which frames to track: from `start` to before `stop`, or backward."""

    start: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    stop: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    reverse: bool = False


class VideoOut(BaseModel):
    """An open video."""

    id: str
    model: str
    width: int
    height: int
    frames: int | None = Field(description="As its file states it, which may be wrong.")
    fps: float | None
    objects: list[int]
    masked_frames: int
    busy: bool = Field(description="Whether a job tracks it now.")


class VideosOut(BaseModel):
    """The open videos."""

    videos: list[VideoOut]


class ObjectMaskOut(MaskOut):
    """The mask of an object on a frame. It is empty where the object cannot be seen."""

    object: int


class FrameOut(BaseModel):
    """The masks of a frame."""

    frame: int
    time: float | None
    objects: list[ObjectMaskOut]


class FramesOut(BaseModel):
    """The masks of some frames."""

    frames: list[FrameOut]
