"""The route that tells what was clicked as code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from ...errors import InputError
from ...pipeline.config import PipelineConfig
from ...server.api.bodies import body_schema, json_body
from ...server.api.routes import Serving, problems
from ...server.errors import NotFoundError
from ..copied_code import copied_code, example_images
from ..state import InStudio, Studio, json_bytes
from .schemas import CodeIn, CodeOut

router = APIRouter(prefix="/v1/studio", tags=["studio"])


@router.post("/code", response_model=CodeOut, responses=problems(404, 422), openapi_extra=body_schema(CodeIn))
async def tell_code(studio: InStudio, service: Serving, body: Annotated[CodeIn, Depends(json_body(CodeIn))]) -> Response:
    """Tell prompts on an image as a Python script and as a command line, which find the same masks."""
    model = service.model(body.model)
    image = await studio.do(studio.project.image, body.key)
    given: list[Mapping[str, Any]] = [each.model_dump(exclude_none=True) for each in body.prompts]
    prompts = given or await studio.do(_prompts_of, studio, body)
    paths = {name: studio.places.get(name) for name in example_images(prompts)}
    if None in paths.values():
        raise NotFoundError("the image of an example is none of this project, or was not opened yet")
    config = _with_threshold(model.config, studio.project.threshold if body.threshold is None else body.threshold)
    code = copied_code(str(image.path), prompts, config, {name: str(path) for name, path in paths.items()})
    return Response(json_bytes(vars(code)), media_type="application/json")


def _prompts_of(studio: Studio, body: CodeIn) -> list[Mapping[str, Any]]:
    """Return the prompts of the object of a body; none where there is no object, for what the detector finds by itself."""
    if body.object is None:
        return []
    found = studio.project.document(body.key).get(body.object)
    if found is None:
        raise NotFoundError(f"the image has no object {body.object}, or no longer")
    if not found.prompts:
        raise InputError("no prompt made this object: it was drawn, imported or found by examples, and there is no code for it")
    return list(found.prompts)


def _with_threshold(config: PipelineConfig, threshold: float) -> PipelineConfig:
    """Return the configuration with the threshold of the page, which may differ from that of the studio's detector."""
    if config.detect is None or config.detect.threshold == threshold:
        return config
    return config.model_copy(update={"detect": config.detect.model_copy(update={"threshold": threshold})})
