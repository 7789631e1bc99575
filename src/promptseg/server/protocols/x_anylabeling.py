"""The protocol of X-AnyLabeling's remote server, written from its public OpenAPI document and from what the tool sends.

Its address in the tool is that of the server with ``/x-anylabeling``, because ``/v1/models`` is a route of our own API, too.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ..api.bodies import json_body
from ..api.routes import Serving
from ._x_anylabeling_bodies import PredictIn
from ._x_anylabeling_errors import ToldRoute
from ._x_anylabeling_values import model_values, prompts_of, shapes_of
from ._x_anylabeling_video import router as video

images = APIRouter(prefix="/x-anylabeling", route_class=ToldRoute)


@images.get("/health")
async def tell_health(service: Serving) -> dict[str, Any]:
    """Tell that the server runs."""
    return {"status": "healthy", "models_loaded": len(service.models), "timestamp": datetime.now(timezone.utc).isoformat()}


@images.get("/v1/models")
async def list_models(service: Serving) -> dict[str, Any]:
    """List the models by their names, each with its widgets and tasks."""
    return {"success": True, "data": {model.name: model_values(model) for model in service.models}}


@images.get("/v1/models/{model}/info")
async def show_model(model: str, service: Serving) -> dict[str, Any]:
    """Tell the widgets and tasks of a model."""
    return {"success": True, "data": model_values(service.model(model))}


@images.post("/v1/predict")
async def predict(service: Serving, body: Annotated[PredictIn, Depends(json_body(PredictIn))]) -> dict[str, Any]:
    """Return the shapes of an image for marks, for a text, or for the classes of the detector.

    The shape of a click is added to those that are there. For others the tool decides: its user may keep the earlier ones.
    """
    model, params = service.model(body.model), body.params
    image = await service.put_base64(body.image)
    prompts = prompts_of(params, model, image.size)
    if prompts is None:
        return {"success": True, "data": {"shapes": [], "description": "", "replace": False}}
    masks = (await service.segment(image, prompts, model=model.name)).masks
    shapes = await service.compute(shapes_of, masks, params.epsilon_factor, params.conf_threshold)
    found: dict[str, Any] = {"shapes": shapes, "description": ""}
    return {"success": True, "data": {**found, "replace": False} if params.marks else found}


router = APIRouter()  # Without a prefix: metrics have the path of a route as its own router tells it.
router.include_router(images)
router.include_router(video)
