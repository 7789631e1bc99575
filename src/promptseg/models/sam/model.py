"""`SamModel`: the interface between the SAM engine and the code that runs a model, in ONNX Runtime or torch.

The engine is everything that models of the SAM family share: sessions, everything mode, the embedding cache and the selection of masks. A
`SamModel` encodes images and decodes point prompts. This module contains no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...masks import Size
from ...results import Provenance
from .geometry import InputGeometry
from .mask_batch import MaskBatch, Pairs, Stability

BACKGROUND, FOREGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING = 0, 1, 2, 3, -1
"""Labels of prompt points, as in SAM's ONNX export. A box is two points. A prompt without a box ends with one padding point."""

MAX_DECODE_BATCH = 4096
"""Maximum number of prompts in one batch. A full grid of points has 1024; a batch of these takes gigabytes."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """An encoded image. It is an immutable value that can be cached, saved and shared.

    Attributes:
        features: Arrays that the model's `decode` takes, by name.
        geometry: Position of the image inside the model input.
    """

    features: Mapping[str, NDArray[np.float32]]
    geometry: InputGeometry

    @property
    def nbytes(self) -> int:
        """Number of bytes of all features."""
        return sum(array.nbytes for array in self.features.values())


@dataclass(frozen=True, eq=False)
class PointPrompts:
    """A batch of N prompts of P points each.

    Attributes:
        points: (N, P, 2) float32 ``(x, y)`` in pixels of the model input.
        labels: (N, P) int64: `BACKGROUND`, `FOREGROUND`, `BOX_TOP_LEFT`, `BOX_BOTTOM_RIGHT` or `PADDING`.
        mask_logits: (low_res, low_res) float32 logits of an earlier mask, or None. Only for a batch of one prompt.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    mask_logits: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.points)


class Decoded(Protocol):
    """Decoded prompts: the predicted IoU of every candidate mask, and masks of candidates on request."""

    @property
    def scores(self) -> NDArray[np.float32]:
        """Predicted IoU of the C candidates of each prompt, (N, C) float32."""
        ...

    def masks(self, pairs: Pairs, geometry: InputGeometry) -> MaskBatch:
        """Return the masks of some candidates, which are computed now.

        Args:
            pairs: Indices of prompts, 0 to N - 1, and of their candidates, 0 to C - 1.
            geometry: Position of the image inside the model input.
        """
        ...


@dataclass(frozen=True)
class DecoderConfig:
    """Configuration of a decoder: how its candidates are used, and further differences between models of the family.

    Attributes:
        multimask_indices: Indices of the candidates for an ambiguous prompt (SAM: whole, part and subpart). They are the masks that
            segment-anything returns with ``multimask_output=True``.
        single_mask_index: Index of the candidate for a prompt that means one object (``multimask_output=False``), or None if the model
            has none.
        stability: Stability that the mask at `single_mask_index` must have; otherwise the best of those at `multimask_indices` replaces it
            (SAM 2). None for no such rule.
        pads_boxes: Whether a prompt with a box ends with a padding point, like a prompt without a box (SAM 2).
        pred_iou_thresh: Default threshold of the predicted IoU in everything mode.
        logit_limit: Returned logits are clipped to plus and minus this value.
        takes_masks: Whether the decoder takes a mask as a prompt.
        one_mask_a_point: Whether everything mode takes only the best of the candidates of each point (SAM-HQ), not all of them.
        takes_boxes: Whether the decoder takes a box as a prompt.
    """

    multimask_indices: tuple[int, ...] = (1, 2, 3)
    single_mask_index: int | None = 0
    stability: Stability | None = None
    pads_boxes: bool = False
    pred_iou_thresh: float = 0.88
    logit_limit: float = float("inf")
    takes_masks: bool = True
    one_mask_a_point: bool = False
    takes_boxes: bool = True


class SamModel(Protocol):
    """A model of the SAM family. Its methods may be called from several threads at once."""

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype and weights of the model."""
        ...

    @property
    def decoder_config(self) -> DecoderConfig:
        """Configuration of the decoder, such as the meaning of the candidates in `Decoded.scores`."""
        ...

    @property
    def decode_batch(self) -> int:
        """Number of prompts to decode in one batch. Larger batches are not faster on a CPU."""
        ...

    @property
    def workers(self) -> int:
        """Number of threads that should decode at the same time when there are many prompts."""
        ...

    def geometry(self, size: Size) -> InputGeometry:
        """Return the position of images of a size ``(height, width)`` inside the model input."""
        ...

    def kept_bytes(self, embedding: Embedding) -> int:
        """Return the number of bytes that the model keeps beside an embedding now: what decoding computes once for each image."""
        ...

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of (H, W, 3) uint8 RGB images of any sizes."""
        ...

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> Decoded:
        """Decode prompts on one image.

        Args:
            embedding: The encoded image.
            prompts: The prompts.
            one_thread: Compute only on the calling thread, because other threads decode at the same time.
        """
        ...
