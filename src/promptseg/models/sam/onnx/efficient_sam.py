"""`OnnxEfficientSam`: EfficientSAM (Xiong et al., "EfficientSAM", 2023), from its published pair of ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import PromptError
from ....masks import Size
from ....results import Provenance
from ....runtime.onnx import Runtime
from ..geometry import InputGeometry, StretchToSquare
from ..mask_batch import DecodedMasks
from ..model import BACKGROUND, FOREGROUND, DecoderConfig, Embedding, PointPrompts
from .encoder import load_encoder_of_any_size
from .layouts import BATCHED_LABELS, BATCHED_POINTS, IMAGE_SIZE, Pair
from .original_decoder import OriginalDecoder, without_padding

MAX_POINTS = 6
"""Maximum number of points of a prompt, including the two corners of a box. The decoder itself ignores further points silently."""


class OnnxEfficientSam:
    """Model from a pair of files in layout ``efficient-sam``, of any grid size; a `promptseg.models.sam.model.SamModel`.

    The encoder takes the image at its original size and stretches it to the input size itself. The decoder gives three masks, unsorted. It
    was not trained on background points and takes no earlier mask. Masks are upsampled bilinearly in one step from logits to image size, as
    in the published graph (EfficientSAM's own code uses bicubic interpolation).

    Args:
        pair: The encoder and the decoder.
        provenance: Provenance of the model. Its number type becomes that of the encoder's weights, unless `encoder` is given.
        runtime: ONNX Runtime with its device and threads.
        encoder: Serialized graph to run in place of the encoder's file, or None.

    Raises:
        WeightsMismatchError: The files are not a pair in this layout.
    """

    decode_batch = 1

    def __init__(self, pair: Pair, provenance: Provenance, runtime: Runtime, encoder: bytes | None = None) -> None:
        self.workers = runtime.workers
        self._input_size, self._low_res = pair.input_size, pair.low_res
        self._encoder = load_encoder_of_any_size(pair, runtime, encoder)
        self.provenance = replace(provenance, dtype=self._encoder.dtype or provenance.dtype)
        ((self._feature, zeros),) = pair.zero_features.items()
        trial = self._inputs(zeros, np.zeros((1, 2), np.float32), np.array([FOREGROUND]))
        self._decoder = OriginalDecoder(pair, runtime, trial)
        # Everything mode in the authors' example keeps masks with a predicted IoU over 0.7.
        candidates = tuple(range(self._decoder.candidates))
        self.decoder_config = DecoderConfig(multimask_indices=candidates, single_mask_index=None, pred_iou_thresh=0.7, takes_masks=False)

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: they are stretched to the whole model input."""
        return StretchToSquare(size, self._input_size, self._low_res)

    def kept_bytes(self, embedding: Embedding) -> int:  # noqa: ARG002 - Other models keep something.
        """Return 0: nothing is kept beside an embedding."""
        return 0

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of images, encoded one by one because their sizes may differ."""
        return [Embedding({"embedding": self._encode(image)}, self.geometry((image.shape[0], image.shape[1]))) for image in images]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> DecodedMasks:
        """Return decoded prompts, decoded one by one.

        Raises:
            PromptError: A prompt has an earlier mask, a background point or more than `MAX_POINTS` points.
        """
        _check(prompts)
        inputs = (self._inputs(embedding.features["embedding"], *prompt) for prompt in without_padding(prompts))
        return self._decoder(inputs, one_thread=one_thread)

    def _encode(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        unit = np.empty((1, 3, *image.shape[:2]), np.float32)
        np.divide(image.transpose(2, 0, 1), np.float32(255), out=unit[0])
        (name,) = self._encoder.inputs
        embedding: NDArray[np.float32] = self._encoder({name: unit})[0].numpy()
        return embedding

    def _inputs(self, embedding: NDArray[np.float32], points: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        # The decoder scales points from IMAGE_SIZE to the input size. They are scaled already, so IMAGE_SIZE is the input size.
        size = np.array([self._input_size, self._input_size])
        return {self._feature: embedding, BATCHED_POINTS: points[None, None], BATCHED_LABELS: labels[None, None], IMAGE_SIZE: size}


def _check(prompts: PointPrompts) -> None:
    if prompts.mask_logits is not None:
        raise PromptError("EfficientSAM takes no earlier mask: give a point, several points or a box")
    for points, labels in without_padding(prompts):
        if BACKGROUND in labels:
            raise PromptError("EfficientSAM does not know background points: give foreground points or a box")
        if len(points) > MAX_POINTS:
            raise PromptError(
                f"EfficientSAM takes at most {MAX_POINTS} points a prompt, the two corners of a box among them; this one has {len(points)}"
            )
