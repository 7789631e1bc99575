"""Loading of MobileSAM's torch module with the weights of a published ONNX pair, an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....runtime.checkpoints import check_state
from ..onnx.tinyvit import read_encoder_weights
from ..onnx.weights import read_decoder_weights

_ENCODER = "image_encoder."


def load_onnx_pair(encoder: Path, decoder: Path, build: Callable[[], Any], model: str) -> Any:
    """Return a model with the weights of a pair of ONNX files, in evaluation mode on the CPU. Every parameter must be in the files.

    Args:
        encoder: The image encoder.
        decoder: The prompt encoder and mask decoder, as segment-anything exports them.
        build: Function that makes ``Sam`` of mobile_sam with any weights, each ``Conv2d_BN`` fused, and without parameters that are not
            exported.
        model: Name of the model, for error messages.

    Raises:
        WeightsMismatchError: A file is not an ONNX export of that kind, or its parameters are not exactly those of the module.
    """
    encoder_state = {_ENCODER + name: torch.tensor(array) for name, array in read_encoder_weights(encoder).items()}
    decoder_weights = read_decoder_weights(decoder)
    module = build()
    expected = module.state_dict()
    of_decoder = {name: tensor for name, tensor in expected.items() if not name.startswith(_ENCODER)}
    decoder_state = _decoder_state(decoder_weights, of_decoder)
    check_state(encoder, encoder_state, {name: tensor for name, tensor in expected.items() if name not in of_decoder}, model)
    check_state(decoder, decoder_state, of_decoder, model)
    module.load_state_dict({**encoder_state, **decoder_state}, strict=True, assign=True)
    return module.eval().requires_grad_(False)


def _decoder_state(weights: Mapping[str, NDArray[np.float32]], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters from `read_decoder_weights` with the names and shapes of the module."""
    arrays = {name: array.T if name.startswith("transformer.") and array.ndim == 2 else array for name, array in weights.items()}
    tokens = arrays.pop("output_tokens")[0]
    arrays |= {"iou_token.weight": tokens[:1], "mask_tokens.weight": tokens[1:]}
    arrays["no_mask_embed.weight"] = arrays.pop("no_mask_embed")[None]
    parts = {name: "prompt_encoder" if f"prompt_encoder.{name}" in expected else "mask_decoder" for name in arrays}
    return {f"{parts[name]}.{name}": torch.tensor(array) for name, array in arrays.items()}
