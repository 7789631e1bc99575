"""Comparison of an exported pair with its torch model, on the sample image with every kind of prompt.

The torch model predicts with its package's own code, not with the modules that were exported. So mistakes in those modules are found, too.
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
from ..models.sam.geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry
from ..models.sam.prompt_batches import batch_prompts
from ..prompts import Prompt, SpatialPrompt
from ..samples import coffee
from .layout import ExportLayout, Prediction

# On the sample image: the coffee, the saucer without the cup, the spoon, the cup. The last prompt is repeated with its own mask added.
_PROMPTS: tuple[SpatialPrompt, ...] = (
    Prompt.point(290, 160),
    Prompt.point(130, 270) + Prompt.point(290, 160, foreground=False),
    Prompt.box(322, 62, 430, 330),
    Prompt.box(150, 90, 400, 260),
)

LOGIT_TOLERANCE = 1e-3
"""Maximum difference of a float32 pair's logits, as a share of the model's largest logit."""
FLOAT32_IOU = 0.999
"""Minimum mask IoU of a float32 pair with its model, for each prompt."""
INT8_IOU = 0.9
"""Minimum mask IoU of an int8 pair with its model, as the mean over the prompts. A single prompt may switch to another candidate mask."""


@dataclass(frozen=True)
class ExportAgreement:
    """Agreement of a pair's predictions with those of its torch model.

    Attributes:
        logit_difference: Largest difference of a low-resolution logit.
        largest_logit: Largest absolute value of the torch model's low-resolution logits.
        iou: IoU of the masks at the image's size, for each prompt.
    """

    logit_difference: float
    largest_logit: float
    iou: tuple[float, ...]

    @property
    def mean_iou(self) -> float:
        """Mean mask IoU over the prompts."""
        return float(np.mean(self.iou))

    @property
    def worst_iou(self) -> float:
        """Lowest mask IoU over the prompts."""
        return min(self.iou)

    def holds(self, *, int8: bool) -> bool:
        """Return whether the pair agrees as well as a float32 pair, or an int8 pair, should."""
        if int8:
            return math.isfinite(self.logit_difference) and self.mean_iou >= INT8_IOU
        return self.logit_difference <= LOGIT_TOLERANCE * self.largest_logit and self.worst_iou >= FLOAT32_IOU

    def __str__(self) -> str:
        return (
            f"mask IoU {self.mean_iou:.4f} on {len(self.iou)} prompts ({self.worst_iou:.4f} on the worst), logits within "
            f"{self.logit_difference:.1e} where they reach {self.largest_logit:.1f}"
        )


def compare(layout: ExportLayout, encoder: Path, decoder: Path) -> ExportAgreement:
    """Run a pair in ONNX Runtime on the sample image and compare it with its torch model.

    Raises:
        BackendError: ONNX Runtime cannot load or run the pair.
    """
    image = coffee()
    geometry = layout.geometry((image.shape[0], image.shape[1]))
    pixels = _normalized(image, geometry)
    features = layout.encode(pixels)
    prompts = [batch for prompt in _PROMPTS for _, batch in batch_prompts([prompt], geometry, max_prompts=1)]
    expected = [layout.predict(features, prompt, geometry) for prompt in prompts]
    prompts.append(replace(prompts[-1], mask_logits=expected[-1].low_res[0]))
    expected.append(layout.predict(features, prompts[-1], geometry))
    (pixel_input,) = layout.encoder.inputs
    (encoded,) = _run(encoder, [{pixel_input: pixels}])
    outputs = _run(decoder, [layout.inputs(encoded, prompt, geometry.size) for prompt in prompts])
    return agreement(expected, [layout.prediction(each, geometry) for each in outputs])


def agreement(expected: Sequence[Prediction], found: Sequence[Prediction]) -> ExportAgreement:
    """Return how well predictions agree with the expected ones, prompt by prompt. NaN agrees with nothing."""
    pairs = list(zip(expected, found, strict=True))
    differences = [np.abs(one.low_res - other.low_res).max() for one, other in pairs]
    return ExportAgreement(
        logit_difference=float(np.max(differences)),
        largest_logit=float(max(np.abs(one.low_res).max() for one, _ in pairs)),
        iou=tuple(_iou(one.masks > 0, other.masks > 0) for one, other in pairs),
    )


def _normalized(image: NDArray[np.uint8], geometry: InputGeometry) -> NDArray[np.float32]:
    """Return the model input for an image: resized, normalized and padded, (1, 3, H, W) float32."""
    resized = geometry.resize(image)
    pixels = np.zeros((1, 3, geometry.input_size, geometry.input_size), np.float32)
    normalized = (resized - np.array(PIXEL_MEAN, np.float32)) / np.array(PIXEL_STD, np.float32)
    pixels[0, :, : resized.shape[0], : resized.shape[1]] = normalized.transpose(2, 0, 1)
    return pixels


def _run(path: Path, inputs: Sequence[Any]) -> list[Any]:
    """Return a graph's outputs for each of several inputs. The session and its memory are freed when this returns."""
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
