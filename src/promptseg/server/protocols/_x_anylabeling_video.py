"""Video sessions of X-AnyLabeling: it sends all frames at once, prompts objects on one of them, and asks for the shapes on the others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Annotated, Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Depends
from starlette.responses import StreamingResponse

from ...errors import PromptError, PromptSegError
from ...masks import Mask
from ...prompts import Prompt
from ...results import FrameMasks
from ..api.bodies import json_body
from ..api.jobs import HEARTBEAT
from ..api.routes import Serving
from ..errors import ConflictError, NotFoundError
from ..frame_folders import FrameFolder
from ..jobs import JobRecord
from ..messages import message_of
from ..operations import PromptVideo, Propagate
from ..service import Service, decoded
from ..videos import VideoRecord
from ._places import inside
from ._x_anylabeling_bodies import EXACT, InitIn, PropagateIn, VideoPromptIn
from ._x_anylabeling_errors import ToldRoute
from ._x_anylabeling_values import shapes_of, text_of

router = APIRouter(prefix="/x-anylabeling/v1/video", route_class=ToldRoute)


class Session:
    """What is known of the objects of a session besides their masks: labels, and how fine their outlines are to be."""

    def __init__(self) -> None:
        self.labels: dict[int, str | None] = {}
        self.epsilon = EXACT
        self.prompted = 0

    def shapes(self, frame: FrameMasks) -> list[dict[str, Any]]:
        """Return the masks of a frame as shapes, each with the number of its object as its group."""
        masks = [replace(mask, label=self.labels.get(number)) for number, mask in zip(frame.object_ids, frame.masks, strict=True)]
        return shapes_of(masks, self.epsilon, groups=frame.object_ids)


_SESSIONS: WeakKeyDictionary[VideoRecord, Session] = WeakKeyDictionary()
"""Sessions, which last as long as their videos."""


@router.post("/init")
async def init(service: Serving, body: Annotated[InitIn, Depends(json_body(InitIn))]) -> dict[str, Any]:
    """Open a session."""
    model = service.model(body.model).name
    frames = await service.compute(service.frames.create)
    try:
        await service.compute(_write, service, frames, body.frames)
        video = await service.videos.open(frames.path, model, own=True)
    except BaseException:
        await service.compute(service.frames.remove, frames)
        raise
    frames.taken = True
    _SESSIONS[video] = Session()
    return {"success": True, "data": {"session_id": video.id, "total_frames": len(body.frames)}}


@router.post("/prompt")
async def prompt(service: Serving, body: Annotated[VideoPromptIn, Depends(json_body(VideoPromptIn))]) -> dict[str, Any]:
    """Prompt one object by points, or every object of a text, and return the shapes of those objects on the frame."""
    video = service.videos.get(body.session_id)
    session = _session(video)
    session.epsilon, session.prompted = body.params.epsilon_factor, body.frame_index
    asked = await _asked(service, video, session, body)
    found: dict[int, Mask] = {}
    for number, (one, label) in asked.items():
        mask: Mask = await service.engine.ask(PromptVideo(video.id, body.frame_index, number, one))
        session.labels[number] = label
        video.remember(body.frame_index, number, mask)
        found[number] = replace(mask, label=label)
    shapes = await service.compute(shapes_of, list(found.values()), session.epsilon, groups=list(found))
    return {"success": True, "data": {"session_id": video.id, "frame_index": body.frame_index, "masks": shapes}}


@router.post("/propagate")
async def propagate(service: Serving, body: Annotated[PropagateIn, Depends(json_body(PropagateIn))]) -> dict[str, Any]:
    """Track the objects in the background."""
    return {"success": True, "data": {"task_id": _start(service, body).id}}


@router.post("/propagate/stream")
async def propagate_stream(service: Serving, body: Annotated[PropagateIn, Depends(json_body(PropagateIn))]) -> StreamingResponse:
    """Track the objects and tell by server-sent events how far the work is, and in the end the shapes of each frame."""
    return StreamingResponse(_events(service, _start(service, body)), media_type="text/event-stream")


@router.get("/status/{task}")
async def show_status(task: str, service: Serving) -> dict[str, Any]:
    """Tell how far the tracking is. When it has ended, the shapes of each frame come along."""
    job = _task(service, task)
    done, total = (0, 0) if job.progress is None else (job.progress.done, job.progress.total)
    data: dict[str, Any] = {"task_id": job.id, "status": _STATES[job.state], "current_frame": done, "total_frames": total}
    if job.error is not None:
        data["error"] = message_of(job.error)
    if job.state == "done":
        data["results"] = await _results(service, job)
    return {"success": True, "data": data}


@router.post("/cancel/{task}")
async def cancel(task: str, service: Serving) -> dict[str, Any]:
    """Stop the tracking."""
    job = _task(service, task)
    await service.jobs.forget(job)
    return {"success": True, "data": {"task_id": job.id}}


@router.post("/cleanup/{session}")
async def clean_up(session: str, service: Serving) -> dict[str, Any]:
    """Forget a session and its frames. One that is forgotten already is no error."""
    known = any(video.id == session for video in service.videos.all())
    if known:
        await service.videos.close(session)
    return {"success": True, "data": {"session_id": session[:200], "removed": known}}


def _write(service: Service, frames: FrameFolder, contents: list[str]) -> None:
    for index, content in enumerate(contents):
        service.frames.add(frames, decoded(content), f"{index:06d}")


def _session(video: VideoRecord) -> Session:
    session = _SESSIONS.get(video)
    if session is None:
        raise NotFoundError("this video is not a session of X-AnyLabeling")
    return session


async def _asked(service: Service, video: VideoRecord, session: Session, body: VideoPromptIn) -> Mapping[int, tuple[Prompt, str | None]]:
    """Return the prompts and labels of objects by their numbers."""
    fresh = 1 + max(session.labels, default=0)
    if body.points:
        height, width = video.info.size
        if len(body.points) != len(body.point_labels or []):
            raise PromptError("points and point_labels have the same number")
        places = [inside((x * width, y * height), video.info.size) for x, y in body.points]
        number = fresh if body.obj_id is None else body.obj_id
        return {number: (Prompt.points(places, [label == 1 for label in body.point_labels or []]), session.labels.get(number))}
    if body.text_prompt is None or not body.text_prompt.strip():
        raise PromptError("a prompt has points, or a text")
    content = await service.compute(_frame_content, video, body.frame_index)
    image = await service.put_image(content)
    masks = (await service.segment(image, [text_of(body.text_prompt)], model=video.model)).masks
    least = -1.0 if body.params.conf_threshold is None else body.params.conf_threshold
    kept = [mask for mask in masks if mask.area and (mask.score is None or mask.score >= least)]
    # Without the logits, so that the object begins with just this mask.
    return {fresh + index: (Prompt.mask(replace(mask, logits=None)), mask.label) for index, mask in enumerate(kept)}


def _frame_content(video: VideoRecord, index: int) -> bytes:
    files = sorted(video.path.iterdir()) if video.path.is_dir() else []
    if index >= len(files):
        raise NotFoundError(f"the video has {len(files)} frames, and none with the index {index}")
    return files[index].read_bytes()


def _start(service: Service, body: PropagateIn) -> JobRecord:
    video = service.videos.get(body.session_id)
    session = _session(video)
    video.check_idle()
    if not session.labels:
        raise ConflictError("there is no object to track: prompt one first")
    start = session.prompted if body.start_frame is None else body.start_frame
    asked = Propagate(video.id, start, None if body.end_frame is None else max(body.end_frame, start) + 1)
    return service.jobs.start("propagate", lambda: service.videos.propagate(video, asked), of=asked)


def _task(service: Service, name: str) -> JobRecord:
    job = service.jobs.get(name)
    if not isinstance(job.of, Propagate):
        raise NotFoundError(f"there is no task {name[:80]!r}")
    return job


async def _events(service: Service, job: JobRecord) -> AsyncIterator[str]:
    """Yield the events of tracking. If the client leaves, the work ends."""
    try:
        frames = service.videos.get(job.of.video).info.frames or 0
        yield _event(type="started", total_frames=max(0, frames - job.of.start), start_frame_index=job.of.start)
        seen = told = 0
        while not job.ended:
            before, seen = seen, await job.after(seen, HEARTBEAT)
            if seen == before and not job.ended:
                yield ": heartbeat\n\n"
            done = 0 if job.progress is None else job.progress.done
            if done > told:
                told = done
                yield _event(type="progress", current_frame=job.of.start + done - 1)
        if job.state == "done":
            yield await service.compute(_event, type="completed", results=await _results(service, job))
        else:
            yield _event(type="error", message=f"tracking was {job.state}" if job.error is None else message_of(job.error))
    except PromptSegError as error:
        yield _event(type="error", message=message_of(error))
    finally:
        await service.jobs.forget(job)


async def _results(service: Service, job: JobRecord) -> dict[str, Any]:
    """Return the shapes of each tracked frame by its index."""
    video, asked = service.videos.get(job.of.video), job.of
    session = _session(video)
    frames = [video.frames[index] for index in sorted(video.frames) if index >= asked.start and (asked.stop is None or index < asked.stop)]
    return await service.compute(lambda: {str(frame.frame): {"masks": session.shapes(frame)} for frame in frames})


def _event(**values: Any) -> str:
    return f"data: {json.dumps(values)}\n\n"


_STATES = {"running": "running", "done": "completed", "failed": "failed", "cancelled": "cancelled"}
