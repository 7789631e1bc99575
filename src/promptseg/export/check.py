"""Whether an exported pair answers as the torch model that it came from: on the sample photo, with every kind of prompt.

The torch model answers by its package's own code, not by the modules that were exported, so that a mistake in those is found too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from ..models.sam import tokens
from ..models.sam.geometry import PIXEL_MEAN, PIXEL_STD, Geometry
from ..prompts import Prompt, SpatialPrompt
from ..samples import coffee
from .layout import Answer, Layout

# On the sample photo: the coffee, the saucer without the cup, the spoon, the cup. The last is answered again with the mask that it gave.
_PROMPTS: tuple[SpatialPrompt, ...] = (
    Prompt.point(290, 160),
    Prompt.point(130, 270) + Prompt.point(290, 160, foreground=False),
    Prompt.box(322, 62, 430, 330),
    Prompt.box(150, 90, 400, 260),
)

LOGIT_TOLERANCE = 1e-3
"""Largest difference of a float32 pair's logits, as a share of the model's largest logit."""
FLOAT32_IOU = 0.999
"""Least mask IoU of a float32 pair with its model, for every prompt."""
INT8_IOU = 0.9
"""Least mask IoU of an int8 pair with its model, as the mean over the prompts: one prompt may tip from one candidate to another."""


@dataclass(frozen=True)
class Agreement:
    """How far a pair's answers are from those of its torch model.

    Attributes:
        logit_difference: Largest difference of a low-resolution logit.
        largest_logit: Largest absolute value of the torch model's low-resolution logits.
        iou: IoU of the masks at the photo's size, for each prompt.
    """

    logit_difference: float
    largest_logit: float
    iou: tuple[float, ...]

    @property
    def mean_iou(self) -> float:
        """Mean over the prompts."""
        return float(np.mean(self.iou))

    @property
    def worst_iou(self) -> float:
        """Of the prompt on which the two agree least."""
        return min(self.iou)

    def holds(self, *, int8: bool) -> bool:
        """Whether it is as good as a pair of float32 or int8 should be."""
        if int8:
            return math.isfinite(self.logit_difference) and self.mean_iou >= INT8_IOU
        return self.logit_difference <= LOGIT_TOLERANCE * self.largest_logit and self.worst_iou >= FLOAT32_IOU

    def __str__(self) -> str:
        return (
            f"mask IoU {self.mean_iou:.4f} on {len(self.iou)} prompts ({self.worst_iou:.4f} on the worst), logits within "
            f"{self.logit_difference:.1e} where they reach {self.largest_logit:.1f}"
        )


def compare(layout: Layout, encoder: Path, decoder: Path) -> Agreement:
    """Runs a pair in ONNX Runtime on the sample photo and compares it with its torch model.

    Raises:
        BackendError: ONNX Runtime cannot load or run the pair.
    """
    image = coffee()
    geometry = layout.geometry((image.shape[0], image.shape[1]))
    frame = _frame(image, geometry)
    features = layout.encode(frame)
    prompts = [batch for prompt in _PROMPTS for _, batch in tokens.batches([prompt], geometry, most=1)]
    expected = [layout.answer(features, prompt, geometry) for prompt in prompts]
    prompts.append(replace(prompts[-1], mask_logits=expected[-1].low_res[0]))
    expected.append(layout.answer(features, prompts[-1], geometry))
    (encoded,) = _run(encoder, [{"input": frame}])
    answers = _run(decoder, [layout.inputs(encoded, prompt, geometry.size) for prompt in prompts])
    return agreement(expected, [Answer(masks[0], low_res[0]) for masks, _, low_res in answers])


def agreement(expected: Sequence[Answer], found: Sequence[Answer]) -> Agreement:
    """How far answers are from those that were expected, prompt by prompt; NaN agrees with nothing."""
    pairs = list(zip(expected, found, strict=True))
    differences = [np.abs(one.low_res - other.low_res).max() for one, other in pairs]
    return Agreement(
        logit_difference=float(np.max(differences)),
        largest_logit=float(max(np.abs(one.low_res).max() for one, _ in pairs)),
        iou=tuple(_iou(one.masks > 0, other.masks > 0) for one, other in pairs),
    )


def _frame(image: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.float32]:
    resized = geometry.resize(image)
    frame = np.zeros((1, 3, geometry.input_size, geometry.input_size), np.float32)
    normalized = (resized - np.array(PIXEL_MEAN, np.float32)) / np.array(PIXEL_STD, np.float32)
    frame[0, :, : resized.shape[0], : resized.shape[1]] = normalized.transpose(2, 0, 1)
    return frame


def _run(path: Path, inputs: Sequence[Any]) -> list[Any]:
    """A graph's outputs for each of several inputs. The session is gone when this returns, and its memory with it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return [session.run(None, dict(values)) for values in inputs]
    except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
        raise BackendError(f"ONNX Runtime cannot run {path.name}: {error}") from error


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0
