"""Routes of the project: what it is, its labels, its events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from ... import __version__
from ...datasets.catalog import OUTPUT_VARIANTS
from ...server.api.bodies import body_schema, json_body
from ...server.api.routes import problems
from ..state import InStudio, json_bytes
from .schemas import LabelsIn, LabelsOut, ProjectOut, label_of
from .with_access import WithAccess

router = APIRouter(prefix="/v1/studio", tags=["studio"])

_EVENT = {"type": "object", "properties": {"data": {"type": "string"}}}
_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}


@router.get("", response_model=ProjectOut, responses=problems(422))
async def show_project(studio: InStudio, access: WithAccess) -> Response:
    """Tell what the studio works on."""
    project = studio.project
    images, own_formats = await studio.do(lambda: (project.summaries(), project.own_formats))
    values = {
        "name": project.name,
        "out": str(project.out),
        "dataset": access.dataset,
        "kind": project.kind,
        "images": len(images),
        "labels": [vars(label) for label in project.labels.all],
        "formats": [*({"name": name, "summary": summary} for name, summary in own_formats), *_FORMATS],
        "truth": project.truth is not None,
        "threshold": project.threshold,
        "version": __version__,
    }
    return Response(json_bytes(values), media_type="application/json")


_FORMATS = [{"name": each.name, "summary": each.summary} for each in OUTPUT_VARIANTS.values()]
"""The formats of images, in which frames of a video can be exported too."""


@router.put("/labels", response_model=LabelsOut, responses=problems(422, 507), openapi_extra=body_schema(LabelsIn))
async def replace_labels(studio: InStudio, body: Annotated[LabelsIn, Depends(json_body(LabelsIn))]) -> Any:
    """Replace all labels. They are kept in the dataset folder before the answer."""
    await studio.do(studio.project.set_labels, [label_of(label) for label in body.labels])
    return {"labels": [vars(label) for label in studio.project.labels.all]}


@router.get("/events", responses={**_EVENTS, **problems()}, response_class=StreamingResponse)
async def watch(studio: InStudio) -> StreamingResponse:
    """Watch the project by server-sent events: `image` with its summary, `document` with key and version, `labels`.

    `images` says that some came or went.
    """
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(studio.listen(), media_type="text/event-stream", headers=headers)
