"""Routes of a video in the studio: its objects with their masks, its frames for the screen, tracking, and export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import FileResponse, Response

from ...errors import InputError
from ...masks import Mask
from ...runtime.progress import Progress
from ...server.api.bodies import body_schema, json_body
from ...server.api.jobs import job_values
from ...server.api.routes import Serving, problems
from ...server.api.schemas import JobOut, PromptIn
from ...server.errors import ConflictError
from ..background import on_thread
from ..exporting import Export
from ..video.changes import KeyFrame, VideoChange
from ..video.export import export
from ..video.masks import ObjectOnFrame
from ..video.objects import GONE, KEY, LOST, SEEN
from ..video.project import VideoProject
from ..video.state import InVideo, VideoStudio
from ..video.tracking import Tracking, track
from .schemas import ExportOut, MaskIn
from .video_schemas import TrackedMasksOut, VideoChangeIn, VideoExportIn, VideoStateOut, VideoTrackIn, VideoVersionOut
from .work import export_out

router = APIRouter(prefix="/v1/studio", tags=["studio"])

MAX_MASK_FRAMES = 600
"""Maximum number of frames whose masks one request gives."""

Index = Annotated[int, Path(ge=0, le=10_000_000)]
KIND_NAMES = {SEEN: "seen", LOST: "lost", KEY: "key", GONE: "gone"}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": _BINARY}}}
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": _BINARY}}}


@router.get("/video", response_model=VideoStateOut, responses=problems())
async def show_video(studio: InVideo) -> Any:
    """Tell the size and length of the video, its objects, and on which frames each was seen, lost and marked."""
    return await studio.do(_state, studio)


@router.post(
    "/video/changes", response_model=VideoVersionOut, responses=problems(404, 409, 422, 507), openapi_extra=body_schema(VideoChangeIn)
)
async def change_video(studio: InVideo, body: Annotated[VideoChangeIn, Depends(json_body(VideoChangeIn))]) -> Any:
    """Change objects, and their masks on frames, as a whole. It is on the disk before the answer."""
    version = await studio.do(lambda: studio.project.change(_change_of(body), body.version))
    return VideoVersionOut(version=version)


@router.get("/video/masks", response_model=TrackedMasksOut, responses=problems(422))
async def show_masks(
    studio: InVideo,
    start: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    stop: Annotated[int | None, Query(ge=0, le=10_000_001)] = None,
) -> Response:
    """Return the masks of the frames from `start` to before `stop` of which something is known; of one frame without `stop`."""
    end = start + 1 if stop is None else stop
    if end - start > MAX_MASK_FRAMES:
        raise InputError(f"masks of at most {MAX_MASK_FRAMES} frames are given at once, got {end - start}")
    return Response(await studio.do(_masks, studio.project, start, end), media_type="application/json")


@router.get("/video/frames/{frame}", responses={**_JPEG, **problems(404, 422)}, response_class=Response)
async def show_frame(
    frame: Index,
    studio: InVideo,
    width: Annotated[int, Query(ge=16, le=8192)] = 1280,
    v: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Return a frame as JPEG of at most this width. With `v`, the `content` of the video, it may be cached."""
    content = await asyncio.wrap_future(studio.project.frames.jpeg(frame, width))
    caching = "private, max-age=86400, immutable" if v else "no-store"
    return Response(content, media_type="image/jpeg", headers={"cache-control": caching})


@router.post(
    "/video/track", status_code=202, response_model=JobOut, responses=problems(404, 409, 422), openapi_extra=body_schema(VideoTrackIn)
)
async def track_objects(studio: InVideo, service: Serving, body: Annotated[VideoTrackIn, Depends(json_body(VideoTrackIn))]) -> Any:
    """Track the objects from a frame on, as a job. Each frame that is kept is told to all pages, and stays if the job is cancelled."""
    if studio.is_tracking:
        raise ConflictError("the objects are being tracked already: stop that first")
    model = service.model(body.model).name
    asked = Tracking(body.frame, body.direction, body.frames, None if body.objects is None else tuple(body.objects))

    def emit(frame: int, found: Sequence[ObjectOnFrame]) -> None:
        studio.project.events.publish(
            {"type": "frame", "frame": frame, "version": studio.project.version, "objects": [_mask_values(each) for each in found]}
        )

    async def work() -> AsyncIterator[Progress]:
        try:
            async for progress in track(service.engine, model, studio.project, asked, emit):
                yield progress
        finally:
            studio.project.events.publish({"type": "video", "version": studio.project.version})

    studio.tracking = service.jobs.start(STUDIO_TRACK, work, of=asked)
    return job_values(studio.tracking)


@router.post(
    "/export", status_code=202, response_model=JobOut, responses=problems(409, 422, 501, 507), openapi_extra=body_schema(VideoExportIn)
)
async def start_export(studio: InVideo, service: Serving, body: Annotated[VideoExportIn, Depends(json_body(VideoExportIn))]) -> Any:
    """Write the files of `promptseg track`, and frames as datasets, into the folder of the dataset, and as a ZIP."""
    return job_values(service.jobs.start("export", partial(_exporting, studio, body)))


@router.get("/exports/{name}", responses={**_ZIP, **problems(404, 422)}, response_class=Response)
async def load_export(name: Annotated[str, Path(pattern="^[0-9a-f]{32}$")], studio: InVideo, service: Serving) -> Response:
    """Return the ZIP of an export. The latest ones are kept until the studio ends."""
    path = await service.compute(studio.downloads.get, name)
    return FileResponse(path, media_type="application/zip", filename=f"{studio.project.path.stem}.zip")


async def _exporting(studio: VideoStudio, body: VideoExportIn) -> AsyncIterator[Progress | ExportOut]:
    work = partial(export, studio.project, body.formats, studio.downloads, only_keys=body.only_keys, every=body.every)
    async for event in on_thread(work):
        yield export_out(event) if isinstance(event, Export) else event


STUDIO_TRACK = "track"
"""Kind of the jobs that track."""


def _state(studio: VideoStudio) -> VideoStateOut:
    project = studio.project
    height, width = project.size
    objects = []
    for each in project.objects():
        known = project.track(each.uid)
        values = {**each.to_dict(), "runs": known.runs(), "keys": known.marked(), "gone": known.gone()}
        del values["removed"]
        objects.append(values)
    running = studio.tracking if studio.is_tracking else None
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
