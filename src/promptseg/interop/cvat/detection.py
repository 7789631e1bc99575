"""`Detector`: objects of phrases or classes for CVAT's *Automatic annotation*, as masks, polygons or rectangles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ..._checks import between, flag
from ...datasets.polygons import keyholed, outlines
from ...datasets.simplification import simplified
from ...errors import ConfigError, shown
from ...masks import Mask, Masks
from ...pipeline.runner import BuiltPipeline
from ...prompts import Prompt, TextPrompt
from ...results import known_classes
from ...vocabulary import split_phrases
from ..pipelines import load_pipeline
from .sdk import auto_annotation, models, points_of

Shape = Literal["mask", "polygon", "rectangle"]
"""Shapes that CVAT can hold of an object."""

_SCORE = 0
"""Number of the attribute that has the score."""


class Detector:
    """Detection function. Its labels are the phrases, or else the classes of the detector.

    Args:
        pipeline: The pipeline, with a detector or with a concept segmenter that reads words.
        text: Phrases, separated by commas. Default: every class of a detector with a fixed list of classes.
        shape: What an object becomes. Masks become polygons where CVAT asks for that.
        tolerance: Distance in pixels by which polygons may be simplified.
        score: Whether labels have a text attribute ``score``. The labels of the task then need it, too.

    Raises:
        ConfigError: There is nothing to look for, or a parameter is out of its range.
    """

    def __init__(
        self, pipeline: BuiltPipeline, text: str | None = None, shape: Shape = "mask", tolerance: float = 0.0, score: bool = False
    ) -> None:
        if shape not in ("mask", "polygon", "rectangle"):
            raise ConfigError(f"shape is 'mask', 'polygon' or 'rectangle', got {shown(shape)}")
        self._tolerance, self._score = between("tolerance", tolerance, 0, _FARTHEST, ConfigError), flag("score", score, ConfigError)
        self._prompts: tuple[TextPrompt, ...] = () if text is None else (Prompt.text(*split_phrases(text)),)
        if not self._prompts and pipeline.detector is None:
            raise ConfigError("a detector function needs phrases, such as text='cat, dog', or a detector with a fixed list of classes")
        labels = known_classes(self._prompts, pipeline.models)
        if not labels:
            raise ConfigError("this detector finds what phrases name: give them, such as text='cat, dog'")
        self._pipeline, self._shape, self._sdk = pipeline, shape, auto_annotation()
        self._numbers = {label: number for number, label in enumerate(labels)}
        attributes = [self._sdk.text_attribute_spec("score", _SCORE)] if self._score else []
        self.spec = self._sdk.DetectionFunctionSpec(
            labels=[self._sdk.label_spec(label, number, type=shape, attributes=attributes) for label, number in self._numbers.items()]
        )

    @classmethod
    def create(
        cls,
        *,
        text: str | None = None,
        detector: str | None = None,
        model: str | None = None,
        pipeline: str | None = None,
        device: str | None = None,
        shape: Shape = "mask",
        tolerance: float = 0.0,
        score: bool = False,
    ) -> Detector:
        """Return the function of a pipeline.

        Args:
            text: Phrases, separated by commas.
            detector: Name of the detector.
            model: Name of the segmenter. Default: ``mini-sam``.
            pipeline: Path of a file that describes the pipeline, in place of `detector` and `model`.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
            shape: As for the class, and so are the others.
            tolerance: As for the class.
            score: As for the class.
        """
        auto_annotation()
        return cls(load_pipeline(model, detector, pipeline, device), text, shape, tolerance, score)

    def detect(self, context: Any, image: Any) -> list[Any]:
        """Return the objects of an image.

        Args:
            context: ``DetectionFunctionContext``. Its threshold, if there is one, takes the place of the pipeline's own.
            image: The image, as PIL has it.
        """
        least = context.conf_threshold
        masks = _with_threshold(self._pipeline, least)(np.asarray(image.convert("RGB")), *self._prompts).masks
        kept: Masks = masks.where([mask.area > 0 and (least is None or mask.score is None or mask.score >= least) for mask in masks])
        shape = "polygon" if self._shape == "mask" and context.conv_mask_to_poly else self._shape
        annotations: list[Any] = []
        for group, mask in enumerate(kept, 1):
            annotations += self._shapes(mask, shape, group)
        return annotations

    def _shapes(self, mask: Mask, shape: Shape, group: int) -> list[Any]:
        """Return one object. Several polygons of one object share a group."""
        number = self._numbers.get(mask.label or "")
        if number is None:  # A detector may find classes that it does not list.
            return []
        attributes = []
        if self._score and mask.score is not None:
            attributes = [models().AttributeValRequest(spec_id=_SCORE, value=f"{mask.score:.4f}")]
        if shape == "mask":
            return [self._sdk.mask(number, points_of(mask), attributes=attributes)]
        if shape == "rectangle":
            return [self._sdk.rectangle(number, mask.box.tolist(), attributes=attributes)]
        rings = [keyholed(part).ravel().tolist() for part in simplified(outlines(mask), self._tolerance)]
        return [self._sdk.polygon(number, ring, attributes=list(attributes), group=group if len(rings) > 1 else 0) for ring in rings]


_FARTHEST = 1000.0
"""Most pixels by which a polygon may be simplified."""


def _with_threshold(pipeline: BuiltPipeline, least: float | None) -> BuiltPipeline:
    """Return a pipeline whose detections need at least a score, in place of its own thresholds."""
    stage = pipeline.config.detect
    if least is None or stage is None:
        return pipeline
    stage = stage.model_copy(update={"threshold": float(least), "thresholds": {}})
    return replace(pipeline, config=pipeline.config.model_copy(update={"detect": stage}))
