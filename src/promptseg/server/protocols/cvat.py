"""The function gateway that a self-hosted CVAT asks: a dashboard of Nuclio, whose functions are the served models.

Each model is an interactor if it takes points or boxes, and a tracker if it takes boxes. It is a detector if it has a list of classes, or
reads any phrase and the settings have labels.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from ...prompts import Prompt
from ..api.bodies import json_body
from ..api.routes import Serving
from ..errors import NotFoundError
from ..images import StoredImage
from ..service import Service
from ._cvat_tracking import TrackerIn, track
from ._cvat_values import DetectorIn, Function, InteractorIn, detections_json, functions, grid_json, segments
from ._routes import json_answer, route_class

router = APIRouter(prefix="/api", route_class=route_class(lambda message: {"error": message}))


@router.get("/functions")
async def list_functions(service: Serving) -> dict[str, Any]:
    """List the functions."""
    found = functions(service.models, service.settings.cvat_labels)
    return {name: function.described(service.settings.port) for name, function in found.items()}


@router.get("/functions/{name}")
async def show_function(name: str, service: Serving) -> dict[str, Any]:
    """Describe a function."""
    return _function(service, name).described(service.settings.port)


@router.post("/function_invocations")
async def invoke(request: Request, service: Serving, x_nuclio_function_name: Annotated[str, Header()] = "") -> Response:
    """Call the function that the header names."""
    function = _function(service, x_nuclio_function_name)
    return await _ANSWERS[function.kind](request, service, function)


def _function(service: Service, name: str) -> Function:
    service.model()  # While the models are loaded, there is no function yet: this tells so.
    found = functions(service.models, service.settings.cvat_labels).get(name)
    if found is None:
        raise NotFoundError(f"there is no function {name[:80]!r} here")
    return found


async def _interact(request: Request, service: Service, function: Function) -> Response:
    body: InteractorIn = await json_body(InteractorIn)(request)
    image: StoredImage = await service.put_base64(body.image)
    result = await service.segment(image, [body.prompt(image.size)], model=function.model.name)
    return Response(await service.compute(grid_json, result.masks[0]), media_type="application/json")


async def _detect(request: Request, service: Service, function: Function) -> Response:
    body: DetectorIn = await json_body(DetectorIn)(request)
    image = await service.put_base64(body.image)
    prompts = [] if function.model.classes else [Prompt.text(*service.settings.cvat_labels)]
    result = await service.segment(image, prompts, model=function.model.name)
    content = await service.compute(detections_json, list(result.masks), body.threshold, segments(function.model))
    return Response(content, media_type="application/json")


async def _track(request: Request, service: Service, function: Function) -> Response:
    body: TrackerIn = await json_body(TrackerIn)(request)
    image = await service.put_base64(body.image)
    found = await track(service, function.model.name, body, image)
    return await json_answer(service, lambda: {"shapes": found[0], "states": [state and state.model_dump() for state in found[1]]})


_ANSWERS: dict[str, Callable[[Request, Service, Function], Awaitable[Response]]] = {
    "interactor": _interact,
    "detector": _detect,
    "tracker": _track,
}
