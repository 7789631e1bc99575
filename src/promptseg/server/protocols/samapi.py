"""samapi's protocol, which QuPath's extension for SAM speaks, written from samapi 0.7 (BSD-3-Clause): ``/sam/…``, with GeoJSON answers.

A model is chosen by the type in the extension's menu, if one of that name is served, or by its weights, which are the served models.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.responses import PlainTextResponse

from ... import __version__
from ...errors import PromptError
from ...masks import Mask
from ...prompts import Prompt
from ...results import FrameMasks
from ..api.answers import png
from ..api.bodies import json_body
from ..api.routes import Serving
from ..api.uploads import form_of
from ..errors import ForbiddenError, RefusedError
from ..frame_folders import FrameFolder
from ..operations import PromptVideo, Propagate
from ..service import Service, decoded
from ..videos import VideoRecord, frame_at
from ._samapi_values import (
    CHOSEN,
    TYPES,
    AutoMaskIn,
    FramesIn,
    ModelIn,
    Sam3In,
    Sam3VideoIn,
    SamIn,
    VideoIn,
    concept_of,
    concepts_of,
    everything_of,
    features_of,
    model_of,
    prompt_of,
)

router = APIRouter(prefix="/sam")

LEAST_SCORE = 0.5
"""Least score of what is found in a video, as samapi sets it."""

SPOKEN = "0.7.0"
"""Version of samapi whose routes are answered."""


@router.get("/version/")
async def tell_version() -> PlainTextResponse:
    """Tell the version of samapi that is spoken, and our own."""
    return PlainTextResponse(f"{SPOKEN}+promptseg.{__version__}")


@router.get("/weights/")
async def list_weights(service: Serving, kind: Annotated[str | None, Query(alias="type", max_length=100)] = None) -> list[dict[str, str]]:
    """List the served models as weights: first the one that the type stands for."""
    kind = kind or next(iter(TYPES))
    first = model_of(service, ModelIn(type=kind)).name
    names = sorted((model.name for model in service.models), key=lambda name: name != first)
    return [{"type": kind, "name": name, "url": f"{CHOSEN}{name}"} for name in names]


@router.post("/weights/")
async def register_weights() -> None:
    """Refuse to fetch weights: they are chosen when the server is started."""
    raise ForbiddenError("this server fetches no weights for its clients: start it with --model NAME=WEIGHTS")


@router.get("/weights/cancel/")
async def cancel_weights() -> PlainTextResponse:
    """Tell that no weights are being fetched."""
    return PlainTextResponse("No weights are being fetched.")


@router.get("/progress/")
async def tell_progress() -> dict[str, Any]:
    """Tell that no weights are being fetched."""
    return {"message": None, "percent": -1}


@router.post("/")
async def segment(service: Serving, body: Annotated[SamIn, Depends(json_body(SamIn))]) -> Any:
    """Segment one object by a box, points and a mask."""
    model = model_of(service, body).name
    image = await service.put_base64(body.b64img)
    prompt = await service.compute(prompt_of, body, image.size, body.b64mask)
    masks = (await service.segment(image, [prompt], model=model, candidates=body.multimask_output)).masks
    return await service.compute(features_of, masks, model)


@router.post("/sam3/")
async def segment_concept(service: Serving, body: Annotated[Sam3In, Depends(json_body(Sam3In))]) -> Any:
    """Segment every object that a text or examples describe."""
    model = model_of(service, body).name
    image = await service.put_base64(body.b64img)
    masks = (await service.segment(image, [concept_of(body)], model=model)).masks
    kept = masks.where([mask.score is None or mask.score >= body.confidence_threshold for mask in masks])
    return await service.compute(features_of, kept, model)


@router.post("/automask/")
async def segment_everything(service: Serving, body: Annotated[AutoMaskIn, Depends(json_body(AutoMaskIn))]) -> Any:
    """Segment everything."""
    model = model_of(service, body).name
    image = await service.put_base64(body.b64img)
    masks = (await service.segment(image, [everything_of(body)], model=model)).masks
    return await service.compute(features_of, masks, model)


@router.post("/upload/")
async def upload(request: Request, service: Serving) -> dict[str, str]:
    """Take one frame of a video, as a form with `dirname` and `file`. Frames are in the natural order of their names."""
    async with form_of(request) as form:
        folder, file = form.get("dirname"), form.get("file")
        if not isinstance(folder, str) or not 0 < len(folder) <= 200 or not isinstance(file, UploadFile):
            raise RefusedError("a form has the fields dirname and file")
        name, content = file.filename or "", await file.read()
    await service.compute(lambda: service.frames.add(service.frames.create(folder), content, PurePosixPath(name).stem))
    return {"filename": name}


@router.post("/video/")
async def segment_video(service: Serving, body: Annotated[VideoIn, Depends(json_body(VideoIn))]) -> Any:
    """Track objects through the frames that were sent, forward and back from where they are prompted, and forget the frames."""
    model = model_of(service, body).name
    async with _opened(service, body, model) as video:
        for index, objects in sorted(body.objs.items()):
            for given in objects:
                prompt = prompt_of(given, video.info.size)
                await service.engine.ask(PromptVideo(video.id, index, given.obj_id, prompt))
        start = min(body.objs) if body.start_frame_idx is None else body.start_frame_idx
        found = await _tracked(service, video, (min(body.objs), max(body.objs)), start, _stop(body, start))
        return await service.compute(_features, found, body, model)


@router.post("/sam3video/")
async def segment_video_concept(service: Serving, body: Annotated[Sam3VideoIn, Depends(json_body(Sam3VideoIn))]) -> Any:
    """Find on the first prompted frame all that texts or examples describe, track it forward and back, and forget the frames.

    SAM 3 looks for new objects on each frame as well. Here they are those of the first prompted frame, for any models.
    """
    model = model_of(service, body).name
    async with _opened(service, body, model) as video:
        first = min(body.objs)
        frames = await service.compute(lambda: {index: frame_at(video, index).image for index in body.objs})
        image = await service.put_image(await service.compute(lambda: png(Image.fromarray(frames[first]))))
        masks = (await service.segment(image, concepts_of(body.objs, frames, first), model=model)).masks
        number = 0
        for mask in masks:
            if mask.area and (mask.score is None or mask.score >= LEAST_SCORE):
                # Without the logits, so that the object begins with just this mask.
                await service.engine.ask(PromptVideo(video.id, first, number, Prompt.mask(replace(mask, logits=None))))
                number += 1
        if not number:
            return []
        middle, most = body.start_frame_idx or 0, body.max_frame_num_to_track  # Both ways from there, as SAM 3 counts.
        start = 0 if most is None else max(0, middle - most)
        found = await _tracked(service, video, (first, first), start, _stop(body, middle))
        return await service.compute(_features, found, body, model)


@contextlib.asynccontextmanager
async def _opened(service: Service, body: FramesIn, model: str) -> AsyncIterator[VideoRecord]:
    """Open the frames of a request as a video, which is closed and forgotten after the block."""
    frames = await service.compute(_frames, service, body)
    try:
        video = await service.videos.open(frames.path, model, own=True)
    except BaseException:
        await service.compute(service.frames.remove, frames)
        raise
    frames.taken = True
    try:
        yield video
    finally:
        await service.videos.close(video.id)


def _stop(body: FramesIn, start: int) -> int | None:
    """Return the index of the frame behind the last one that is asked for, or None for the end of the video. SAM 2 counts so."""
    return None if body.max_frame_num_to_track is None else start + body.max_frame_num_to_track + 1


def _frames(service: Service, body: FramesIn) -> FrameFolder:
    if body.dirname is not None:
        return service.frames.get(body.dirname)
    if body.b64imgs is None:
        raise PromptError("a request has a dirname or b64imgs")
    frames = service.frames.create()
    try:
        for index, content in enumerate(body.b64imgs):
            service.frames.add(frames, decoded(content), f"{index:06d}")
    except BaseException:
        service.frames.remove(frames)
        raise
    return frames


async def _tracked(
    service: Service, video: VideoRecord, prompted: tuple[int, int], start: int, stop: int | None
) -> dict[int, dict[int, Mask]]:
    """Return the masks of each frame that is asked for, by the numbers of their objects.

    Args:
        service: The service of the server.
        video: The video, with its objects.
        prompted: Index of the first and of the last frame with prompts.
        start: Index of the first frame that is asked for.
        stop: Index of the frame behind the last one, or None for the end of the video.
    """
    first, last = prompted
    found: dict[int, dict[int, Mask]] = {}

    async def work() -> AsyncIterator[Any]:
        ways = [Propagate(video.id, first, stop)] if stop is None or stop > first else []
        if start < last:
            ways.append(Propagate(video.id, last, start - 1 if start else None, reverse=True))
        for way in ways:
            async for event in service.videos.propagate(video, way):
                if isinstance(event, FrameMasks):
                    masks = found.setdefault(event.frame, {})
                    for number, mask in zip(event.object_ids, event.masks, strict=True):
                        masks.setdefault(number, mask)
                yield event

    job = service.jobs.start("propagate", work)
    try:
        await job.end()
    finally:
        await service.jobs.forget(job)
    if job.error is not None:
        raise job.error
    return {index: found[index] for index in sorted(found) if index >= start and (stop is None or index < stop)}


def _features(found: dict[int, dict[int, Mask]], body: FramesIn, model: str) -> list[Any]:
    other = body.plane_position or 0
    features: list[Any] = []
    for index, masks in found.items():
        z, t = (index, other) if body.axes == "XYZ" else (other, index)
        features += features_of(list(masks.values()), model, {"c": -1, "z": z, "t": t}, list(masks))
    return features
