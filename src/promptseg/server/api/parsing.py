"""Prompts and images of requests as values of promptseg."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from ..._prompt_values import prompt_from_dict
from ...errors import InputError, shown
from ...masks import Size
from ...prompts import Concept, Prompt
from ...rasters.window import Window
from ...scene_masks import SceneMask
from ..errors import RefusedError
from ..rasters import Segmentable, StoredRaster
from ..service import Service
from .schemas import ByData, ById, ByPath, ConceptIn, ConceptValues, ImageRef, PromptIn, RunLengths, SpatialIn


async def image_of(service: Service, given: ImageRef) -> Segmentable:
    """Return the image that a request names, or the raster.

    Raises:
        NotFoundError: There is none of this id, path or address.
        ForbiddenError: Its place is not allowed.
        InputError: It is not an image.
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
        image: What they are asked of, where that is one image. Masks of a raster, which may be too large for a mask, are those of objects.

    Raises:
        InputError: One is not usable.
        PromptSegError: The image of an example is not usable, as in `image_of`.
    """
    raster = image.size if isinstance(image, StoredRaster) else None
    return [await prompt_of(service, each, raster) for each in given]


def window_of(given: Sequence[int] | None, image: Segmentable) -> Window | None:
    """Return the window that a request names: ``(x0, y0, x1, y1)``, half-open.

    Raises:
        RefusedError: It is one of an image.
        InputError: It does not lie in the raster.
    """
    if given is None:
        return None
    if not isinstance(image, StoredRaster):
        raise RefusedError("a window is a part of a raster: an image is searched as a whole")
    x0, y0, x1, y1 = given
    height, width = image.size
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InputError(f"a window lies in the raster of {width} x {height} pixels, got {shown(list(given))} as [x0, y0, x1, y1]")
    return Window(y0, x0, y1 - y0, x1 - x0)


async def prompt_of(service: Service, given: PromptIn, raster: Size | None = None) -> Prompt:
    """Return one prompt of a request. The errors are those of `prompts_of`.

    Args:
        service: The service.
        given: The prompt as it was sent.
        raster: ``(height, width)`` of the raster that it is asked of; None for an image.
    """
    if isinstance(given, ConceptIn):
        return await _concept(service, given.concept, raster)
    if isinstance(given, SpatialIn) and not given.model_fields_set:
        raise InputError("a prompt has points, a box or a mask; or text, a concept, or everything")
    if isinstance(given, SpatialIn) and given.mask is not None and raster is not None:
        return await service.compute(_of_object, given, given.mask, raster)
    values = given.model_dump(exclude_none=True)
    return await service.compute(prompt_from_dict, values) if "mask" in values else prompt_from_dict(values)


def _of_object(given: SpatialIn, mask: RunLengths, raster: Size) -> Prompt:
    """Return a prompt with the mask of an object in a raster of a size ``(height, width)``."""
    if tuple(mask.size) != raster:
        raise InputError(f"a mask of a raster has its size {list(raster)}, [height, width], got {shown(mask.size)}")
    earlier = Prompt.mask(SceneMask.from_coco_rle(mask.model_dump()))
    rest = given.model_dump(exclude_none=True, exclude={"mask"})
    return prompt_from_dict(rest) + earlier if rest else earlier


async def _concept(service: Service, given: ConceptValues, raster: Size | None) -> Prompt:
    parts: list[Prompt] = [] if given.phrase is None else [Concept(given.phrase)]
    for example in given.examples:
        pixels = None if example.image is None else await service.compute((await image_of(service, example.image)).pixels)
        where = await prompt_of(service, example.prompt, raster if example.image is None else None)
        parts.append(await service.compute(Prompt.example, pixels, where, positive=example.positive, label=given.label))
    if not parts:
        raise InputError("a concept has a phrase or an example")
    return reduce(add, parts)
