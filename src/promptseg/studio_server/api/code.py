"""The route that tells what was clicked as code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from ..._prompt_values import prompt_from_dict
from ...annotation.sources import SourceImage
from ...errors import InputError
from ...pipeline.config import PipelineConfig
from ...server.api.bodies import body_schema, json_body
from ...server.api.routes import Serving, problems
from ...server.errors import NotFoundError
from ...server.images import StoredImage
from ...server.service import Service
from ..copied_code import CopiedCode, copied_code, example_images
from ..documents import StudioObject
from ..rasters.copied_code import copied_raster_code
from ..state import InStudio, Studio, json_bytes
from ..stored import stored_image
from .schemas import CodeIn, CodeOut

router = APIRouter(prefix="/v1/studio", tags=["studio"])


@router.post("/code", response_model=CodeOut, responses=problems(404, 422), openapi_extra=body_schema(CodeIn))
async def tell_code(studio: InStudio, service: Serving, body: Annotated[CodeIn, Depends(json_body(CodeIn))]) -> Response:
    """Tell prompts on an image as a Python script and as a command line, which find the same masks.

    `exact` says whether that is the mask which an object has now; it may have been changed by hand since.
    """
    model = service.model(body.model)
    image = await studio.do(studio.project.image, body.key)
    given: list[Mapping[str, Any]] = [each.model_dump(exclude_none=True) for each in body.prompts]
    found = None if body.object is None else await studio.do(_object_of, studio, body.key, body.object)
    prompts = given or ([] if found is None else _prompts_of(found))
    paths = {name: studio.places.get(name) for name in example_images(prompts)}
    if None in paths.values():
        raise NotFoundError("the image of an example is none of this project, or was not opened yet")
    if await service.compute(studio.project.rasters.has, image.path):
        told = await service.compute(_raster_code, studio, image, prompts, model.config)
        return Response(json_bytes({**vars(told), "exact": None}), media_type="application/json")
    config = _with_threshold(model.config, studio.project.threshold if body.threshold is None else body.threshold)
    exact, candidate = None, None
    if found is not None and len(prompts) == 1 and prompts[0].keys() & {"points", "box", "mask"}:
        stored = await service.compute(stored_image, service.images, image, studio.project.rasters)
        exact, candidate, prompt = await _which(service, stored, prompts[0], model.name, found)
        prompts = [prompt]
    note = _CHANGED if exact is False else None
    code = copied_code(str(image.path), prompts, config, {name: str(path) for name, path in paths.items()}, candidate, note)
    return Response(json_bytes({**vars(code), "exact": exact}), media_type="application/json")


def _raster_code(studio: Studio, image: SourceImage, prompts: Sequence[Mapping[str, Any]], config: PipelineConfig) -> CopiedCode:
    with studio.project.rasters.open(image.path) as raster:
        return copied_raster_code(raster.description, raster.size, prompts, config)


def _object_of(studio: Studio, key: str, uid: str) -> StudioObject:
    found = studio.project.document(key).get(uid)
    if found is None:
        raise NotFoundError(f"the image has no object {uid}, or no longer")
    return found


def _prompts_of(found: StudioObject) -> list[Mapping[str, Any]]:
    if not found.prompts:
        raise InputError("no prompt made this object: it was drawn, imported or found by examples, and there is no code for it")
    return list(found.prompts)


async def _which(
    service: Service, image: StoredImage, values: Mapping[str, Any], model: str, found: StudioObject
) -> tuple[bool, int | None, Mapping[str, Any]]:
    """Return whether a prompt gives the mask of an object, its index among the candidates unless the model selects it, and the prompt.

    The prompt has short coordinates where they give the same mask: those of a click are quotients, such as 100.00001.
    """
    short = _shortened(values)
    for candidates in (False, True):
        for asked in [short] if short == values else [short, values]:
            masks = (await service.segment(image, [prompt_from_dict(asked)], model=model, candidates=candidates)).masks
            index = next((index for index, mask in enumerate(masks) if mask.counts.decode() == found.counts), None)
            if index is not None:
                return True, index if candidates else None, asked
    return False, None, values


def _shortened(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a prompt for a place whose coordinates have at most two decimals."""
    short = dict(values)
    if points := values.get("points"):
        short["points"] = [[round(number, _DECIMALS) for number in point] for point in points]
    if box := values.get("box"):
        short["box"] = [round(number, _DECIMALS) for number in box]
    return short


def _with_threshold(config: PipelineConfig, threshold: float) -> PipelineConfig:
    """Return the configuration with the threshold of the page, which may differ from that of the studio's detector."""
    if config.detect is None or config.detect.threshold == threshold:
        return config
    return config.model_copy(update={"detect": config.detect.model_copy(update={"threshold": threshold})})


_DECIMALS = 2
"""Decimals of short coordinates, in pixels."""

_CHANGED = "The object has another mask now: it was changed by hand, or made by another model. This finds what its last prompt gives."
"""What a script says of an object whose mask it does not find."""
