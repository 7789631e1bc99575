"""`VideoStudio`: what the routes of a studio of a video speak to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request

from ..server.jobs import JobRecord
from .exporting import Downloads
from .frame_pyramids import FramePyramids
from .video_project import VideoProject

_Parameters = ParamSpec("_Parameters")
_Value = TypeVar("_Value")


@dataclass
class VideoStudio:
    """The parts of a studio of a video.

    Attributes:
        project: The video with its objects.
        downloads: The exports.
        pyramids: The latest frames, for their tiles.
        tracking: The job that tracks now or did last, or None.
        threads: The thread of the project. Its changes wait for the disk one after another in any case, and never for a frame.
    """

    project: VideoProject
    downloads: Downloads
    pyramids: FramePyramids = field(default_factory=FramePyramids)
    tracking: JobRecord | None = None
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "promptseg-project"))

    @property
    def is_tracking(self) -> bool:
        """Whether a job tracks now."""
        return self.tracking is not None and not self.tracking.ended

    async def do(self, function: Callable[_Parameters, _Value], *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Value:
        """Return what a function of the project returns, called beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: function(*args, **kwargs))

    def begin_stop(self) -> None:
        """End the streams of the pages."""
        self.project.events.close()


def video_studio_of(request: Request) -> VideoStudio:
    """Return the studio of the application."""
    studio: VideoStudio = request.app.state.studio
    return studio


InVideo = Annotated[VideoStudio, Depends(video_studio_of)]
