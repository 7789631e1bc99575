"""Routes of videos: open one, prompt objects on any frame, track them forward and back, correct, and export."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ..._result_values import mask_to_dict
from ...errors import OutputError
from ...results import FrameMasks
from ..errors import ConflictError, ForbiddenError, RefusedError
from ..operations import PromptVideo, Propagate, RemoveObject
from ..places import allowed_path
from ..service import Service
from ..videos import VideoRecord, export, frame_at
from .answers import png
from .bodies import body_schema, json_body
from .images import OtherKindError
from .jobs import job_values
from .parsing import prompt_of
from .routes import Serving, problems
from .schemas import FramesOut, JobOut, MaskOut, OpenVideoIn, PropagateIn, VideoOut, VideoPromptIn, VideosOut

router = APIRouter(prefix="/v1/videos", tags=["videos"])

IdInPath = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Index = Annotated[int, Path(ge=0, le=10_000_000)]

PLAYLISTS = (".m3u8", ".m3u", ".mpd", ".ffconcat", ".sdp")
"""Endings of files from which FFmpeg opens other files."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": _BINARY}}}
_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": _BINARY}}}


@router.post(
    "",
    status_code=201,
    response_model=VideoOut,
    responses=problems(404, 415, 422, 501, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "video/*": _BINARY,
                "application/octet-stream": _BINARY,
                **body_schema(OpenVideoIn)["requestBody"]["content"],
            },
        }
    },
)
async def open_video(request: Request, service: Serving, model: Annotated[str | None, Query(max_length=200)] = None) -> Any:
    """Open a video: send its file as the body, or as JSON the `path` of a file or folder of frames. Each opening has an id of its own."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body: OpenVideoIn = await json_body(OpenVideoIn)(request)
        path = await service.compute(allowed_path, body.path, service.settings.folders)
        if path.suffix.lower() in PLAYLISTS:
            raise ForbiddenError(f"{path.name!r} is a playlist, and may name files elsewhere: give the path of the video itself")
        return _told(await service.videos.open(path, service.model(body.model or model).name, own=False))
    if not (kind.startswith("video/") or kind == "application/octet-stream"):
        raise OtherKindError("send a video as video/…, application/octet-stream or application/json")
    name = service.model(model).name
    path = service.videos.new_path()
    try:
        await _save(request, service, path)
        return _told(await service.videos.open(path, name, own=True))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@router.get("", response_model=VideosOut, responses=problems())
async def list_videos(service: Serving) -> Any:
    """List the open videos."""
    return VideosOut(videos=[_told(video) for video in service.videos.all()])


@router.get("/{video}", response_model=VideoOut, responses=problems(404, 422))
async def show_video(video: IdInPath, service: Serving) -> Any:
    """Tell the size, frames and objects of a video."""
    return _told(service.videos.get(video))


@router.delete("/{video}", status_code=204, responses=problems(404, 422), response_class=Response)
async def close_video(video: IdInPath, service: Serving) -> Response:
    """Close a video. What was uploaded is removed."""
    await service.videos.close(video)
    return Response(status_code=204)


@router.get("/{video}/frames/{frame}", responses={**_PNG, **problems(404, 422, 501)}, response_class=Response)
async def show_frame(video: IdInPath, frame: Index, service: Serving) -> Response:
    """Return a frame as a PNG."""
    return Response(await service.compute(_frame_png, service.videos.get(video), frame), media_type="image/png")


@router.post(
    "/{video}/prompts", response_model=MaskOut, responses=problems(404, 409, 422, 502, 507), openapi_extra=body_schema(VideoPromptIn)
)
async def prompt_video(video: IdInPath, service: Serving, body: Annotated[VideoPromptIn, Depends(json_body(VideoPromptIn))]) -> Any:
    """Prompt an object on a frame: a new one, or a correction of one that is there. The answer is its mask on that frame."""
    record = service.videos.get(video)
    prompt = await prompt_of(service, body.prompt)
    mask = await service.engine.ask(PromptVideo(record.id, body.frame, body.object, prompt))
    record.remember(body.frame, body.object, mask)
    return mask_to_dict(mask)


@router.delete("/{video}/objects/{number}", status_code=204, responses=problems(404, 422), response_class=Response)
async def remove_object(video: IdInPath, number: Index, service: Serving) -> Response:
    """Forget an object and its masks."""
    record = service.videos.get(video)
    await service.engine.ask(RemoveObject(record.id, number))
    record.forget(number)
    return Response(status_code=204)


@router.post(
    "/{video}/propagate", status_code=202, response_model=JobOut, responses=problems(404, 409, 422), openapi_extra=body_schema(PropagateIn)
)
async def propagate(video: IdInPath, service: Serving, body: Annotated[PropagateIn, Depends(json_body(PropagateIn))]) -> Any:
    """Track the objects as a job, forward or back. Its events say how far it is; the masks are kept with the video."""
    record = service.videos.get(video)
    record.check_idle()
    if not record.frames:
        raise ConflictError("there is no object to track yet: prompt one on a frame")
    asked = Propagate(record.id, body.start, body.stop, body.reverse)
    return job_values(service.jobs.start("propagate", lambda: service.videos.propagate(record, asked), of=asked))


@router.get("/{video}/masks", responses={200: {"model": FramesOut}, **problems(404, 422)}, response_class=Response)
async def show_masks(
    video: IdInPath,
    service: Serving,
    start: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    stop: Annotated[int | None, Query(ge=0, le=10_000_000)] = None,
) -> Response:
    """Return the masks of the frames from `start` to before `stop` that have some."""
    record = service.videos.get(video)
    frames = [record.frames[index] for index in sorted(record.frames) if index >= start and (stop is None or index < stop)]
    return Response(await service.compute(_frames_json, frames), media_type="application/json")


@router.get("/{video}/export", responses={**_ZIP, **problems(404, 409, 422, 501, 507)}, response_class=Response)
async def export_video(video: IdInPath, service: Serving) -> Response:
    """Return the masks of all frames as a ZIP file: the video with its masks, label images, and a table in the format of YouTube-VIS."""
    record = service.videos.get(video)
    return Response(await service.compute(export, record, service.videos.folder), media_type="application/zip")


def _told(video: VideoRecord) -> VideoOut:
    height, width = video.info.size
    return VideoOut(
        id=video.id,
        model=video.model,
        width=width,
        height=height,
        frames=video.info.frames,
        fps=video.info.fps,
        objects=sorted({number for frame in video.frames.values() for number in frame.object_ids}),
        masked_frames=len(video.frames),
        busy=video.busy,
    )


async def _save(request: Request, service: Service, path: FilePath) -> None:
    """Write the body of a request to a file, piece by piece."""
    try:
        with path.open("wb") as file:
            taken = 0
            async for piece in request.stream():
                taken += len(piece)
                await service.compute(file.write, piece)
    except OSError as error:
        raise OutputError(f"the video cannot be kept: {error.strerror or error}") from error
    if not taken:
        raise RefusedError("the body is empty: send the file of a video")


def _frame_png(video: VideoRecord, index: int) -> bytes:
    from PIL import Image

    return png(Image.fromarray(frame_at(video, index).image))


def _frames_json(frames: list[FrameMasks]) -> bytes:
    values = [
        {
            "frame": frame.frame,
            "time": frame.time,
            "objects": [{"object": number, **mask_to_dict(mask)} for number, mask in zip(frame.object_ids, frame.masks, strict=True)],
        }
        for frame in frames
    ]
    return json.dumps({"frames": values}).encode()
