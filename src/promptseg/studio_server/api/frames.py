"""Routes of a video's frames by the paths of images, so that a page works on a frame as on an image."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Depends, Path, Request
from numpy.typing import NDArray
from starlette.responses import Response

from ...errors import InputError
from ...image_formats import MAX_PIXELS
from ...server.api.bodies import body_schema, json_body
from ...server.api.routes import Serving, problems
from ..pyramid import TILE, level_sizes
from ..state import json_bytes
from ..video.documents import change_frame, frame_document
from ..video.state import InVideo
from .changing import changed_bytes, changed_or_refused
from .schemas import ChangedOut, ChangesIn, ConflictOut, ImagesOut, OpenImageOut, change_of, document_values

router = APIRouter(prefix="/v1/studio/images", tags=["studio"])

KeyInPath = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The number of the frame, from 0, in hexadecimal digits.")]
Count = Annotated[int, Path(ge=0, le=MAX_PIXELS)]

_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}


@router.get("", response_model=ImagesOut, responses=problems(422))
async def list_images() -> Any:
    """List no images: a video has frames."""
    return {"images": []}


@router.get("/{key}", response_model=OpenImageOut, responses=problems(404, 409, 422, 507))
async def open_frame(key: KeyInPath, studio: InVideo, service: Serving) -> Response:
    """Open a frame: its size, its objects, and its id for `/v1/segment`, to which it is as exact as for the tracker."""
    frame = int(key, 16)
    found = await asyncio.wrap_future(studio.project.frames.pixels(frame))
    stored = await service.put_image(await service.compute(bitmap_file, found.image))
    document = await studio.do(frame_document, studio.project, frame)
    height, width = stored.size
    values = {
        "key": key,
        "name": f"{studio.project.name} {frame}",
        "image": stored.id,
        "width": width,
        "height": height,
        "tiles": {"size": TILE, "levels": len(level_sizes(stored.size))},
        "raster": False,
        "document": document_values(document),
        "truth": [],
    }
    return Response(json_bytes(values), media_type="application/json")


@router.get("/{key}/tiles/{level}/{column}/{row}", responses={**_JPEG, **problems(404, 422)}, response_class=Response)
async def show_tile(
    key: KeyInPath, level: Count, column: Count, row: Count, studio: InVideo, service: Serving, v: str | None = None
) -> Response:
    """Return a tile of a frame. With `v`, which changes with its content, it may be cached."""
    frame = int(key, 16)
    pyramid = studio.pyramids.get(frame)
    if pyramid is None:
        found = await asyncio.wrap_future(studio.project.frames.pixels(frame))
        pyramid = await service.compute(studio.pyramids.make, frame, found.image)
    content = await service.compute(pyramid.tile, level, column, row)
    return Response(content, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400, immutable" if v else "no-store"})


@router.post(
    "/{key}/changes",
    response_model=ChangedOut,
    responses={**problems(404, 422, 507), 409: {"model": ConflictOut}},
    openapi_extra=body_schema(ChangesIn),
)
async def change_objects(
    key: KeyInPath, request: Request, studio: InVideo, service: Serving, body: Annotated[ChangesIn, Depends(json_body(ChangesIn))]
) -> Response:
    """Change the objects on a frame. It is on the disk before the answer, or refused with 409 where others changed the same."""
    project, frame = studio.project, int(key, 16)

    def change() -> bytes:
        changed = change_frame(project, frame, body.version, change_of(body.change, project.size))
        return changed_bytes(changed)

    return await changed_or_refused(studio.do(change), service, request)


def bitmap_file(image: NDArray[np.uint8]) -> bytes:
    """Return a frame, (H, W, 3) uint8 RGB, as an image file that is exact and quick to write.

    Raises:
        InputError: It cannot be written.
    """
    done, content = cv2.imencode(".bmp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise InputError("the frame cannot be written as an image")
    return content.tobytes()
