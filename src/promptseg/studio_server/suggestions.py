"""Suggestions: a pipeline on many images of a project, image by image, in the background.

Each image is a job of the engine: clicks of people are answered first. What is done stays, whether the rest is cancelled or fails. An image
that a person has touched is left alone, also when that was meanwhile.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
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
from ..server.errors import NotFoundError, StoppingError
from ..server.messages import message_of
from ..server.operations import Segment
from ..server.service import Service
from .documents import MAX_OBJECTS, StudioObject
from .doubt import doubt_of
from .project import Project
from .stored import stored_image

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
    """Suggest objects on images: yield the progress after each, and at the end what was done.

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
        try:
            found = await _suggest_one(service, project, key, prompts, least, service.model(model).name)
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


async def _suggest_one(service: Service, project: Project, key: str, prompts: Sequence[Prompt], least: float, model: str) -> int | None:
    """Suggest objects on one image. Return their number, or None where a person has touched it."""
    if not await service.compute(_is_free, project, key):
        return None
    try:
        image = await service.compute(lambda: stored_image(service.images, project.image(key), project.rasters))
    except InputError as error:
        await service.compute(project.mark_broken, key, error)
        raise
    result: Result | None = None
    async for event in service.engine.stream(Segment(model, image, tuple(prompts))):
        result = event if isinstance(event, Result) else result
    if result is None:
        raise BackendError("the model gave no result")
    return await service.compute(_keep, project, key, result, least)


def _is_free(project: Project, key: str) -> bool:
    return project.document(key).state in ("new", "suggested")


def _keep(project: Project, key: str, result: Result, least: float) -> int | None:
    masks = suggested_masks(result, least)
    objects = [_object(mask, result) for mask in masks]
    models = [each.to_dict() for each in result.provenance]
    kept = project.suggest(key, objects, doubt_of(result, masks), models)
    return None if kept is None else len(objects)


def suggested_masks(result: Result, least: float) -> list[Mask]:
    """Return the masks of a result that are suggested, at most `MAX_OBJECTS`, the best.

    Empty masks are left out, and what a detector or a concept found with a lower score than `least`.
    """
    masks = [mask for mask in result.masks if mask.area and (mask.score is None or mask.score >= least or not _is_found(mask, result))]
    if len(masks) <= MAX_OBJECTS:
        return masks
    best = sorted(range(len(masks)), key=lambda index: -(masks[index].score or 0.0))[:MAX_OBJECTS]
    return [masks[index] for index in sorted(best)]


def _is_found(mask: Mask, result: Result) -> bool:
    """Return whether a mask was found by words or examples, and not at a place that the prompt tells."""
    return not isinstance(_prompt_of(mask, result), (SpatialPrompt, EverythingPrompt))


def _prompt_of(mask: Mask, result: Result) -> Prompt | None:
    return None if mask.prompt_index is None else result.prompts[mask.prompt_index]


def _object(mask: Mask, result: Result) -> StudioObject:
    entry = mask_to_dict(mask)
    kept = {name: value for name, value in entry.items() if name in ("from_box", "predicted_iou")}
    uid = f"s{uuid.uuid4().hex[:16]}"
    asked = _asked(mask, result)
    return StudioObject(
        uid, entry["counts"], entry["label"], entry["score"], "suggestion", prompts=() if asked is None else (asked,), kept=kept
    )


def _asked(mask: Mask, result: Result) -> Mapping[str, Any] | None:
    """Return the prompt of a mask as the API takes it: the place, or the word that found it. Examples are too large to be kept here."""
    prompt = _prompt_of(mask, result)
    if isinstance(prompt, SpatialPrompt):
        return prompt_to_dict(prompt)
    if prompt is None and mask.label is not None:
        return {"text": [mask.label]}
    return None
