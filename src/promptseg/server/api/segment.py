"""The route that segments an image."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from .answers import KINDS, answer, kind_of
from .bodies import body_schema, json_body
from .parsing import image_of, prompts_of, window_of
from .routes import Serving, problems
from .schemas import ResultOut, SegmentIn

router = APIRouter(prefix="/v1", tags=["segment"])

_PNG = {"schema": {"type": "string", "format": "binary"}}
MASKS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ResultOut,
        "description": "The masks: COCO RLE, polygons or a PNG of labels, by `Accept`.",
        "content": {KINDS[1]: {"schema": {"$ref": "#/components/schemas/ResultOut"}}, KINDS[2]: _PNG},
    }
}


@router.post(
    "/segment", responses={**MASKS, **problems(404, 406, 422, 501, 502, 507)}, openapi_extra=body_schema(SegmentIn), response_class=Response
)
async def segment(request: Request, service: Serving, body: Annotated[SegmentIn, Depends(json_body(SegmentIn))]) -> Response:
    """Segment an image by points, boxes, masks, text, examples, or everything. An image that is known is not encoded again."""
    kind_of(request)
    model = service.model(body.model).name
    image = await image_of(service, body.image)
    prompts = await prompts_of(service, body.prompts, image)
    result = await service.segment(image, prompts, model=model, candidates=body.candidates, window=window_of(body.window, image))
    return await answer(service, request, result, image.id, model)
