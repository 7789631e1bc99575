"""Routes that import annotations for correction, and take an import back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath

from ...server.api.routes import Serving, problems
from ..imports.annotations import import_annotations
from ..state import InStudio
from .schemas import ImportedOut, UndoneImportOut

router = APIRouter(prefix="/v1/studio", tags=["studio"])

_FILE = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("/import", response_model=ImportedOut, responses=problems(409, 422, 507), openapi_extra=_FILE)
async def import_file(
    request: Request,
    studio: InStudio,
    service: Serving,
    name: Annotated[str, Query(max_length=1000)] = "",
    format: Annotated[str | None, Query(max_length=50)] = None,  # noqa: A002 - The name of the parameter in the address.
    mode: Literal["add", "replace"] | None = None,
    boxes: bool = False,
) -> Any:
    """Add objects of annotations to the images of the same names: COCO, LabelMe, CVAT, Label Studio and others, a file or a ZIP of files.

    Where images have objects, `mode` says what becomes of those; without it, such an import is refused with status 409.
    """
    content = await request.body()
    done = await service.compute(import_annotations, studio.project, content, name, format, mode, boxes=boxes)
    name = studio.imports.remember(done.changes)
    return ImportedOut(images=done.images, objects=done.objects, problems=list(done.problems), name=name)


@router.delete("/imports/{name}", response_model=UndoneImportOut, responses=problems(404, 507))
async def undo_import(name: Annotated[str, InPath(pattern="^[0-9a-f]{32}$")], studio: InStudio, service: Serving) -> Any:
    """Take the latest import back, and then the one before: its objects are removed, and those that it replaced are there again.

    Objects of the import that were changed since stay.
    """
    return UndoneImportOut(**vars(await service.compute(studio.imports.undo, studio.project, name)))
