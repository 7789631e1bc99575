"""`Interactor`: clicks and boxes of CVAT's *AI tools*, each answered with a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import IncompatibleStagesError
from ...prompts import Prompt
from ...protocols import Segmenter, Session
from ..pipelines import load_pipeline
from .sdk import auto_annotation, models, points_of


class Interactor:
    """Interaction function: points on the object and beside it, and a box around it, in any mixture.

    An image is encoded when it is first asked about. The agent keeps it for ten minutes after its last click.

    Args:
        segmenter: The segmenter.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter, self._sdk = segmenter, auto_annotation()
        box = 0 if "box" in segmenter.accepts else None
        self.spec = self._sdk.InteractionFunctionSpec(min_pos_points=0, min_neg_points=0, min_bounding_boxes=box)

    @classmethod
    def create(cls, *, model: str | None = None, pipeline: str | None = None, device: str | None = None) -> Interactor:
        """Return the function of a model.

        Args:
            model: Name of the segmenter. Default: ``mini-sam``.
            pipeline: Path of a file that describes a pipeline, whose segmenter is taken.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.

        Raises:
            IncompatibleStagesError: The pipeline has no segmenter.
        """
        auto_annotation()  # If it is missing, this is said before a model is loaded.
        segmenter = load_pipeline(model, None, pipeline, device).segmenter
        if segmenter is None:
            raise IncompatibleStagesError("clicks need a segmenter, and this pipeline has none: add segment: {model: mini-sam} to its file")
        return cls(segmenter)

    def preprocess_image(self, context: Any, image: Any) -> Session:  # noqa: ARG002 - The names are those of the SDK.
        """Return the encoded image.

        Args:
            context: Nothing that is used.
            image: The image, as PIL has it.
        """
        return self._segmenter.open(np.asarray(image.convert("RGB")))

    def detect(self, context: Any, pp_image: Session, prompts: Any) -> list[Any]:  # noqa: ARG002 - The names are those of the SDK.
        """Return the mask of the object, or nothing if no pixel is found or there is no prompt.

        Args:
            context: Nothing that is used.
            pp_image: What `preprocess_image` returned.
            prompts: ``InteractionPrompts``.

        Raises:
            PromptError: A point or box does not fit the image.
        """
        clicks = [(place, True) for place in prompts.pos_points] + [(place, False) for place in prompts.neg_points]
        parts = []
        if prompts.bounding_box is not None:
            corners = np.array(prompts.bounding_box, np.float64)
            parts.append(Prompt.box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
        if clicks:
            parts.append(Prompt.points([place for place, _ in clicks], [on for _, on in clicks]))
        if not parts:
            return []
        (mask,) = pp_image.segment([parts[0] + parts[1] if len(parts) > 1 else parts[0]])
        if not mask.area:
            return []
        attributes = []
        if mask.score is not None:
            confidence = str(min(max(mask.score, 0.0), 1.0))
            number = int(self._sdk.InteractionResultAttributes.CONFIDENCE)
            attributes.append(models().AttributeValRequest(spec_id=number, value=confidence))
        return [self._sdk.InteractionResultShape(type="mask", points=points_of(mask), attributes=attributes)]
