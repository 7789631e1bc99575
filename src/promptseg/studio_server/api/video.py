"""Routes of a video in the studio: its objects with their masks, its frames for the screen, tracking, and export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ...errors import InputError
from ...masks import Mask
from ...runtime.progress import Progress
from ...server.api.bodies import body_schema, json_body
from ...server.api.jobs import job_values
from ...server.api.routes import Serving, problems
from ...server.api.schemas import JobOut, PromptIn
from ...server.errors import ConflictError
from ...server.jobs import JobRecord
from ..background import on_thread
from ..exporting import Downloads, Export
from ..frame_pyramids import FramePyramids
from ..video_changes import KeyFrame, VideoChange
from ..video_export import export
from ..video_objects import GONE, KEY, LOST, SEEN
from ..video_project import ObjectOnFrame, VideoProject
from ..video_tracking import Tracking, track
from .schemas import MaskIn
from .video_schemas import TrackedMasksOut, VideoChangeIn, VideoExportIn, VideoStateOut, VideoTrackIn, VideoVersionOut

_Parameters = ParamSpec("_Parameters")
_Value = TypeVar("_Value")

router = APIRouter(prefix="/v1/studio/video", tags=["studio"])

MAX_MASK_FRAMES = 600
"""Maximum number of frames whose masks one request gives."""

Index = Annotated[int, Path(ge=0, le=10_000_000)]
KIND_NAMES = {SEEN: "seen", LOST: "lost", KEY: "key", GONE: "gone"}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": _BINARY}}}


class VideoMode:
    """A project with what runs on it.

    Args:
        project: The project.
        downloads: Keeps exports.

    Attributes:
        tracking: The job that tracks now or did last, or None.
        pyramids: The latest frames, for their tiles.
        threads: The thread of the project: its changes wait for the disk one after another in any case, and never for a frame.
    """

    def __init__(self, project: VideoProject, downloads: Downloads) -> None:
        self.project, self.downloads = project, downloads
        self.tracking: JobRecord | None = None
        self.pyramids = FramePyramids()
        self.threads = ThreadPoolExecutor(1, "promptseg-video")

    @property
    def is_tracking(self) -> bool:
        """Whether a job tracks now."""
        return self.tracking is not None and not self.tracking.ended

    async def do(self, function: Callable[_Parameters, _Value], *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Value:
        """Return what a function of the project returns, called beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: function(*args, **kwargs))


def _mode(request: Request) -> VideoMode:
    mode: VideoMode = request.app.state.video
    return mode


InVideo = Annotated[VideoMode, Depends(_mode)]


@router.get("", response_model=VideoStateOut, responses=problems())
async def show_video(mode: InVideo) -> Any:
    """Tell the size and length of the video, its objects, and on which frames each was seen, lost and marked."""
    return await mode.do(_state, mode)


@router.post("/changes", response_model=VideoVersionOut, responses=problems(404, 409, 422, 507), openapi_extra=body_schema(VideoChangeIn))
async def change_video(mode: InVideo, body: Annotated[VideoChangeIn, Depends(json_body(VideoChangeIn))]) -> Any:
    """Change objects, and their masks on frames, as a whole. It is on the disk before the answer."""
    version = await mode.do(lambda: mode.project.change(_change_of(body), body.version))
    return VideoVersionOut(version=version)


@router.get("/masks", response_model=TrackedMasksOut, responses=problems(422))
async def show_masks(
    mode: InVideo,
    start: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    stop: Annotated[int | None, Query(ge=0, le=10_000_001)] = None,
) -> Response:
    """Return the masks of the frames from `start` to before `stop` of which something is known; of one frame without `stop`."""
    end = start + 1 if stop is None else stop
    if end - start > MAX_MASK_FRAMES:
        raise InputError(f"masks of at most {MAX_MASK_FRAMES} frames are given at once, got {end - start}")
    return Response(await mode.do(_masks, mode.project, start, end), media_type="application/json")


