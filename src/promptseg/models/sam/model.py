"""The seam of the SAM family: what a model must offer to the engine. Two methods, `encode` and `decode`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...masks import Size
from ...results import Provenance
from .geometry import Geometry

BACKGROUND, FOREGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING = 0, 1, 2, 3, -1
"""Labels of prompt points, as in SAM's ONNX export: a box is two points, and a prompt without a box ends with one point of padding."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """An encoded image, as a value: it can be cached, saved and shared.

    Attributes:
        features: Arrays that the model's `decode` understands, by name.
        geometry: How the photo lies in the model's frame.
    """

    features: Mapping[str, NDArray[np.float32]]
    geometry: Geometry

    @property
    def nbytes(self) -> int:
        """Bytes of all features."""
        return sum(array.nbytes for array in self.features.values())


@dataclass(frozen=True, eq=False)
class PointPrompts:
    """N prompts of P points each, in the model's frame.

    Attributes:
        points: (N, P, 2) float32 ``(x, y)`` in frame pixels.
        labels: (N, P) int64: the labels above.
        mask_logits: (low_res, low_res) float32 of an earlier mask, for a batch of one, or None.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    mask_logits: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.points)


class Decoded(Protocol):
    """Decoded prompts: every candidate's predicted IoU, and logits of those candidates that are asked for."""

    @property
    def scores(self) -> NDArray[np.float32]:
        """(N, C) predicted IoU of each prompt's C candidates."""
        ...

    def logits(self, prompt: int, candidates: Sequence[int], region: Size | None = None) -> NDArray[np.float32]:
        """Logits of some candidates of one prompt.

        Args:
            prompt: Which of the N prompts.
            candidates: Which of its C candidates.
            region: ``(height, width)`` of the part that is wanted, from the top left; None for all. More may be given.

        Returns:
            (len(candidates), low_res, low_res) float32, or a part from the top left that holds the region.
        """
        ...


@dataclass(frozen=True)
class Stability:
    """When a mask counts as stable: the IoU of what lies over ``+offset`` with what lies over ``-offset`` is at least `threshold`."""

    offset: float
    threshold: float


@dataclass(frozen=True)
class DecoderConfig:
    """What distinguishes the models of the family beside their networks.

    Attributes:
        ambiguous: The candidates for a prompt that may mean several objects (SAM: whole, part and subpart).
        single: The candidate for a prompt that means one object, or None where the model has none.
        stability: Where `single` is less stable than this, the best of `ambiguous` answers in its place (SAM 2), or None.
        pads_boxes: Whether a prompt with a box ends with a point of padding as one without it does (SAM 2).
        pred_iou_thresh: Everything mode: the least predicted IoU, where the prompt says none.
        logit_limit: Logits that are given out for refining lie between plus and minus this.
        takes_masks: Whether the decoder takes a mask as a prompt.
    """

    ambiguous: tuple[int, ...] = (1, 2, 3)
    single: int | None = 0
    stability: Stability | None = None
    pads_boxes: bool = False
    pred_iou_thresh: float = 0.88
    logit_limit: float = float("inf")
    takes_masks: bool = True


class SamModel(Protocol):
    """A model of the SAM family. Its methods may be called from several threads at once."""

    @property
    def provenance(self) -> Provenance:
        """Which model this is."""
        ...

    @property
    def decoder_config(self) -> DecoderConfig:
        """The layout of `Decoded.scores`, and what else differs from model to model."""
        ...

    @property
    def decode_batch(self) -> int:
        """How many prompts to decode at once: more is not faster on a CPU."""
        ...

    @property
    def workers(self) -> int:
        """How many threads should decode at the same time when there are many prompts."""
        ...

    def geometry(self, size: Size) -> Geometry:
        """How photos of a size lie in the model's frame."""
        ...

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encodes (H, W, 3) uint8 RGB images of any sizes."""
        ...

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> Decoded:
        """Decodes prompts on one image; with `one_thread` on the calling thread alone, because others decode at the same time."""
        ...
