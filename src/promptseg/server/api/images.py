"""Routes of images: send one once, and name it by its id from then on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from ..errors import RefusedError
from ..images import StoredImage
from ..rasters import StoredRaster
from .bodies import body_schema, json_body
from .parsing import image_of
from .routes import Serving, problems
from .schemas import EncodeIn, ImageOut, ImageRef
from .uploads import form_of

router = APIRouter(prefix="/v1/images", tags=["images"])

IdInPath = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "properties": {"file": _BINARY["schema"]}, "required": ["file"]}}


class OtherKindError(RefusedError):
    """A body of another kind than the route takes."""

    status, title = 415, "Another kind of body"


@router.post(
    "",
    status_code=201,
    response_model=ImageOut,
    responses=problems(404, 415, 422, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": _FORM,
                "image/*": _BINARY,
                "application/octet-stream": _BINARY,
                **body_schema(ImageRef)["requestBody"]["content"],
            },
        }
    },
)
async def send_image(request: Request, service: Serving) -> Any:
    """Send an image as a form with `file`, as the body itself, or as JSON with `data`, `path` or `url`. The same image has the same id."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        image = await image_of(service, await json_body(ImageRef)(request))
        if isinstance(image, StoredRaster):
            raise RefusedError("a raster stays where it is, and is not sent")
        return _told(image)
    if kind == "multipart/form-data":
        return _told(await service.put_image(await _form_file(request)))
    if kind.startswith("image/") or kind == "application/octet-stream":
        return _told(await service.put_image(await request.body()))
    raise OtherKindError("send an image as multipart/form-data, image/…, application/octet-stream or application/json")


@router.get("/{image}", response_model=ImageOut, responses=problems(404, 422))
async def show_image(image: IdInPath, service: Serving) -> Any:
    """Tell the size and format of an image."""
    return _told(service.images.get(image))


@router.get(
    "/{image}/content", responses={200: {"content": {"application/octet-stream": _BINARY}}, **problems(404, 422)}, response_class=Response
)
async def load_image(image: IdInPath, service: Serving) -> Response:
    """Return the file of an image as it was sent."""
    stored = service.images.get(image)
    return Response(await service.compute(stored.content), media_type="application/octet-stream")


@router.delete("/{image}", status_code=204, responses=problems(404, 422), response_class=Response)
async def remove_image(image: IdInPath, service: Serving) -> Response:
    """Forget an image."""
    await service.compute(service.images.remove, image)
    return Response(status_code=204)


@router.post(
    "/{image}/encode", status_code=204, responses=problems(404, 422, 502, 507), openapi_extra=body_schema(EncodeIn), response_class=Response
)
async def encode_image(image: IdInPath, service: Serving, body: Annotated[EncodeIn, Depends(json_body(EncodeIn))]) -> Response:
    """Encode an image ahead of the first prompt."""
    await service.encode(service.images.get(image), body.model)
    return Response(status_code=204)


def _told(image: StoredImage) -> ImageOut:
    return ImageOut(id=image.id, width=image.size[1], height=image.size[0], format=image.format, bytes=image.nbytes)


async def _form_file(request: Request) -> bytes:
    async with form_of(request) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise OtherKindError("a form has the image as a file with the name file")
        return await file.read()
