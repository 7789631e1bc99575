"""`OnnxSam2`: SAM 2 for images, from a published pair of ONNX files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....masks import Size
from ....results import Provenance
from ....runtime.onnx import Runtime
from ..geometry import InputGeometry, StretchToSquare
from ..mask_batch import DecodedMasks, Stability
from ..model import FOREGROUND, DecoderConfig, Embedding, PointPrompts
from .encoder import Encoder
from .layouts import HAS_MASK, LABELS, MASK, POINTS, Pair
from .original_decoder import OriginalDecoder, without_padding


class OnnxSam2:
    """Model from a pair of files in layout ``sam2``, of any grid size; a `promptseg.models.sam.model.SamModel`.

    Decoders of sam-cpp-macos give four masks, of which the first is for prompts that mean one object. Decoders of samexporter give only the
    other three. The decoder appends a padding point to every prompt, with a box or without, as SAM 2 does.

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
        self._features = tuple(pair.features)
        self._encoder = Encoder(pair, runtime, encoder)
        self.provenance = replace(provenance, dtype=self._encoder.dtype or provenance.dtype)
        trial = self._inputs(pair.zero_features, np.zeros((1, 2), np.float32), np.array([FOREGROUND]), None)
        self._decoder = OriginalDecoder(pair, runtime, trial)
        self.decoder_config = _decoder_config(self._decoder.candidates)

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: they are stretched to the whole model input."""
        return StretchToSquare(size, self._input_size, self._low_res)

    def kept_bytes(self, embedding: Embedding) -> int:  # noqa: ARG002 - Other models keep something.
        """Return 0: nothing is kept beside an embedding."""
        return 0

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of images, encoded one by one because the encoder takes a single image."""
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        features = [self._encoder(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
        return [
            Embedding(dict(zip(self._features, maps, strict=True)), geometry) for maps, geometry in zip(features, geometries, strict=True)
        ]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> DecodedMasks:
        """Return decoded prompts, decoded one by one."""
        inputs = (self._inputs(embedding.features, *prompt, prompts.mask_logits) for prompt in without_padding(prompts))
        return self._decoder(inputs, one_thread=one_thread)

    def _inputs(
        self,
        features: Mapping[str, NDArray[np.float32]],
        points: NDArray[np.float32],
        labels: NDArray[np.int64],
        mask_logits: NDArray[np.float32] | None,
    ) -> dict[str, NDArray[Any]]:
        mask = np.zeros((self._low_res, self._low_res), np.float32) if mask_logits is None else mask_logits
        has_mask = np.array([mask_logits is not None])
        return {**features, POINTS: points[None], LABELS: labels[None], MASK: mask[None, None], HAS_MASK: has_mask}


def _decoder_config(candidates: int) -> DecoderConfig:
    whole = candidates == 4
    return DecoderConfig(
        multimask_indices=(1, 2, 3) if whole else tuple(range(candidates)),
        single_mask_index=0 if whole else None,
        stability=Stability(0.05, 0.98) if whole else None,
        pred_iou_thresh=0.8,
        logit_limit=32.0,
    )
