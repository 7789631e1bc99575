"""Routes of jobs: start long work, watch it, cancel it, and fetch its result."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from ...annotation.summary import Annotation
from ..errors import ConflictError
from ..jobs import JobRecord
from ..messages import message_of, without_places
from ..operations import Annotate, Segment
from ..places import allowed_out, allowed_path
from .answers import answer
from .bodies import body_schema, json_body
from .parsing import image_of, prompts_of, window_of
from .routes import Serving, problems
from .schemas import AnnotateIn, AnnotationOut, JobOut, JobsOut, ProgressOut, SegmentIn
from .segment import MASKS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

IdInPath = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]

HEARTBEAT = 15.0
"""Seconds after which those who watch a job are sent a comment. Proxies end a connection on which nothing comes for a minute."""

_EVENT = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "event", "data")}}
_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}


@router.post("", status_code=202, response_model=JobOut, responses=problems(404, 422), openapi_extra=body_schema(SegmentIn))
async def start_job(service: Serving, body: Annotated[SegmentIn, Depends(json_body(SegmentIn))]) -> Any:
    """Segment an image as a job: for everything mode, and for whatever takes long. Prompts of other clients are answered in between."""
    model = service.model(body.model)
    image = await image_of(service, body.image)
    prompts = await prompts_of(service, body.prompts, image)
    service.check_prompts(prompts, model)
    operation = Segment(model.name, image, tuple(prompts), body.candidates, window_of(body.window, image))
    job = service.jobs.start("segment", lambda: service.engine.stream(operation), of=operation)
    return job_values(job)


@router.post("/annotate", status_code=202, response_model=JobOut, responses=problems(404, 422), openapi_extra=body_schema(AnnotateIn))
async def start_annotation(service: Serving, body: Annotated[AnnotateIn, Depends(json_body(AnnotateIn))]) -> Any:
    """Annotate a folder of images as a dataset, as `promptseg annotate` does. A run that was stopped there is resumed."""
    model = service.model(body.model)
    folder = await service.compute(allowed_path, body.folder, service.settings.folders)
    out = await service.compute(allowed_out, body.out, service.settings.out_folders)
    prompts = await prompts_of(service, body.prompts)
    service.check_prompts(prompts, model)
    operation = Annotate(model.name, str(folder), str(out), tuple(prompts), tuple(body.formats))
    return job_values(service.jobs.start("annotate", lambda: service.engine.stream(operation), of=operation))


@router.get("", response_model=JobsOut, responses=problems())
async def list_jobs(service: Serving) -> Any:
    """List the jobs."""
    return JobsOut(jobs=[job_values(job) for job in service.jobs.all()])


@router.get("/{job}", response_model=JobOut, responses=problems(404, 422))
async def show_job(job: IdInPath, service: Serving) -> Any:
    """Tell how far a job is."""
    return job_values(service.jobs.get(job))


@router.delete("/{job}", response_model=JobOut, responses=problems(404, 422))
async def cancel_job(job: IdInPath, service: Serving) -> Any:
    """Cancel a job that runs, or forget one that has ended."""
    return job_values(await service.jobs.cancel(job))


@router.get("/{job}/events", responses={**_EVENTS, **problems(404, 422)}, response_class=StreamingResponse)
async def watch_job(job: IdInPath, service: Serving) -> StreamingResponse:
    """Watch a job by server-sent events: `progress` while it runs, then one event that says how it ended."""
    return StreamingResponse(_events(service.jobs.get(job)), media_type="text/event-stream")


@router.get("/{job}/result", responses={**MASKS, **problems(404, 406, 409, 422, 501, 502, 507)}, response_class=Response)
async def fetch_result(job: IdInPath, request: Request, service: Serving) -> Response:
    """Return the masks of a job that is done, as `/v1/segment` does; of an annotation, its summary; of other work, what it says."""
    record = service.jobs.get(job)
    if isinstance(record.of, Annotate):
        return Response(_annotation(record.result()).model_dump_json(), media_type="application/json")
    if isinstance(done := record.result() if record.of is None else None, BaseModel):
        return Response(done.model_dump_json(), media_type="application/json")
    if not isinstance(record.of, Segment):
        raise ConflictError(f"a job of kind {record.kind} has no masks of one image")
    return await answer(service, request, record.result(), record.of.image.id, record.of.model)


def job_values(job: JobRecord) -> JobOut:
    """Return a job as the API tells it."""
    progress = None if job.progress is None else ProgressOut(**vars(job.progress))
    error = None if job.error is None else message_of(job.error)
    return JobOut(id=job.id, kind=job.kind, state=job.state, progress=progress, error=error, created=job.created)


def _annotation(done: Annotation) -> AnnotationOut:
    failed = {name: without_places(reason) for name, reason in done.failed.items()}
    return AnnotationOut(images=done.images, objects=done.objects, classes=dict(done.classes), failed=failed, stopped=done.stopped)


async def _events(job: JobRecord) -> AsyncIterator[bytes]:
    seen = -1
    while True:
        changed = await job.after(seen, HEARTBEAT)
        if changed == seen and not job.ended:
            yield b": heartbeat\n\n"
            continue
        seen = changed
        values = job_values(job).model_dump()
        name = "progress" if not job.ended else job.state
        yield f"id: {seen}\nevent: {name}\ndata: {json.dumps(values)}\n\n".encode()
        if job.ended:
            return
