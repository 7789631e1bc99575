"""Routes that tell how the server is: models, health, readiness, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ... import __version__
from ..errors import StoppingError
from ..operations import ServedModel
from .routes import Serving, problems
from .schemas import HealthOut, ModelOut, ModelsOut

router = APIRouter()


@router.get("/v1/models", response_model=ModelsOut, responses=problems(), tags=["models"])
async def list_models(service: Serving) -> Any:
    """List the models that the server offers."""
    return ModelsOut(models=[model_values(model) for model in service.models])


@router.head("/health", include_in_schema=False)
@router.get("/health", response_model=HealthOut, tags=["status"])
async def tell_health() -> Any:
    """Tell that the server runs."""
    return HealthOut(status="UP", version=__version__)


@router.head("/ready", include_in_schema=False)
@router.get("/ready", response_model=HealthOut, responses=problems(503), tags=["status"])
async def tell_readiness(service: Serving) -> Any:
    """Tell whether the models are loaded: status 503 while they are not."""
    if service.failed is not None:
        raise StoppingError("the models could not be loaded: the log of the server says why")
    if not service.ready:
        raise StoppingError("the models are being loaded")
    return HealthOut(status="READY", version=__version__)


@router.get(
    "/metrics",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems()},
    response_class=Response,
    tags=["status"],
)
async def tell_metrics(request: Request, service: Serving) -> Response:
    """Return metrics in the text format of Prometheus."""
    return Response(await service.compute(request.app.state.metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")


def model_values(model: ServedModel) -> ModelOut:
    """Return a model as the API tells it."""
    stages = [{"model": one.model, "backend": one.backend, "device": one.device, "license": one.license} for one in model.provenance]
    return ModelOut(name=model.name, accepts=sorted(model.accepts), classes=list(model.classes), detects=model.detects, stages=stages)
