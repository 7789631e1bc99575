"""From an answer of SAM 3 to masks: threshold, duplicates, order and number, which upstream leaves to its users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...._checks import between, whole_number
from ....errors import ConfigError, shown
from ....masks import Mask, Masks, Size
from ....postprocess import nms
from ....protocols import ConceptMasks
from ...sam.geometry import InputGeometry
from ...sam.mask_batch import Place
from .canvas import PartOfInput
from .model import Answer, Sam3

MAX_INSTANCES = 1000
"""Maximum of option ``max_instances``. The published models have 200 queries."""


@dataclass(frozen=True)
class InstanceSettings:
    """Which of the model's queries become instances.

    Attributes:
        threshold: Score that an instance exceeds.
        nms: IoU above which the worse of two instances is a duplicate; None keeps all.
        nms_by: Whether masks or boxes are compared.
        max_instances: Maximum number of instances of a concept. The best are kept.
    """

    threshold: float = 0.5
    nms: float | None = 0.5
    nms_by: Literal["mask", "box"] = "mask"
    max_instances: int = 200

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> InstanceSettings:
        """Return the settings for the options of a load request.

        Raises:
            ConfigError: An option has an invalid value.
        """
        by = options["nms_by"]
        if by not in ("mask", "box"):
            raise ConfigError(f"option nms_by is 'mask' or 'box', got {shown(by)}")
        return cls(
            between("option threshold", options["threshold"]),
            None if options["nms"] is None else between("option nms", options["nms"]),
            by,
            whole_number("option max_instances", options["max_instances"], 1, most=MAX_INSTANCES),
        )


def instances(model: Sam3, answer: Answer, geometry: InputGeometry, settings: InstanceSettings, label: str | None) -> ConceptMasks:
    """Return the instances of an answer, best first.

    On a canvas, the instances of the example images are left out. The presence is then the best score in the searched image: that the whole
    canvas shows an instance is certain.

    Args:
        model: The model that answered.
        answer: Its answer.
        geometry: Position of the image inside the model input.
        settings: Which queries become instances.
        label: Label of the masks.
    """
    shown_here = _centers_within(answer.boxes, geometry)
    presence = answer.presence
    if isinstance(geometry, PartOfInput):
        presence = float(answer.scores[shown_here].max(initial=0.0))
    order = np.argsort(-answer.scores, kind="stable")
    kept = order[((answer.scores > settings.threshold) & shown_here)[order]]
    masks = _masks(model, answer, kept.tolist(), geometry, label)
    return ConceptMasks(_distinct(masks, settings), min(max(presence, 0.0), 1.0))


def joined(found: Sequence[ConceptMasks], settings: InstanceSettings) -> ConceptMasks:
    """Return what was found for the alternatives of one phrase as one: all instances without duplicates, and the highest presence."""
    if len(found) == 1:
        return found[0]
    size: Size = found[0].masks.size
    masks = sorted((mask for one in found for mask in one.masks), key=lambda mask: -(mask.score or 0.0))
    return ConceptMasks(_distinct(Masks(masks, size), settings), max(one.presence for one in found))


def _masks(model: Sam3, answer: Answer, queries: Sequence[int], geometry: InputGeometry, label: str | None) -> Masks:
    if not queries:
        return Masks([], geometry.size)
    counts = model.masks(answer, queries, geometry).run_lengths(Place((0, 0), geometry.size))
    masks = [Mask(geometry.size, runs, float(answer.scores[query]), label) for query, runs in zip(queries, counts, strict=True)]
    return Masks([mask for mask in masks if mask.area], geometry.size)


def _distinct(masks: Masks, settings: InstanceSettings) -> Masks:
    if settings.nms is not None:
        masks = nms(masks, settings.nms, by=settings.nms_by, per_label=False)
    return masks[: settings.max_instances]


def _centers_within(boxes: NDArray[np.float32], geometry: InputGeometry) -> NDArray[np.bool_]:
    """Return which boxes, in parts of the model input, have their centers in the part that shows the image."""
    height, width = geometry.content_size
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 * geometry.input_size
    return np.asarray((centers <= np.array([width, height])).all(axis=1))