@router.get("/frames/{frame}", responses={**_JPEG, **problems(404, 422)}, response_class=Response)
async def show_frame(
    frame: Index, mode: InVideo, width: Annotated[int, Query(ge=16, le=8192)] = 1280, v: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """Return a frame as JPEG of at most this width. With `v`, the `content` of the video, it may be cached."""
    content = await asyncio.wrap_future(mode.project.frames.jpeg(frame, width))
    caching = "private, max-age=86400, immutable" if v else "no-store"
    return Response(content, media_type="image/jpeg", headers={"cache-control": caching})


@router.post("/track", status_code=202, response_model=JobOut, responses=problems(404, 409, 422), openapi_extra=body_schema(VideoTrackIn))
async def track_objects(mode: InVideo, service: Serving, body: Annotated[VideoTrackIn, Depends(json_body(VideoTrackIn))]) -> Any:
    """Track the objects from a frame on, as a job. Each frame that is kept is told to all pages, and stays if the job is cancelled."""
    if mode.is_tracking:
        raise ConflictError("the objects are being tracked already: stop that first")
    model = service.model(body.model).name
    asked = Tracking(body.frame, body.direction, body.frames, None if body.objects is None else tuple(body.objects))

    def emit(frame: int, found: Sequence[ObjectOnFrame]) -> None:
        mode.project.events.publish({"type": "frame", "frame": frame, "objects": [_mask_values(each) for each in found]})

    async def work() -> AsyncIterator[Progress]:
        try:
            async for progress in track(service.engine, model, mode.project, asked, emit):
                yield progress
        finally:
            mode.project.events.publish({"type": "video", "version": mode.project.version})

    mode.tracking = service.jobs.start(STUDIO_TRACK, work, of=asked)
    return job_values(mode.tracking)


@router.post("/export", status_code=202, response_model=JobOut, responses=problems(409, 422), openapi_extra=body_schema(VideoExportIn))
async def export_video(mode: InVideo, service: Serving, body: Annotated[VideoExportIn, Depends(json_body(VideoExportIn))]) -> Any:
    """Write the files of `promptseg track`, and the frames as datasets, as a job."""

    def work() -> Export:
        return export(mode.project, body.formats, mode.downloads, only_keys=body.only_keys, every=body.every)

    return job_values(service.jobs.start("export", lambda: on_thread(work), of=body))


STUDIO_TRACK = "track"
"""Kind of the jobs that track."""


def _state(mode: VideoMode) -> VideoStateOut:
    project = mode.project
    height, width = project.size
    objects = []
    for each in project.objects():
        known = project.track(each.uid)
        values = {**each.to_dict(), "runs": known.runs(), "keys": known.marked(), "gone": known.gone()}
        del values["removed"]
        objects.append(values)
    running = mode.tracking if mode.is_tracking else None
    return VideoStateOut(
        name=project.name,
        content=project.content,
        width=width,
        height=height,
        frames=project.frames.count,
        fps=project.frames.fps,
        version=project.version,
        objects=objects,
        tracking=None if running is None else job_values(running),
    )


def _masks(project: VideoProject, start: int, stop: int) -> bytes:
    frames = [(frame, project.on_frame(frame)) for frame in range(start, stop)]
    values = [{"frame": frame, "objects": [_mask_values(each) for each in found]} for frame, found in frames if found]
    return json.dumps({"version": project.version, "frames": values}, separators=(",", ":")).encode("ascii")


def _mask_values(found: ObjectOnFrame) -> dict[str, Any]:
    return {
        "uid": found.uid,
        "kind": KIND_NAMES[found.kind],
        "segmentation": found.mask.to_coco_rle(),
        "score": found.mask.score,
        "source": found.source,
        "prompts": list(found.prompts),
    }


def _change_of(body: VideoChangeIn) -> VideoChange:
    """Return a change as a value. Masks are decoded, so this does not run on the event loop."""
    keys = [
        KeyFrame(
            key.frame,
            key.uid,
            _mask(key.mask, key.score),
            key.source,
            tuple(prompt.model_dump(exclude_unset=True) for prompt in key.prompts),
        )
        for key in body.keys
    ]
    return VideoChange(
        objects=tuple(each.model_dump() for each in body.objects),
        remove=tuple(body.remove),
        order=None if body.order is None else tuple(body.order),
        keys=tuple(keys),
        unkey=tuple((each.frame, each.uid) for each in body.unkey),
    )


def _prompts(given: list[PromptIn]) -> tuple[dict[str, Any], ...]:
    return tuple(prompt.model_dump(exclude_unset=True) for prompt in given)


def _mask(given: MaskIn | None, score: float | None) -> Mask | None:
    return None if given is None else Mask.from_coco_rle(given.model_dump(), score=score)
