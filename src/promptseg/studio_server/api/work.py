"""Routes of long work on many images: suggestions by the pipeline, encoding ahead, and exports. `/v1/jobs` tells how far a job is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Path as InPath
from starlette.responses import FileResponse, Response

from ...datasets.safe_names import text_name
from ...prompts import Prompt
from ...runtime.progress import Progress
from ...server.api.bodies import body_schema, json_body
from ...server.api.jobs import job_values
from ...server.api.parsing import prompts_of
from ...server.api.routes import Serving, problems
from ...server.api.schemas import JobOut
from ...server.errors import ConflictError
from ...server.service import Service
from ..background import on_thread
from ..exporting import DEFAULT_STATES, Export
from ..project_export import check_project_export, export_project
from ..state import InStudio, Studio
from ..suggestions import Suggested, check_examples, suggest
from .images import KeyInPath
from .schemas import ExportIn, ExportOut, SuggestedOut, SuggestIn

router = APIRouter(prefix="/v1/studio", tags=["studio"])

SUGGEST, EXPORT = "suggest", "export"
"""Kinds of jobs."""

_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("/suggest", status_code=202, response_model=JobOut, responses=problems(404, 409, 422), openapi_extra=body_schema(SuggestIn))
async def start_suggesting(studio: InStudio, service: Serving, body: Annotated[SuggestIn, Depends(json_body(SuggestIn))]) -> Any:
    """Let the pipeline suggest objects on all new images, or on those of `keys`. What a person has touched is left alone."""
    model = service.model(body.model)
    prompts = await prompts_of(service, body.prompts)
    service.check_prompts(prompts, model)
    check_examples(prompts)
    if body.keys is None:
        keys = await studio.do(lambda: [each.key for each in studio.project.summaries() if each.state == "new" and each.error is None])
    else:
        keys = await studio.do(lambda given: [studio.project.summary(key).key for key in dict.fromkeys(given)], body.keys)
    _check_alone(service, SUGGEST)
    job = service.jobs.start(SUGGEST, partial(_suggesting, studio, service, keys, prompts, body.threshold, model.name))
    return job_values(job)


@router.post("/export", status_code=202, response_model=JobOut, responses=problems(409, 422, 501, 507), openapi_extra=body_schema(ExportIn))
async def start_export(studio: InStudio, service: Serving, body: Annotated[ExportIn, Depends(json_body(ExportIn))]) -> Any:
    """Write images as datasets into the folder of the dataset, and as a ZIP. The result of the job says what a format could not hold."""
    await service.compute(check_project_export, body.formats, studio.project)
    _check_alone(service, EXPORT)
    return job_values(service.jobs.start(EXPORT, partial(_exporting, studio, body)))


@router.get("/exports/{name}", responses={**_ZIP, **problems(404, 422)}, response_class=Response)
async def load_export(name: Annotated[str, InPath(pattern="^[0-9a-f]{32}$")], studio: InStudio, service: Serving) -> Response:
    """Return the ZIP of an export. The latest ones are kept until the studio ends."""
    path = await service.compute(studio.downloads.get, name)
    return FileResponse(path, media_type="application/zip", filename=f"{text_name(studio.project.name)}.zip")


@router.post("/images/{key}/ahead", status_code=202, responses=problems(404, 422), response_class=Response)
async def encode_ahead(key: KeyInPath, studio: InStudio) -> Response:
    """Encode an image that comes next, when the device has nothing else to do. Only a few wait, and none that was told longer ago."""
    image = await studio.do(studio.project.image, key)
    studio.ahead.want(key)
    studio.pyramids.soon(image.path)
    return Response(status_code=202)


def _check_alone(service: Service, kind: str) -> None:
    """Check that no job of a kind runs.

    Raises:
        ConflictError: One does.
    """
    running = next((job for job in service.jobs.all() if job.kind == kind and not job.ended), None)
    if running is not None:
        raise ConflictError(f"the job {running.id} of the same kind still runs: wait until it ends, or cancel it")


async def _suggesting(
    studio: Studio, service: Service, keys: list[str], prompts: list[Prompt], threshold: float | None, model: str
) -> AsyncIterator[Progress | SuggestedOut]:
    async for event in suggest(service, studio.project, keys, prompts, threshold, model):
        yield SuggestedOut(**vars(event)) if isinstance(event, Suggested) else event


async def _exporting(studio: Studio, body: ExportIn) -> AsyncIterator[Progress | ExportOut]:
    states = DEFAULT_STATES if body.states is None else tuple(body.states)
    work = partial(export_project, studio.project, body.formats, states, studio.downloads)
    async for event in on_thread(work):
        yield export_out(event) if isinstance(event, Export) else event


def export_out(done: Export) -> ExportOut:
    """Return what an export has written as the API tells it."""
    return ExportOut(files=[vars(each) for each in done.files], download=f"/v1/studio/exports/{done.download}")
