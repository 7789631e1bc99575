"""`Owlv2`: OWLv2 of transformers, with arrays as inputs and outputs. An image is encoded once, for any number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....errors import PromptError
from ....results import Provenance
from ....runtime.forking import StaysInProcess
from ....runtime.torch_runner import TorchRunner
from ..clip_text import ClipTokenizer
from ..loading import load_pretrained

ARCHITECTURE = "Owlv2ForObjectDetection"
"""Class of transformers whose folders are read."""

_AT_ONCE = 64
"""Number of phrases that are encoded together."""


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """What the model says of an image before it is asked for anything: a box for each of P patches.

    Attributes:
        boxes: (P, 4) float32 ``cx, cy, w, h``, relative to the padded square, in [0, 1].
        embeddings: (P, E) float32 of length 1: what is in each box, as a query.
    """

    boxes: NDArray[np.float32]
    embeddings: NDArray[np.float32]


class Owlv2(StaysInProcess):
    """OWLv2 for one image and any queries per call. It is safe to use from several threads.

    Args:
        folder: Folder that transformers saved.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or is damaged.
        OutOfMemoryError: The model does not fit into memory.
    """

    def __init__(self, folder: Path, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        from transformers import Owlv2ForObjectDetection

        self.provenance = provenance
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)
        # Weights stay in float32; with a 16-bit type, autocast decides which operations use it.
        self._model: Any = load_pretrained(
            Owlv2ForObjectDetection, folder, device=device, dtype=torch.float32, architectures=(ARCHITECTURE,)
        )
        config = self._model.config
        self.side = int(config.vision_config.image_size)
        self._most_tokens = int(config.text_config.max_position_embeddings)
        self._tokenizer = ClipTokenizer.from_folder(folder, int(config.text_config.vocab_size))

    def encode(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (P, D) float32 features of the patches of an image.

        Args:
            pixels: (3, side, side) float32, from `promptseg.models.transformers.owlv2.preprocessing.preprocess`.

        Raises:
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: transformers failed, or the features are not finite.
        """
        run = self._runner

        def compute() -> NDArray[np.float32]:
            (features, _) = self._model.image_embedder(pixel_values=run.on_device(pixels)[None])
            return run.to_host(features.flatten(1, 2)[0])

        return run.run(compute)

    def boxes(self, features: NDArray[np.float32]) -> ImageBoxes:
        """Return the box of each patch, and what is in it.

        Args:
            features: (P, D) float32, from `encode`.
        """
        run = self._runner

        def compute() -> ImageBoxes:
            given = run.on_device(features)[None]
            _, embeddings = self._model.class_predictor(given)
            # The grid of patches is square, and the predictor reads its device alone.
            boxes = run.to_host(self._model.box_predictor(given, given)[0])
            values = run.to_host(embeddings[0])
            return ImageBoxes(boxes, _unit(values))

        return run.run(compute)

    def texts(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """Return the (T, E) float32 query of each phrase.

        Raises:
            PromptError: A phrase has more tokens than the model reads, or none.
        """
        tokens = [self._tokenizer(phrase, self._most_tokens) for phrase in phrases]
        if not tokens:
            raise PromptError("OWLv2 needs a phrase, got none")
        run, parts = self._runner, []
        for start in range(0, len(tokens), _AT_ONCE):
            some = tokens[start : start + _AT_ONCE]
            longest = max(map(len, some))
            padded = np.zeros((len(some), longest), np.int64)  # The token of the padding is 0, as in transformers.
            mask = np.zeros_like(padded)
            for row, (own, seen) in zip(some, zip(padded, mask, strict=True), strict=True):
                own[: len(row)], seen[: len(row)] = row, 1

            def compute(padded: NDArray[np.int64] = padded, mask: NDArray[np.int64] = mask) -> NDArray[np.float32]:
                found = self._model.owlv2.get_text_features(input_ids=run.on_device(padded), attention_mask=run.on_device(mask))
                return run.to_host(found.pooler_output)

            parts.append(_unit(run.run(compute)))
        return np.concatenate(parts)

    def scores(self, features: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how well the box of each patch fits each query.

        Args:
            features: (P, D) float32, from `encode`.
            queries: (Q, E) float32, from `texts` or `ImageBoxes.embeddings`.

        Returns:
            (P, Q) float32 scores in [0, 1]: the sigmoid of the model's logits. They do not depend on the other queries.
        """
        run = self._runner

        def compute() -> NDArray[np.float32]:
            logits, _ = self._model.class_predictor(run.on_device(features)[None], run.on_device(queries)[None])
            return run.to_host(logits[0].float().sigmoid())

        return run.run(compute)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32(1e-12))
    return unit
