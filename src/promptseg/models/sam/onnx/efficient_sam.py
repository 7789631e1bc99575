"""`OnnxEfficientSam`: EfficientSAM (Xiong et al., "EfficientSAM", 2023) as its published pair of ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import PromptError
from ....masks import Size
from ....results import Provenance
from ....runtime.onnx import Runtime
from ..geometry import Geometry, Square
from ..model import BACKGROUND, FOREGROUND, DecoderConfig, Embedding, PointPrompts
from .encoder import load_encoder
from .layouts import BATCHED_LABELS, BATCHED_POINTS, IMAGE_SIZE, Pair
from .published import DecodedMasks, PublishedDecoder, without_padding

MOST_POINTS = 6
"""Points of a prompt, the corners of a box among them, that the decoder reads; it drops further ones without a word."""


class OnnxEfficientSam:
    """A pair in layout ``efficient-sam``, of any grid; a `promptseg.models.sam.model.SamModel`.

    The encoder takes the photo at its own size and stretches it to the frame itself. The decoder gives three masks, unsorted; it was not
    trained on background points, and takes no earlier mask. Masks are enlarged bilinearly in one step from the logits to the photo, as in
    the published graph (EfficientSAM's own code does it bicubically).

    Args:
        pair: Its files.
        provenance: Which model it is.
        runtime: Where to run.

    Raises:
        WeightsMismatchError: The files are not such a pair.
    """

    decode_batch = 1

    def __init__(self, pair: Pair, provenance: Provenance, runtime: Runtime) -> None:
        self.provenance = provenance
        self.workers = runtime.workers
        self._input_size, self._low_res = pair.input_size, pair.low_res
        self._encoder = load_encoder(pair, runtime, None)
        ((self._feature, zeros),) = pair.zero_features.items()
        trial = self._inputs(zeros, np.zeros((1, 2), np.float32), np.array([FOREGROUND]))
        self._decoder = PublishedDecoder(pair, runtime, trial)
        # The authors' example keeps masks over this predicted IoU in everything mode.
        candidates = tuple(range(self._decoder.candidates))
        self.decoder_config = DecoderConfig(ambiguous=candidates, single=None, pred_iou_thresh=0.7, takes_masks=False)

    def geometry(self, size: Size) -> Geometry:
        """The photo is stretched to the frame."""
        return Square(size, self._input_size, self._low_res)

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encodes images one by one: they are of different sizes."""
        return [Embedding({"embedding": self._encode(image)}, self.geometry((image.shape[0], image.shape[1]))) for image in images]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> DecodedMasks:
        """Decodes prompts one by one.

        Raises:
            PromptError: A prompt has an earlier mask, a background point or too many points.
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
        # The points are in frame pixels already: for a photo of the frame's size the decoder leaves them as they are.
        size = np.array([self._input_size, self._input_size])
        return {self._feature: embedding, BATCHED_POINTS: points[None, None], BATCHED_LABELS: labels[None, None], IMAGE_SIZE: size}


def _check(prompts: PointPrompts) -> None:
    if prompts.mask_logits is not None:
        raise PromptError("EfficientSAM takes no earlier mask: give a point, several points or a box")
    for points, labels in without_padding(prompts):
        if BACKGROUND in labels:
            raise PromptError("EfficientSAM does not know background points: give foreground points or a box")
        if len(points) > MOST_POINTS:
            raise PromptError(
                f"EfficientSAM takes at most {MOST_POINTS} points a prompt, the two corners of a box among them; this one has {len(points)}"
            )
