"""What an exporter must know of a family of models: its two graphs, and how the torch model itself answers a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from ..models.sam.geometry import Geometry
from ..models.sam.model import PointPrompts
from .graphs import TracedGraph


@dataclass(frozen=True)
class Answer:
    """What a model says to one prompt.

    Attributes:
        masks: (C, H, W) float32 logits at the photo's size.
        low_res: (C, low_res, low_res) float32 logits.
    """

    masks: NDArray[np.float32]
    low_res: NDArray[np.float32]


class Layout(Protocol):
    """A torch model and the ONNX pair that it becomes."""

    @property
    def variant(self) -> str:
        """What backend ``onnx_sam`` calls the pair."""
        ...

    @property
    def encoder(self) -> TracedGraph:
        """From a normalized frame, named ``input``, to features."""
        ...

    @property
    def decoder(self) -> TracedGraph:
        """From features and a prompt to ``masks``, ``iou_predictions`` and ``low_res_masks``."""
        ...

    def geometry(self, size: Size) -> Geometry:
        """How photos of a size lie in the model's frame."""
        ...

    def inputs(self, features: Sequence[NDArray[np.float32]], prompt: PointPrompts, size: Size) -> Mapping[str, NDArray[Any]]:
        """What the decoder's graph is given: the encoder's outputs and a prompt on a photo of `size` (height, width)."""
        ...

    def encode(self, frame: NDArray[np.float32]) -> Any:
        """The torch model's own features of a (1, 3, frame, frame) normalized photo."""
        ...

    def answer(self, features: Any, prompt: PointPrompts, geometry: Geometry) -> Answer:
        """The torch model's own answer, by the package's code and not by the module that is exported."""
        ...
