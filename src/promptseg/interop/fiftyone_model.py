"""Models for FiftyOne: a pipeline that ``dataset.apply_model`` takes.

    from promptseg.interop.fiftyone_model import load_model

    dataset.apply_model(load_model("mini-sam"), label_field="masks", prompt_field="ground_truth")

FiftyOne's zoo finds the same by the files in ``fiftyone_source``, in the repository of promptseg.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import IncompatibleStagesError, PromptError
from ..images import load_image
from ..masks import Masks, Size
from ..pipeline.runner import BuiltPipeline
from ..prompts import Prompt
from ..registry.loading import load_segmenter
from ..runtime.files import write_atomically
from ..vocabulary import split_phrases
from .fiftyone import to_fiftyone
from .packages import import_package
from .pipelines import load_pipeline

SOURCE = "promptseg/"
"""What names of models begin with in FiftyOne's zoo."""


def download_model(model_name: str, model_path: str) -> None:
    """Fetch the weights of a model into promptseg's cache, and write a file that tells FiftyOne so.

    Args:
        model_name: Name in FiftyOne's zoo, such as ``"promptseg/mini-sam"``.
        model_path: Path of the file.

    Raises:
        PromptSegError: The model cannot be loaded.
    """
    provenance = load_segmenter(model_name.removeprefix(SOURCE)).provenance
    with write_atomically(Path(model_path), text=True) as file:
        json.dump(provenance.to_dict(), file, indent=1)


def load_model(
    model_name: str = "mini-sam",
    model_path: str | None = None,  # noqa: ARG001 - FiftyOne gives it; promptseg has its own cache.
    *,
    detector: str | None = None,
    pipeline: str | None = None,
    text: str | None = None,
    device: str | None = None,
) -> Any:
    """Return a model of FiftyOne, with its weights loaded.

    Args:
        model_name: Name of the segmenter, also as FiftyOne's zoo has it: ``"promptseg/mini-sam"``.
        model_path: Path that FiftyOne gives. Nothing is read from it.
        detector: Name of a detector, for `text` or for all its classes.
        pipeline: Path of a file that describes the pipeline, in place of `model_name` and `detector`.
        text: Phrases to look for, separated by commas.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.

    Raises:
        MissingDependencyError: fiftyone is not installed.
        IncompatibleStagesError: `text` is given without a model that reads it.
    """
    return as_model(load_pipeline(None if pipeline else model_name.removeprefix(SOURCE), detector, pipeline, device), text)


def resolve_input(model_name: str, ctx: Any) -> None:
    """Return the input form of a model in FiftyOne's application: none, all parameters are optional.

    Args:
        model_name: Name of the model.
        ctx: ``ExecutionContext``.
    """


def as_model(pipeline: BuiltPipeline, text: str | None = None) -> Any:
    """Return a pipeline as a model of FiftyOne: a ``fiftyone.core.models.Model`` that may read a field of each sample.

    With ``apply_model(…, prompt_field=FIELD)`` each box of ``Detections`` and each point of ``Keypoints`` becomes a mask with its label.
    Without, the phrases are looked for, or all classes of the detector, or everything.

    Args:
        pipeline: The pipeline.
        text: Phrases, separated by commas.

    Raises:
        MissingDependencyError: fiftyone is not installed.
        IncompatibleStagesError: `text` is given without a model that reads it.
    """
    core = import_package("fiftyone.core.models", "fiftyone")
    if text is not None and not pipeline.detects:
        raise IncompatibleStagesError("text needs a model that reads it: give a detector, such as detector='grounding-dino-tiny'")
    asked: tuple[Prompt, ...] = () if text is None else (Prompt.text(*split_phrases(text)),)

    def predict(self: Any, arg: Any, sample: Any = None) -> Any:
        image = load_image(np.asarray(arg))
        field = self.needs_fields.get("prompt_field")
        if field is None or sample is None:
            everything = not asked and pipeline.detector is None
            return to_fiftyone(pipeline(image, *((Prompt.everything(),) if everything else asked)).masks)
        return to_fiftyone(_segmented(pipeline, image, sample[field]))

    constants = {"media_type": "image", "ragged_batches": True, "transforms": None, "preprocess": False}
    body = {name: _constant(value) for name, value in constants.items()}
    # SamplesMixin comes first: its predict_all hands each sample to predict.
    made = type("PromptsegModel", (core.SamplesMixin, core.Model), {"__doc__": repr(pipeline), "predict": predict, **body})
    return made()


def _constant(value: object) -> property:
    return property(lambda _: value)


def _segmented(pipeline: BuiltPipeline, image: NDArray[np.uint8], labels: Any) -> Masks:
    """Return a mask for each box or point of a label field, with its label."""
    size: Size = (image.shape[0], image.shape[1])
    prompts = _prompts(labels, size)
    if not prompts:
        return Masks([], size)
    found = pipeline(image, *(prompt for prompt, _ in prompts)).masks
    return Masks((replace(mask, label=prompts[mask.prompt_index or 0][1]) for mask in found), size)


def _prompts(labels: Any, size: Size) -> list[tuple[Prompt, str | None]]:
    """Return the prompts of a label field. FiftyOne's coordinates are shares of the image."""
    if labels is None:
        return []
    height, width = size
    prompts: list[tuple[Prompt, str | None]] = []
    if hasattr(labels, "detections"):
        for each in labels.detections:
            x, y, w, h = each.bounding_box
            prompts.append((Prompt.box(x * width, y * height, (x + w) * width, (y + h) * height), each.label))
        return prompts
    if hasattr(labels, "keypoints"):
        for each in labels.keypoints:
            places = np.array(each.points, np.float64).reshape(-1, 2)
            seen = places[np.isfinite(places).all(axis=1)]  # A point that cannot be seen is NaN.
            if len(seen):
                # From the corner of the first pixel. For prompts, its center is at (0, 0).
                prompts.append((Prompt.points(seen * [width, height] - 0.5), each.label))
        return prompts
    raise PromptError(f"prompt_field is a field of Detections or Keypoints, got {type(labels).__name__}")
