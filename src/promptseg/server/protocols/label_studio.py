"""Label Studio: the protocol of its ML backends.

Label Studio connects with ``/health`` and ``/setup``, asks ``/predict`` for whole batches of tasks and at each click of an annotator, and
tells of events at ``/webhook``. Its address of a backend may end with ``/label-studio/MODEL`` to name the model; without, the extra
parameters of the connection do, or the first model is taken.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from ...errors import PromptSegError
from ..api.bodies import json_body
from ..api.routes import Serving
from ..errors import RefusedError, TooLargeError
from ..messages import message_of
from ._label_studio_bodies import PredictIn, SetupIn, ValidateIn, WebhookIn, read_options
from ._label_studio_config import read_configuration
from ._label_studio_predictions import Prediction, Studio

router = APIRouter()
_log = logging.getLogger(__name__)


async def studio_of(request: Request, service: Serving) -> Studio:
    """Return what the application remembers of Label Studio. The first request makes it, for all that come meanwhile."""
    state = request.app.state
    if not hasattr(state, "label_studio"):
        state.label_studio = asyncio.ensure_future(service.compute(Studio, service))
    found: Studio = await asyncio.shield(state.label_studio)
    return found


Remembered = Annotated[Studio, Depends(studio_of)]


@router.get("/label-studio/{model:path}/health")
async def tell_health(model: str, service: Serving) -> dict[str, Any]:
    """Tell that the server runs, where the model is in the address."""
    return {"status": "UP", "model_version": service.model(model).name}


@router.post("/setup")
@router.post("/label-studio/{model:path}/setup")
async def connect(studio: Remembered, body: Annotated[SetupIn, Depends(json_body(SetupIn))], model: str = "") -> dict[str, Any]:
    """Remember a project. Nothing is loaded or fetched, because Label Studio waits for 3 seconds only."""
    options = read_options(body.extra_params)
    name = studio.service.model(model or options.model).name
    await studio.service.compute(read_configuration, body.config)
    await studio.service.compute(studio.connections.add, model, body.project, body.hostname or "", body.access_token or "", options)
    return {"model_version": name}


@router.get("/versions")
@router.get("/label-studio/{model:path}/versions")
async def list_versions(service: Serving, model: str = "") -> dict[str, Any]:
    """List the versions of the model: the names of the models that are offered."""
    return {"versions": [each.name for each in service.models if model in ("", each.name)]}


@router.post("/validate")
@router.post("/label-studio/{model:path}/validate")
async def validate(service: Serving, body: Annotated[ValidateIn, Depends(json_body(ValidateIn))], model: str = "") -> dict[str, Any]:  # noqa: ARG001 - Part of the path.
    """Check that masks can be given back in a labeling configuration."""
    await service.compute(read_configuration, body.config)
    return {"status": "ok"}


@router.post("/webhook", status_code=201)
@router.post("/train", status_code=201)
@router.post("/label-studio/{model:path}/webhook", status_code=201)
@router.post("/label-studio/{model:path}/train", status_code=201)
async def hear(body: Annotated[WebhookIn, Depends(json_body(WebhookIn))], model: str = "") -> dict[str, Any]:  # noqa: ARG001 - Part of the path.
    """Take note of an event. Nothing is trained: an error would make Label Studio take the backend for broken."""
    if body.action in ("START_TRAINING", ""):
        _log.warning("Label Studio asked for training: this server does not train, promptseg finetune does")
    return {"status": "ok", "result": {}, "detail": "this server does not train"}


@router.post("/predict")
@router.post("/label-studio/{model:path}/predict")
async def predict(studio: Remembered, body: Annotated[PredictIn, Depends(json_body(PredictIn))], model: str = "") -> dict[str, Any]:
    """Predict tasks, one entry each; with what an annotator has drawn, the objects that it means."""
    if len(body.tasks) > MAX_TASKS:
        raise TooLargeError(f"a batch has at most {MAX_TASKS} tasks, got {len(body.tasks)}")
    service, connection = studio.service, studio.connections.get(model, body.project)
    chosen = service.model(model or connection.options.model)
    context = body.params.context if body.params else None
    drawn = context.result if context else []
    entries: list[dict[str, Any]] = []
    errors: list[PromptSegError] = []
    try:
        if len(drawn) > MAX_DRAWN:
            raise TooLargeError(f"at most {MAX_DRAWN} regions are prompts together, got {len(drawn)}")
        config = await service.compute(read_configuration, body.label_config)
        for task in body.tasks:
            work = Prediction(studio, connection, chosen, config, task)
            try:
                results = await (work.found() if context is None else work.drawn(drawn))
            except PromptSegError as error:
                if len(body.tasks) == 1 or (isinstance(error, RefusedError) and error.status in (429, 503)):
                    raise
                errors.append(error)
                entries.append({"error": message_of(error)})  # Label Studio leaves this task without a prediction.
                continue
            scores = [result["score"] for result in results if "score" in result]
            entries.append({"result": results, "score": sum(scores) / len(scores) if scores else None, "model_version": chosen.name})
        if errors and len(errors) == len(entries):
            raise errors[0]
    except PromptSegError as error:
        _log.warning("Label Studio, project %.40r: %s", str(body.project), message_of(error))  # It shows the status alone.
        raise
    return {"results": entries, "model_version": chosen.name}


MAX_DRAWN = 256
"""Maximum number of regions that are prompts together: each may be a stroke of the image's size."""
MAX_TASKS = 1000
"""Maximum number of tasks of a batch."""
