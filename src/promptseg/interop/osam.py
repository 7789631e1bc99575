"""Models for osam, and so for labelme: a pipeline as a model in osam's registry, in the process of osam itself.

    import promptseg as ps
    from promptseg.interop.osam import register

    register(ps.load_segmenter("mini-sam"))

``python -m promptseg.interop.osam --model mini-sam serve`` starts osam's own server with it, and all its other commands likewise.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError, PromptError, PromptSegError, shown
from ..images import load_image
from ..masks import Mask, Masks
from ..models.sam.cache import EmbeddingCache
from ..pipeline.config import PipelineConfig
from ..pipeline.runner import BuiltPipeline
from ..postprocess import keep_best, nms
from ..prompts import Prompt
from ..protocols import EmbeddingStore, Segmenter
from ..vocabulary import parse_phrase
from .packages import import_package
from .pipelines import pipeline_of_arguments, run

_ON, _CORNERS = 1, (2, 3)
"""Point labels of osam: a point on the object, and the two corners of a box."""

_HOME = "https://promptseg.readthedocs.io/en/latest/reference/models/"


def register(
    model: BuiltPipeline | Segmenter,
    name: str = "promptseg",
    *,
    cache: EmbeddingStore | None = None,
    lenient: bool = False,
    reverse: bool = False,
) -> type:
    """Put a pipeline or a segmenter into osam's registry of models, and return the class that stands for it there.

    osam's API, its command line and its server then offer it by its name. An image is encoded once, whichever client shows it: embeddings
    are kept by its content.

    Args:
        model: A pipeline; with a detector, or with a concept segmenter that reads words, it takes texts. Or a segmenter.
        name: Name of the model, as in ``"promptseg"`` or ``"promptseg:large"``. A model of this name is replaced.
        cache: Store of the embeddings. Default: 256 MiB of memory.
        lenient: Whether a prompt that cannot be answered gives no masks, with a warning in the log, in place of an error. For clients that
            end when a model raises an error.
        reverse: Whether the client gives the channels of images in the order blue, green, red.

    Raises:
        InputError: `model` is neither a pipeline with models nor a segmenter.
        MissingDependencyError: osam is not installed.
    """
    osam = import_package("osam")
    import_package("osam.apis")
    if isinstance(model, BuiltPipeline):
        pipeline = model
    elif isinstance(model, Segmenter):
        pipeline = BuiltPipeline(PipelineConfig(), segmenter=model)
    else:
        raise InputError(f"osam takes a pipeline that .build() returned, or a segmenter, got {shown(model)}")
    pipeline = pipeline.with_cache(EmbeddingCache() if cache is None else cache)
    full = name if ":" in name else f"{name}:latest"
    made, models = time.time(), pipeline.models
    licenses = " and ".join(dict.fromkeys(each.license for each in models))
    answers = _Answers(pipeline, full, osam.types, lenient, reverse)
    number = hashlib.sha256(repr(sorted(sha for each in models for sha in each.weights.values())).encode()).hexdigest()[:12]
    registered = type(
        "PromptsegModel",
        (osam.types.Model,),
        {
            "__doc__": f"{pipeline!r}, as a model of osam.",
            "name": full,
            "metadata": osam.types.ModelMetadata(license_name=licenses, license_url=_HOME, source_url=_HOME, license_spdx=licenses),
            "_blobs": {},  # promptseg has fetched the weights: for osam, there is nothing to pull and nothing to remove.
            "get_id": classmethod(lambda _: number),
            "get_modified_at": classmethod(lambda _: made),
            "generate": lambda _, request: answers(request),
        },
    )
    osam.apis.registered_model_types[:] = [each for each in osam.apis.registered_model_types if each.name != full] + [registered]
    if osam.apis.running_model is not None and osam.apis.running_model.name == full:
        osam.apis.running_model = None
    return registered


def prompt_of(points: Sequence[Sequence[float]], labels: Sequence[int]) -> Prompt:
    """Return the prompt of osam's points for one object.

    Args:
        points: (N, 2) places ``(x, y)`` in pixels.
        labels: For each place 1 (on the object), 0 (beside it), or 2 and 3 (two opposite corners of a box).

    Raises:
        PromptError: There are not two corners or none, or the box has no area.
    """
    given = list(zip(points, labels, strict=True))
    clicks = [(place, label == _ON) for place, label in given if label not in _CORNERS]
    corners = np.array([place for place, label in given if label in _CORNERS], np.float64).reshape(-1, 2)
    if len(corners) not in (0, 2):
        raise PromptError(f"a box is two points with the labels 2 and 3, got {len(corners)} with them")
    box = [Prompt.box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())] if len(corners) else []
    if not clicks:
        return box[0] if box else Prompt.points([])
    on = Prompt.points([place for place, _ in clicks], [foreground for _, foreground in clicks])
    return box[0] + on if box else on


class _Answers:
    """Answers of a pipeline to requests of osam.

    Args:
        pipeline: The pipeline.
        name: Name of the model in the answers.
        types: Module ``osam.types``.
        lenient: As for `register`.
        reverse: As for `register`.
    """

    def __init__(self, pipeline: BuiltPipeline, name: str, types: Any, lenient: bool, reverse: bool) -> None:
        self._pipeline, self._name, self._types, self._lenient, self._reverse = pipeline, name, types, lenient, reverse

    def __call__(self, request: Any) -> Any:
        """Return the ``GenerateResponse`` to a ``GenerateRequest``.

        Raises:
            PromptSegError: The request has no image, or its prompt cannot be answered.
        """
        try:
            if request.image is None:
                raise InputError("the request has no image, and promptseg hands out no embeddings: send the image with each prompt")
            image = load_image(np.asarray(request.image))
            if self._reverse:
                image = np.ascontiguousarray(image[..., ::-1])
            texts = None if request.prompt is None or request.prompt.points is not None else request.prompt.texts
            found = self._of_texts(image, request.prompt) if texts is not None else self._of_points(image, request.prompt)
        except PromptSegError as error:
            if not self._lenient:
                raise
            import_package("loguru").logger.warning("{}", error)
            found = []
        annotations = [self._annotation(mask, text) for mask, text in found if mask.area]
        return self._types.GenerateResponse(model=self._name, annotations=annotations)

    def _of_points(self, image: Any, prompt: Any) -> list[tuple[Mask, str | None]]:
        if prompt is None:  # As osam's own models do.
            asked: Prompt = Prompt.point(image.shape[1] / 2, image.shape[0] / 2)
        else:
            asked = prompt_of(prompt.points.tolist(), prompt.point_labels.tolist())
        return [(mask, None) for mask in self._pipeline(image, asked).masks]

    def _of_texts(self, image: Any, prompt: Any) -> list[tuple[Mask, str | None]]:
        """Return the masks of phrases, best first, each with its phrase as it was given: clients look for it among those that they sent."""
        texts = {parse_phrase(text).label: text for text in reversed(prompt.texts)}
        masks = self._pipeline(image, Prompt.text(*prompt.texts)).masks
        least = -1.0 if prompt.score_threshold is None else prompt.score_threshold
        masks = masks.where([mask.score is None or mask.score >= least for mask in masks])
        if prompt.iou_threshold is not None and prompt.iou_threshold < 1:
            masks = nms(masks, prompt.iou_threshold, by="box")
        if prompt.max_annotations is not None:
            masks = keep_best(masks, max(0, prompt.max_annotations))
        return [(mask, texts.get(mask.label or "")) for mask in _best_first(masks)]

    def _annotation(self, mask: Mask, text: str | None) -> Any:
        pixels, (left, top) = mask.crop()
        height, width = pixels.shape
        box = self._types.BoundingBox(xmin=left, ymin=top, xmax=left + width - 1, ymax=top + height - 1)  # Inclusive.
        return self._types.Annotation(bounding_box=box, text=text, score=mask.score, mask=pixels)


def _best_first(masks: Masks) -> Masks:
    return masks.where(np.argsort(-np.nan_to_num(masks.scores), kind="stable"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run osam's command line with a pipeline among its models.

    Args:
        arguments: Those of `promptseg.interop.pipelines.pipeline_of_arguments`, then osam's own. Default: those of the process.

    Raises:
        PromptSegError: osam is not installed, or the models cannot be loaded.
    """
    command = import_package("osam.__main__", "osam[serve]").cli
    pipeline, rest = pipeline_of_arguments("promptseg.interop.osam", sys.argv[1:] if arguments is None else arguments)
    register(pipeline)
    command(args=rest, prog_name="osam")


if __name__ == "__main__":
    run(main)
