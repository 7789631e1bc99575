"""Suggestions: a pipeline on many images of a project, image by image, in the background.

Each image is a job of the engine: clicks of people are answered first. What is done stays, whether the rest is cancelled or fails. An image
that a person has touched is left alone, also when that was meanwhile. A raster is searched tile by tile, and what tiles show is joined.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from .._prompt_values import prompt_to_dict
from ..annotation.records import mask_to_dict
from ..datasets.safe_names import text_name
from ..errors import BackendError, InputError, PromptSegError
from ..masks import Mask
from ..prompts import Concept, EverythingPrompt, Prompt, SpatialPrompt
from ..results import Result
from ..runtime.progress import Progress
from ..server.api.scene_answers import whole_counts
from ..server.errors import NotFoundError, StoppingError
from ..server.messages import message_of
from ..server.operations import SearchRaster, Segment
from ..server.rasters import StoredRaster
from ..server.scene_results import SceneResult
from ..server.service import Service
from .documents import MAX_OBJECTS, StudioObject
from .doubt import doubt_of
from .project import Project
from .stored import segmentable

TILES = "tiles"
"""Stage of the progress over the tiles of a raster."""

FAILURES_TOLD = 100
"""Maximum number of failed images that are named."""


@dataclass(frozen=True)
class Suggested:
    """What was suggested.

    Attributes:
        images: Number of images that have suggestions now.
        objects: Number of suggested objects.
        left_alone: Number of images that a person has touched, before or meanwhile, or that are gone.
        failed: Reasons by image name, for the first `FAILURES_TOLD` failures.
    """

    images: int = 0
    objects: int = 0
    left_alone: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)


def check_examples(prompts: Sequence[Prompt]) -> None:
    """Check that the examples of prompts make sense on many images.

    Raises:
        InputError: An example is in the image that is searched, which is another one each time.
    """
    if any(isinstance(prompt, Concept) and any(example.image is None for example in prompt.examples) for prompt in prompts):
        raise InputError("an example for other images names its image: give image with the example")


async def suggest(
    service: Service,
    project: Project,
    keys: Sequence[str],
    prompts: Sequence[Prompt],
    threshold: float | None = None,
    model: str | None = None,
) -> AsyncIterator[Progress | Suggested]:
    """Suggest objects on images: yield the progress after each, and after each tile of a raster, and at the end what was done.

    Args:
        service: The service whose engine finds them.
        project: The project.
        keys: Keys of the images.
        prompts: The prompts; none for the classes of the detector.
        threshold: Minimum score of what a detector or a concept finds; None for the project's.
        model: Name of the model; None for the default.

    Raises:
        StoppingError: The server is shutting down.
    """
    done, failures = Suggested(), 0
    least = project.threshold if threshold is None else threshold
    yield Progress("suggest", 0, len(keys), "image")
    for number, key in enumerate(keys, 1):
        found: int | None = None
        try:
            async with aclosing(_suggest_one(service, project, key, prompts, least, service.model(model).name)) as events:
                async for event in events:
                    if isinstance(event, Progress):
                        yield event
                    else:
                        found = event
        except StoppingError:
            raise
        except NotFoundError:
            done = replace(done, left_alone=done.left_alone + 1)  # Its file is gone.
        except PromptSegError as error:
            failures += 1
            if failures <= FAILURES_TOLD:
                done = replace(done, failed={**done.failed, text_name(project.image(key).name): message_of(error)})
        else:
            if found is None:
                done = replace(done, left_alone=done.left_alone + 1)
            else:
                done = replace(done, images=done.images + 1, objects=done.objects + found)
        yield Progress("suggest", number, len(keys), "image", failures)
    yield done


async def _suggest_one(
    service: Service, project: Project, key: str, prompts: Sequence[Prompt], least: float, model: str
) -> AsyncGenerator[Progress | int | None, None]:
    """Suggest objects on one image: yield how many tiles of a raster are done, and at the end the number of objects.

    It is None where a person has touched the image.
    """
    if not await service.compute(_is_free, project, key):
        yield None
        return
    try:
        image = await service.compute(lambda: segmentable(service, project.image(key), project.rasters))
    except InputError as error:
        await service.compute(project.mark_broken, key, error)
        raise
    is_raster = isinstance(image, StoredRaster)
    operation = SearchRaster(model, image, tuple(prompts)) if isinstance(image, StoredRaster) else Segment(model, image, tuple(prompts))
    result: Result | SceneResult | None = None
    async with aclosing(service.engine.stream(operation)) as events:
        async for event in events:
            if isinstance(event, (Result, SceneResult)):
                result = event
            elif is_raster and isinstance(event, Progress) and event.stage == TILES:
                yield event
    if result is None:
        raise BackendError("the model gave no result")
    yield await service.compute(_keep, project, key, result, tuple(prompts), least)


def _is_free(project: Project, key: str) -> bool:
    return project.document(key).state in ("new", "suggested")


def _keep(project: Project, key: str, result: Result | SceneResult, prompts: Sequence[Prompt], least: float) -> int | None:
    if isinstance(result, SceneResult):
        # The mask inside its box tells of an object what that of an image does, but for its run lengths.
        places = {id(each.mask): each for each in result.masks}
        masks = suggested_masks([each.mask for each in result.masks], prompts, least)
        objects = [replace(_object(mask, prompts), counts=whole_counts(places[id(mask)], result.masks.size)) for mask in masks]
    else:
        masks = suggested_masks(result.masks, result.prompts, least)
        objects = [_object(mask, result.prompts) for mask in masks]
    models = [each.to_dict() for each in result.provenance]
    doubt = doubt_of(masks, result.phrases if isinstance(result, Result) else ())
    kept = project.suggest(key, objects, doubt, models)
    return None if kept is None else len(objects)


def suggested_masks(masks: Iterable[Mask], prompts: Sequence[Prompt], least: float) -> list[Mask]:
    """Return those of the masks that prompts gave that are suggested, at most `MAX_OBJECTS`, the best.

    Empty masks are left out, and what a detector or a concept found with a lower score than `least`.
    """
    kept = [mask for mask in masks if mask.area and (mask.score is None or mask.score >= least or not _is_found(mask, prompts))]
    if len(kept) <= MAX_OBJECTS:
        return kept
    best = sorted(range(len(kept)), key=lambda index: -(kept[index].score or 0.0))[:MAX_OBJECTS]
    return [kept[index] for index in sorted(best)]


def _is_found(mask: Mask, prompts: Sequence[Prompt]) -> bool:
    """Return whether a mask was found by words or examples, and not at a place that the prompt tells."""
    return not isinstance(_prompt_of(mask, prompts), (SpatialPrompt, EverythingPrompt))


def _prompt_of(mask: Mask, prompts: Sequence[Prompt]) -> Prompt | None:
    return None if mask.prompt_index is None else prompts[mask.prompt_index]


def _object(mask: Mask, prompts: Sequence[Prompt]) -> StudioObject:
    entry = mask_to_dict(mask)
    kept = {name: value for name, value in entry.items() if name in ("from_box", "predicted_iou")}
    uid = f"s{uuid.uuid4().hex[:16]}"
    asked = _asked(mask, prompts)
    return StudioObject(
        uid, entry["counts"], entry["label"], entry["score"], "suggestion", prompts=() if asked is None else (asked,), kept=kept
    )


def _asked(mask: Mask, prompts: Sequence[Prompt]) -> Mapping[str, Any] | None:
    """Return the prompt of a mask as the API takes it: the place, or the word that found it. Examples are too large to be kept here."""
    prompt = _prompt_of(mask, prompts)
    if isinstance(prompt, SpatialPrompt):
        return prompt_to_dict(prompt)
    if prompt is None and mask.label is not None:
        return {"text": [mask.label]}
    return None
