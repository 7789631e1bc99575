"""Masks as answers: COCO RLE, polygons, or a PNG, by what the client accepts."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from ..._result_values import result_to_dict
from ...masks import Mask, Masks
from ...results import Result
from ..errors import RefusedError
from ..scene_results import SceneResult
from ..service import Service
from .scene_answers import MOST_COUNTED, scene_bytes

JSON = "application/json"
POLYGONS = "application/vnd.promptseg.polygons+json"
PNG = "image/png"
KINDS = (JSON, POLYGONS, PNG)
_QUALITY = re.compile(r"0?\.\d{1,3}|[01]\.?|1\.0{1,3}", re.ASCII)


class NotAcceptableError(RefusedError):
    """The client accepts none of the kinds of answer."""

    status, title = 406, "No such kind of answer"


def kind_of(request: Request) -> str:
    """Return the kind of answer that a client prefers among `KINDS`.

    Raises:
        NotAcceptableError: It accepts none.
    """
    parts = ",".join(request.headers.getlist("accept"))[:1000].split(",")
    wishes = {name: (quality, -place) for place, (name, quality) in enumerate(map(_wish, parts)) if name} or {"*/*": (1.0, 0)}

    def wish(kind: str) -> tuple[float, int]:
        """Return the quality of a kind, and what comes first among those of one quality. The narrowest range counts."""
        return next((wishes[name] for name in (kind, f"{kind.partition('/')[0]}/*", "*/*") if name in wishes), (0.0, 0))

    found = max(KINDS, key=wish)
    if not wish(found)[0]:
        raise NotAcceptableError(f"the header Accept names one of {', '.join(KINDS)}")
    return found


def _wish(part: str) -> tuple[str, float]:
    """Return a range of media types in a header ``Accept``, and its quality; 0 for one that cannot be read."""
    name, *settings = (each.strip().lower() for each in part.split(";"))
    quality = next((setting[2:].strip() for setting in settings if setting.startswith("q=")), "1")
    return name, float(quality) if _QUALITY.fullmatch(quality) else 0.0


async def answer(service: Service, request: Request, result: Result | SceneResult, image: str, model: str) -> Response:
    """Return the masks of a result as an answer of the kind that the client prefers.

    Raises:
        NotAcceptableError: The client accepts none, or one that a raster is too large for.
    """
    kind = kind_of(request)
    if isinstance(result, SceneResult):
        height, width = result.masks.size
        if kind == PNG or (kind == JSON and height * width > MOST_COUNTED):
            raise NotAcceptableError(f"the masks of a raster of {width} x {height} pixels come as {POLYGONS}")
        content = await service.compute(scene_bytes, result, image, model, kind == POLYGONS)
    elif kind == PNG:
        content = await service.compute(label_png, result.masks)
    else:
        content = await service.compute(_json, result, image, model, kind == POLYGONS)
    return Response(content, media_type=kind)


def label_png(masks: Sequence[Mask]) -> bytes:
    """Return masks as a PNG: black and white for one mask; for several, gray values that number them from 1, the first on top."""
    size = masks.size if isinstance(masks, Masks) else masks[0].size
    if len(masks) == 1:
        return png(Image.fromarray(masks[0].array))
    labels = np.zeros(size, np.uint8 if len(masks) < 256 else np.uint16)
    for number, mask in reversed(list(enumerate(masks, start=1))):
        crop, (x, y) = mask.crop()
        labels[y : y + crop.shape[0], x : x + crop.shape[1]][crop] = number
    return png(Image.fromarray(labels))


def png(image: Image.Image) -> bytes:
    """Return an image as the content of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def rings(mask: Mask) -> list[list[list[list[float]]]]:
    """Return the polygons of a mask as lists: each part is its outline and its holes."""
    return [[ring.tolist() for ring in (part.exterior, *part.holes)] for part in mask.polygons()]


def result_values(result: Result, image: str, model: str, polygons: bool = False) -> dict[str, Any]:
    """Return a result as values for JSON."""
    values = result_to_dict(result)
    if polygons:
        for mask, written in zip(result.masks, values["masks"], strict=True):
            written["segmentation"] = rings(mask)
    return {"image": image, "model": model, **values}


def _json(result: Result, image: str, model: str, polygons: bool) -> bytes:
    return json.dumps(result_values(result, image, model, polygons), ensure_ascii=False).encode()
