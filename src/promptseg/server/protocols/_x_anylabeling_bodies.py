"""Bodies of X-AnyLabeling's requests. What is not used is ignored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..frame_folders import MAX_FRAMES

EXACT = 0.0001
"""The value of ``epsilon_factor`` at the lower end of the slider for the fineness of outlines."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0, le=MAX_FRAMES)]
ObjectId = Annotated[int, Field(ge=0, le=10_000_000)]
Name = Annotated[str, Field(max_length=200)]


class MarkIn(BaseModel):
    """A point ``[x, y]`` or a rectangle ``[x1, y1, x2, y2]``, on the object (label 1) or beside it (0)."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["point", "rectangle"]
    data: Annotated[list[Number], Field(min_length=2, max_length=4)]
    label: int = 1


class ParamsIn(BaseModel):
    """Parameters of a prediction."""

    model_config = ConfigDict(extra="ignore")

    conf_threshold: Number | None = None
    epsilon_factor: Number = EXACT
    text_prompt: Annotated[str, Field(max_length=10_000)] | None = None
    current_task: Annotated[str, Field(max_length=100)] | None = None
    marks: Annotated[list[MarkIn], Field(max_length=4096)] = []


class PredictIn(BaseModel):
    """A request for shapes on an image."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[str, Field(max_length=200)]
    image: str
    params: ParamsIn = ParamsIn()


class InitIn(BaseModel):
    """All frames of a video, each an image in base64."""

    model_config = ConfigDict(extra="ignore")

    model: Name
    frames: Annotated[list[str], Field(min_length=1, max_length=MAX_FRAMES)]
    start_frame_index: Index = 0


class VideoParamsIn(BaseModel):
    """Parameters of a prompt."""

    model_config = ConfigDict(extra="ignore")

    conf_threshold: Number | None = None
    epsilon_factor: Number = EXACT


class VideoPromptIn(BaseModel):
    """Points of one object, as shares of the width and height, or a text, on one frame."""

    model_config = ConfigDict(extra="ignore")

    session_id: Name
    frame_index: Index = 0
    text_prompt: Annotated[str, Field(max_length=10_000)] | None = None
    points: Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(max_length=4096)] | None = None
    point_labels: Annotated[list[int], Field(max_length=4096)] | None = None
    obj_id: ObjectId | None = None
    params: VideoParamsIn = VideoParamsIn()


class PropagateIn(BaseModel):
    """The first and the last frame to track."""

    model_config = ConfigDict(extra="ignore")

    session_id: Name
    start_frame: Index | None = None
    end_frame: Index | None = None
