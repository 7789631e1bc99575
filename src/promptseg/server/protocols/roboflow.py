"""Roboflow's inference routes for SAM 2 and SAM 3, as the package inference-sdk asks them.

Roboflow's server answers the best mask of each prompt whatever ``multimask_output`` says, and so does this one. The image travels with
every request; it is kept by its content, and encoded once.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ... import __version__
from ...errors import InputError
from ...masks import Mask
from ...prompts import Prompt, PromptKind
from ..api.bodies import json_body
from ..api.routes import Serving
from ..images import StoredImage
from ..middleware.guard import check_token
from ..service import Service
from ._roboflow_values import ConceptIn, EmbedIn, VisualIn, predictions, remaining
from ._routes import json_answer, route_class, suitable

router = APIRouter(route_class=route_class(lambda message: {"message": message}))

MAX_NAMES = 10_000
"""Number of names of images that are remembered."""

POINTS_PER_SIDE = 16
"""Number of points on a side of the grid of everything mode, which requests without a prompt ask for: the client waits for it."""

_UUID = uuid.uuid4().hex


@router.get("/info")
async def tell_server() -> dict[str, str]:
    """Tell what server this is. The client asks without its key."""
    return {"name": "promptseg", "version": __version__, "uuid": _UUID}


@router.post("/sam2/embed_image")
@router.post("/sam3/embed_image")
async def embed_image(request: Request, service: Serving, body: Annotated[EmbedIn, Depends(json_body(EmbedIn))]) -> Any:
    """Encode an image ahead of prompts, and remember its name."""
    started = time.perf_counter()
    _check_key(request, service, body)
    image = await _image(request, service, body)
    await service.encode(image, suitable(service, {"point"}, body.model_id).name)
    return {"image_id": body.image_id or image.id, "time": time.perf_counter() - started}


@router.post("/sam2/segment_image")
@router.post("/sam3/visual_segment")
async def segment_image(request: Request, service: Serving, body: Annotated[VisualIn, Depends(json_body(VisualIn))]) -> Response:
    """Segment objects by points and boxes."""
    started = time.perf_counter()
    _check_key(request, service, body)
    image = await _image(request, service, body)
    prompts: list[Prompt] = [given.prompt(image.size) for given in body.prompts.prompts or []]
    model = suitable(service, _kinds(prompts) or {"everything"}, body.model_id)
    result = await service.segment(image, prompts or [Prompt.everything(POINTS_PER_SIDE)], model=model.name)
    return await json_answer(
        service,
        lambda: {"predictions": predictions(list(result.masks), body.format), "time": time.perf_counter() - started},
    )


@router.post("/sam3/concept_segment")
async def segment_concepts(request: Request, service: Serving, body: Annotated[ConceptIn, Depends(json_body(ConceptIn))]) -> Response:
    """Segment every instance of phrases and of what is like examples."""
    started = time.perf_counter()
    _check_key(request, service, body)
    prompts = [given.prompt() for given in body.prompts]
    image = await _image(request, service, body)
    results = await asyncio.gather(
        *(service.segment(image, [prompt], model=suitable(service, prompt.kinds, body.model_id).name) for prompt in prompts)
    )
    masks = [list(result.masks) for result in results]
    return await json_answer(service, lambda: {"prompt_results": _answered(body, masks), "time": time.perf_counter() - started})


def _check_key(request: Request, service: Service, body: EmbedIn) -> None:
    check_token(service.settings.token, request.headers, request.scope.get("query_string", b""), given=body.api_key)


async def _image(request: Request, service: Service, body: EmbedIn) -> StoredImage:
    """Return the image of a request. One that is sent goes before one of the same name."""
    state = request.app.state
    if not hasattr(state, "roboflow_names"):
        state.roboflow_names = OrderedDict()
    names: OrderedDict[str, str] = state.roboflow_names
    if body.image is None:
        if body.image_id is None:
            raise InputError("a request has an image, or the image_id of one that was sent before")
        return service.images.get(names.get(body.image_id, body.image_id))
    if body.image.type == "base64":
        image = await service.put_base64(body.image.value)
    elif body.image.type == "url":
        image = await service.image_at(body.image.value)
    else:
        raise InputError(f"an image is of type base64 or url, got {body.image.type!r}: pickled arrays are not read")
    if body.image_id is not None:
        names[body.image_id] = image.id
        names.move_to_end(body.image_id)
        while len(names) > MAX_NAMES:
            names.popitem(last=False)
    return image


def _kinds(prompts: Collection[Prompt]) -> set[PromptKind]:
    return {kind for prompt in prompts for kind in prompt.kinds}


def _answered(body: ConceptIn, masks: list[list[Mask]]) -> list[dict[str, Any]]:
    """Return the masks of each prompt that score enough and do not repeat a better one."""
    found: list[tuple[int, Mask]] = []
    for index, (given, each) in enumerate(zip(body.prompts, masks, strict=True)):
        least = next((score for score in (given.output_prob_thresh, body.output_prob_thresh) if score is not None), 0.0)
        found += [(index, mask) for mask in each if mask.score is None or mask.score >= least]
    kept = remaining(found, body.nms_iou_threshold)
    return [
        {
            "prompt_index": index,
            "echo": given.echo(index),
            "predictions": predictions([mask for owner, mask in kept if owner == index], body.format),
        }
        for index, given in enumerate(body.prompts)
    ]
