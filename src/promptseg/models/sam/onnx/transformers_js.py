"""`OnnxTransformersJs`: SAM, SlimSAM, SAM 2.1, EdgeTAM and the tracker of SAM 3, from a pair of files as transformers.js reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....masks import Size
from ....results import Provenance
from ....runtime.onnx import Runtime
from ..device_features import DeviceFeatures, where_it_is
from ..geometry import InputGeometry
from ..mask_batch import DecodedMasks, Stability
from ..model import DecoderConfig, Embedding, PointPrompts
from .encoder import Encoder
from .layouts import POSITIONS, Pair
from .prompt_decoder import PromptDecoder


class OnnxTransformersJs:
    """Model from a pair of files in layout ``transformers-js``, of any grid size and precision; a `promptseg.models.sam.model.SamModel`.

    Args:
        pair: The encoder and the decoder.
        provenance: Provenance of the model. Its number type becomes that of the encoder's weights, unless `encoder` is given.
        runtime: ONNX Runtime with its device and threads.
        decode_batch: Number of prompts to decode in one batch, if the decoder gives the same for several at once.
        encoder: Serialized graph to run in place of the encoder's file, or None.
        preprocessor: File ``preprocessor_config.json``, or None for the known values of the layout.

    Raises:
        WeightsMismatchError: The files are not a pair in this layout.
    """

    def __init__(
        self,
        pair: Pair,
        provenance: Provenance,
        runtime: Runtime,
        decode_batch: int,
        encoder: bytes | None = None,
        preprocessor: Path | None = None,
    ) -> None:
        self.workers = runtime.workers
        self._low_res = pair.low_res
        self._keeps_features = runtime.device != "cpu"
        self._encoder = Encoder(pair, runtime, encoder, preprocessor)
        self.provenance = replace(provenance, dtype=self._encoder.dtype or provenance.dtype)
        self._decoder = PromptDecoder(pair, runtime)
        self.decode_batch = decode_batch if self._decoder.batches else 1
        self._names = names = list(pair.features)
        # Positions of the image tokens are the same for every image: they are no part of an embedding.
        self._positions: Any = None
        self._features = [name for name in names if name != POSITIONS]
        self.decoder_config = _decoder_config(self._decoder, sam2=POSITIONS not in names)

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size."""
        return self._encoder.preprocessing.geometry(size, self._low_res)

    def kept_bytes(self, embedding: Embedding) -> int:  # noqa: ARG002 - Other models keep something.
        """Return 0: nothing is kept beside an embedding."""
        return 0

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of images, encoded one by one because a batch is not faster on a CPU. They stay on another device."""
        return [self._encode(image, self.geometry((image.shape[0], image.shape[1]))) for image in images]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> DecodedMasks:
        """Return decoded prompts.

        Raises:
            PromptError: The decoder takes no boxes or no earlier mask, and a prompt has one.
        """
        features = {name: where_it_is(embedding.features, name) for name in self._features}
        if POSITIONS in self._names:
            features[POSITIONS] = self._known_positions()
        return self._decoder(features, prompts, one_thread=one_thread)

    def _known_positions(self) -> Any:
        """Return the positions of the image tokens. The encoder gives them with each image; before the first it runs for them alone."""
        if self._positions is None:
            self._positions = self._encoder.of_nothing()[self._names.index(POSITIONS)]
        return self._positions

    def _encode(self, image: NDArray[np.uint8], geometry: InputGeometry) -> Embedding:
        values = dict(zip(self._names, self._encoder.values(image, geometry), strict=True))
        self._positions = values.get(POSITIONS, self._positions)
        own = {name: values[name] for name in self._features}
        features: Mapping[str, NDArray[np.float32]] = (
            DeviceFeatures(own, _as_array) if self._keeps_features else {name: _as_array(value) for name, value in own.items()}
        )
        return Embedding(features, geometry)


def _as_array(value: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = value.numpy().astype(np.float32, copy=False)
    return array


def _decoder_config(decoder: PromptDecoder, *, sam2: bool) -> DecoderConfig:
    whole = decoder.candidates == 4
    return DecoderConfig(
        multimask_indices=(1, 2, 3) if whole else tuple(range(decoder.candidates)),
        single_mask_index=0 if whole else None,
        stability=Stability(0.05, 0.98) if whole and sam2 else None,
        pads_boxes=sam2,
        pred_iou_thresh=0.8 if sam2 else 0.88,
        logit_limit=32.0 if sam2 else float("inf"),
        takes_masks=decoder.takes_masks,
        takes_boxes=decoder.takes_boxes,
    )
