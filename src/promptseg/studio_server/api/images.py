"""Routes of images: the list, one image with its objects, changes of them, thumbnails and tiles."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ...annotation.sources import SourceImage
from ...errors import InputError
from ...image_formats import MAX_PIXELS
from ...server.api.bodies import body_schema, json_body
from ...server.api.routes import Serving, problems
from ...server.errors import ConflictError
from ...server.rasters import Segmentable, StoredRaster
from ...server.service import Service
from ..file_stamps import stamp_of
from ..pyramid import TILE, level_sizes
from ..rasters.pyramid import RasterPyramid
from ..state import InStudio, Studio, json_bytes
from ..stored import file_of
from .changing import changed_bytes, changed_or_refused
from .schemas import ChangedOut, ChangesIn, ConflictOut, ImagesOut, OpenImageOut, SummaryOut, change_of, document_values, summary_values

router = APIRouter(prefix="/v1/studio/images", tags=["studio"])

KeyInPath = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Count = Annotated[int, Path(ge=0, le=MAX_PIXELS)]

_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}
_FILE = {"requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}}


@router.get("", response_model=ImagesOut, responses=problems(422))
async def list_images(studio: InStudio) -> Response:
    """List all images in order, also those that were put into the folder meanwhile."""
    content = await studio.do(lambda: json_bytes({"images": [summary_values(each) for each in studio.project.summaries()]}))
    return Response(content, media_type="application/json")


@router.post("", status_code=201, response_model=SummaryOut, responses=problems(422, 507), openapi_extra=_FILE)
async def add_image(request: Request, studio: InStudio, name: Annotated[str, Query(min_length=1, max_length=1000)]) -> Any:
    """Take an image file that was dropped into the page. It is kept in the folder `images` of the dataset."""
    content = await request.body()
    return summary_values(await studio.do(studio.project.add_image, name, content))


@router.get("/{key}", response_model=OpenImageOut, responses=problems(404, 409, 422, 507))
async def open_image(key: KeyInPath, studio: InStudio, service: Serving) -> Response:
    """Open an image: its size, its objects, and its id for `/v1/segment`."""
    image = await studio.do(studio.project.image, key)
    try:
        stored = await _stored(studio, service, image)
        document = await studio.do(studio.project.openable, key)
        await studio.do(studio.project.mark_broken, key, None)
    except (InputError, ConflictError) as error:
        await studio.do(studio.project.mark_broken, key, error)
        raise
    studio.places[stored.id] = image.path
    height, width = stored.size
    truth = await service.compute(studio.project.true_objects, key)
    values = {
        "key": key,
        "name": image.name,
        "image": stored.id,
        "width": width,
        "height": height,
        "tiles": {"size": TILE, "levels": len(level_sizes(stored.size))},
        "raster": isinstance(stored, StoredRaster),
        "document": document_values(document),
        "truth": [{"label": each.label, "mask": each.mask.to_coco_rle()} for each in truth],
    }
    return Response(json_bytes(values), media_type="application/json")


async def _stored(studio: Studio, service: Service, image: SourceImage) -> Segmentable:
    """Make the tiles of an image, and let the server know it: by its content, or a raster by its place."""
    is_raster = await service.compute(studio.project.rasters.has, image.path)
    content = b"" if is_raster else await service.compute(file_of, image)
    pyramid = await studio.pyramids.prepare(image.path)  # All pixels are read for the tiles, so the store need not check them.
    if isinstance(pyramid, RasterPyramid):
        return service.rasters.put(pyramid.description, pyramid.size)
    return await service.compute(service.images.put, content, pyramid.size)


@router.get("/{key}/thumbnail", responses={**_JPEG, **problems(404, 422)}, response_class=Response)
async def show_thumbnail(key: KeyInPath, request: Request, studio: InStudio) -> Response:
    """Return a small picture of an image."""
    image = await studio.do(studio.project.image, key)
    headers = {"etag": f'"{stamp_of(image.path)}"'.replace(" ", ""), "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    try:
        content = await studio.thumbnails.get(image.name, image.path)
    except InputError as error:
        await studio.do(studio.project.mark_broken, key, error)
        raise
    return Response(content, media_type="image/jpeg", headers=headers)


@router.get("/{key}/tiles/{level}/{column}/{row}", responses={**_JPEG, **problems(404, 422)}, response_class=Response)
async def show_tile(key: KeyInPath, level: Count, column: Count, row: Count, studio: InStudio, v: str | None = None) -> Response:
    """Return a tile of an image. With `v`, which changes with the content of the file, it may be cached for ever."""
    image = await studio.do(studio.project.image, key)
    content = await studio.pyramids.tile(image.path, level, column, row)
    caching = "private, max-age=31536000, immutable" if v else "private, no-cache"
    return Response(content, media_type="image/jpeg", headers={"cache-control": caching})


@router.post(
    "/{key}/changes",
    response_model=ChangedOut,
    responses={**problems(404, 422, 507), 409: {"model": ConflictOut}},
    openapi_extra=body_schema(ChangesIn),
)
async def change_image(
    key: KeyInPath, request: Request, studio: InStudio, service: Serving, body: Annotated[ChangesIn, Depends(json_body(ChangesIn))]
) -> Response:
    """Change the objects of an image. It is on the disk before the answer, merged with what others changed since, or refused with 409."""

    def change() -> bytes:
        size = studio.project.size_of_masks(key)
        changed = studio.project.change(key, body.version, change_of(body.change, size))
        return changed_bytes(changed)

    return await changed_or_refused(studio.do(change), service, request)
