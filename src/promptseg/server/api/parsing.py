"""Prompts and images of requests as values of promptseg."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from ..._prompt_values import prompt_from_dict
from ..._rle import box_of, check_runs, run_lengths
from ...errors import InputError, shown
from ...image_formats import MAX_PIXELS
from ...masks import Size
from ...prompts import Concept, Prompt
from ...rasters.window import Window
from ..errors import RefusedError
from ..rasters import Segmentable, StoredRaster
from ..service import Service
from .schemas import ByData, ById, ByPath, ConceptIn, ConceptValues, ImageRef, PromptIn, RunLengths, SpatialIn


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
        given = [await service.compute(_without_mask, each, image.size) for each in given]
    return [await prompt_of(service, each) for each in given]


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


def _without_mask(given: PromptIn, size: Size) -> PromptIn:
    """Return a prompt of a raster of a size ``(height, width)`` that is too large for a mask."""
    if isinstance(given, ConceptIn):
        return _with_boxes(given, size)
    if not isinstance(given, SpatialIn) or given.mask is None:
        return given
    if given.points is None and given.box is None:
        raise RefusedError(f"on a raster of more than {MAX_PIXELS} pixels, a prompt has points or a box: a mask alone is of an image")
    return given.model_copy(update={"mask": None})


def _with_boxes(given: ConceptIn, size: Size) -> ConceptIn:
    """Return a concept whose examples in the raster have boxes in place of masks."""
    concept = given.concept
    examples = [
        each if each.image is not None else each.model_copy(update={"prompt": _boxed(each.prompt, size)}) for each in concept.examples
    ]
    return given.model_copy(update={"concept": concept.model_copy(update={"examples": examples})})


def _boxed(given: SpatialIn, size: Size) -> SpatialIn:
    if given.mask is None or given.points is not None or given.box is not None:
        return given.model_copy(update={"mask": None})
    return SpatialIn(box=[float(side) for side in _box_of_mask(given.mask, size)])


def _box_of_mask(mask: RunLengths, size: Size) -> tuple[int, int, int, int]:
    """Return the box of a mask of a size ``(height, width)``.

    Raises:
        InputError: It is empty, damaged or of another size.
    """
    height, width = size
    if tuple(mask.size) != size:
        raise InputError(f"an example that is a mask has the size of the raster, [{height}, {width}], got {shown(mask.size)}")
    try:
        runs = run_lengths(mask.counts.encode("ascii")) if isinstance(mask.counts, str) else np.asarray(mask.counts, np.int64)
        check_runs(runs, height * width)
    except (ValueError, OverflowError) as error:
        raise InputError(f"the mask of an example is damaged: {error}") from error
    if not runs[1::2].any():
        raise InputError("the mask of an example is empty")
    return box_of(np.cumsum(runs), height)


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
