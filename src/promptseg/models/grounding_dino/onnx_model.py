"""`OnnxGrounding`: Grounding DINO in an ONNX file of transformers' layout, as a `promptseg.models.grounding_dino.model.GroundingModel`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError, WeightsMismatchError
from ...results import Provenance
from ...runtime.onnx import Value
from .captions import MAX_TOKENS
from .preprocessing import InputSize

Run = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]
"""Function that runs a graph: from its inputs to its outputs, by their names."""

_MAX_SIDE = 4096


class OnnxGrounding:
    """Grounding DINO in an ONNX file.

    A file with fixed shapes gets padding, which its masks say is none of the image and none of the caption.

    Args:
        run: Function that runs the graph.
        inputs: Inputs of the graph, by name.
        provenance: Provenance of the model.
        file: Name of the file, for messages.

    Raises:
        WeightsMismatchError: The graph takes inputs of other shapes.
    """

    def __init__(self, run: Run, inputs: Mapping[str, Value], provenance: Provenance, file: str) -> None:
        self.provenance = provenance
        self._run = run
        self._inputs = inputs
        shape = inputs["pixel_values"].shape
        text = inputs["input_ids"].shape
        if len(shape) != 4 or len(text) != 2 or not all(side is None or 0 < side <= _MAX_SIDE for side in (*shape[2:], *text[1:])):
            raise WeightsMismatchError(
                f"{file} takes pixel_values of {shape} and input_ids of {text}, expected (1, 3, height, width) and (1, tokens)"
            )
        self._sides = shape[2:]
        self._tokens = text[1]
        if self._tokens is not None and self._tokens > MAX_TOKENS:
            raise WeightsMismatchError(f"{file} takes captions of {self._tokens} tokens, and the model reads {MAX_TOKENS}")
        if None in self._sides:
            self._sides = (None, None)
        elif "pixel_mask" not in inputs:
            raise WeightsMismatchError(f"{file} takes images of one size, and no pixel_mask that would say what of it is padding")

    @property
    def input_size(self) -> InputSize:
        """Rule for the size of the model input: that of the model, or what fits into the graph's one size."""
        height, width = self._sides
        return InputSize() if height is None or width is None else InputSize(min(height, width), min(height, width))

    def __call__(self, pixels: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return token logits and boxes for one caption on one image.

        Args:
            pixels: (3, h, w) float32, from `promptseg.models.grounding_dino.preprocessing.preprocess`.
            tokens: IDs of the T tokens of the caption.

        Returns:
            (Q, T) float32 logits of each token for each of Q boxes; and the boxes, (Q, 4) float32 ``cx, cy, w, h``, relative to the image.

        Raises:
            BackendError: The graph failed, the caption is longer than it takes, or its outputs are not those of the layout.
        """
        count = len(tokens)
        length = count if self._tokens is None else self._tokens
        if count > length:
            raise BackendError(
                f"{self.provenance.model} takes captions of {length} tokens in this file, got {count}: set phrases_per_pass=1"
            )
        height, width = (side if side is not None else own for side, own in zip(self._sides, pixels.shape[1:], strict=True))
        image = np.zeros((1, 3, height, width), np.float16 if self._inputs["pixel_values"].kind == "tensor(float16)" else np.float32)
        image[0, :, : pixels.shape[1], : pixels.shape[2]] = pixels
        inside = np.zeros((1, height, width), np.int64)
        inside[0, : pixels.shape[1], : pixels.shape[2]] = 1
        written = np.zeros((1, length), np.int64)
        written[0, :count] = tokens
        given: dict[str, NDArray[Any]] = {
            "pixel_values": image,
            "pixel_mask": inside,
            "input_ids": written,
            "token_type_ids": np.zeros_like(written),
            "attention_mask": (np.arange(length) < count)[None].astype(np.int64),
        }
        outputs = self._run({name: given[name] for name in self._inputs})
        logits, boxes = (outputs[name].astype(np.float32, copy=False) for name in ("logits", "pred_boxes"))
        if logits.ndim != 3 or len(logits) != 1 or logits.shape[2] < count or boxes.shape != (1, logits.shape[1], 4):
            raise BackendError(f"{self.provenance.model} returned logits {logits.shape} and boxes {boxes.shape} for {count} tokens")
        if not (np.isfinite(logits[0, :, :count]).all() and np.isfinite(boxes).all()):
            raise BackendError(f"{self.provenance.model} returned NaN or infinity: take a file in float32")
        return logits[0, :, :count], boxes[0]
