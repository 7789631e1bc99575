"""Protocol for exporting a model family: its two graphs, and the reference prediction of the torch model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from ..models.sam.geometry import InputGeometry
from ..models.sam.model import PointPrompts
from .graphs import TracedGraph


@dataclass(frozen=True)
class Prediction:
    """Predicted masks for one prompt.

    Attributes:
        masks: (C, H, W) float32 logits at the image's size.
        low_res: (C, low_res, low_res) float32 logits.
    """

    masks: NDArray[np.float32]
    low_res: NDArray[np.float32]


class ExportLayout(Protocol):
    """A torch model, and the pair of ONNX graphs to export it to."""

    @property
    def variant(self) -> str:
        """Engine variant of backend ``onnx_sam`` that runs the pair."""
        ...

    @property
    def encoder(self) -> TracedGraph:
        """Encoder graph: from a normalized image, its one input, to features."""
        ...

    @property
    def decoder(self) -> TracedGraph:
        """Decoder graph: from features and a prompt to masks and predicted IoUs."""
        ...

    def geometry(self, size: Size) -> InputGeometry:
        """Return how an image of `size` (height, width) is placed in the model input."""
        ...

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, size: Size) -> Mapping[str, NDArray[Any]]:
        """Return the inputs of the decoder graph, for the encoder's outputs and a prompt on an image of `size` (height, width)."""
        ...

    def prediction(self, outputs: Sequence[NDArray[np.float32]], geometry: InputGeometry) -> Prediction:
        """Return the prediction in the outputs of the decoder graph for one prompt."""
        ...

    def descriptions(self) -> Mapping[str, Any]:
        """Return what is written beside the graphs: contents of JSON files by name, for programs that read them."""
        ...

    def encode(self, pixels: NDArray[np.float32]) -> Any:
        """Return the torch model's features of a normalized image, (1, 3, input_size, input_size) float32."""
        ...

    def predict(self, features: Any, prompt: PointPrompts, geometry: InputGeometry) -> Prediction:
        """Return the torch model's prediction, computed with its package's code instead of the exported module."""
        ...
