"""`VideoStudio`: what the routes of a studio of a video speak to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from ...server.jobs import JobRecord
from ..exporting import Downloads
from ..project_thread import WithProjectThread, project_thread
from .frame_pyramids import FramePyramids
from .project import VideoProject


@dataclass
class VideoStudio(WithProjectThread):
    """The parts of a studio of a video.

    Attributes:
        project: The video with its objects.
        downloads: The exports.
        pyramids: The latest frames, for their tiles.
        tracking: The job that tracks now or did last, or None.
        threads: The thread of the project.
    """

    project: VideoProject
    downloads: Downloads
    pyramids: FramePyramids = field(default_factory=FramePyramids)
    tracking: JobRecord | None = None
    threads: ThreadPoolExecutor = field(default_factory=project_thread)

    @property
    def is_tracking(self) -> bool:
        """Whether a job tracks now."""
        return self.tracking is not None and not self.tracking.ended

    def listen(self) -> AsyncIterator[bytes]:
        """Yield the events of the project for a page."""
        return self.project.events.listen()

    def begin_stop(self) -> None:
        """End the streams of the pages."""
        self.project.events.close()


def video_studio_of(request: Request) -> VideoStudio:
    """Return the studio of the application."""
    studio: VideoStudio = request.app.state.studio
    return studio


InVideo = Annotated[VideoStudio, Depends(video_studio_of)]
