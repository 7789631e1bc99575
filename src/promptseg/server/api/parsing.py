"""Prompts and images of requests as values of promptseg."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from ..._prompt_values import prompt_from_dict
from ...errors import InputError
from ...image_formats import MAX_PIXELS
from ...prompts import Concept, Prompt
from ..errors import RefusedError
from ..rasters import Segmentable, StoredRaster
from ..service import Service
from .schemas import ByData, ById, ByPath, ConceptIn, ConceptValues, ImageRef, PromptIn, SpatialIn


async def image_of(service: Service, given: ImageRef) -> Segmentable:
    """Return the image that a request names, or the raster.

    Raises:
        NotFoundError: There is none of this id, path or address.
        ForbiddenError: Its place is not allowed.
        InputError: It is no image.
        TooLargeError: It has too many bytes or pixels.
    """
    if isinstance(given, ById):
        return service.rasters.get(given.id) if service.rasters.has(given.id) else service.images.get(given.id)
    if isinstance(given, ByData):
        return await service.put_base64(given.data)
    return await service.image_at(given.path if isinstance(given, ByPath) else given.url)


async def prompts_of(service: Service, given: Sequence[PromptIn], image: Segmentable | None = None) -> list[Prompt]:
    """Return the prompts of a request.

    Args:
        service: The service.
        given: The prompts as they were sent.
        image: What they are asked of, where that is one image. On a raster that is too large for the mask of an image, points and boxes
            count alone, without the earlier mask that was sent with them.

    Raises:
        RefusedError: One is a mask alone, on such a raster.
        InputError: One is not usable.
        PromptSegError: The image of an example is not usable, as in `image_of`.
    """
    if isinstance(image, StoredRaster) and image.size[0] * image.size[1] > MAX_PIXELS:
        given = [_without_mask(each) for each in given]
    return [await prompt_of(service, each) for each in given]


def _without_mask(given: PromptIn) -> PromptIn:
    if not isinstance(given, SpatialIn) or given.mask is None:
        return given
    if given.points is None and given.box is None:
        raise RefusedError(f"on a raster of more than {MAX_PIXELS} pixels, a prompt has points or a box: a mask alone is of an image")
    return given.model_copy(update={"mask": None})


async def prompt_of(service: Service, given: PromptIn) -> Prompt:
    """Return one prompt of a request. The errors are those of `prompts_of`."""
    if isinstance(given, ConceptIn):
        return await _concept(service, given.concept)
    if isinstance(given, SpatialIn) and not given.model_fields_set:
        raise InputError("a prompt has points, a box or a mask; or text, a concept, or everything")
    values = given.model_dump(exclude_none=True)
    return await service.compute(prompt_from_dict, values) if "mask" in values else prompt_from_dict(values)


async def _concept(service: Service, given: ConceptValues) -> Prompt:
    parts: list[Prompt] = [] if given.phrase is None else [Concept(given.phrase)]
    for example in given.examples:
        pixels = None if example.image is None else await service.compute((await image_of(service, example.image)).pixels)
        where = await prompt_of(service, example.prompt)
        parts.append(await service.compute(Prompt.example, pixels, where, positive=example.positive, label=given.label))
    if not parts:
        raise InputError("a concept has a phrase or an example")
    return reduce(add, parts)
