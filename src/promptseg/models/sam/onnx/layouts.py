"""Pairs of ONNX files, an image encoder and a prompt decoder, in the layouts in which models of the SAM family are published.

- ``sam``: segment-anything's own export (mini-sam; quantized, labelme's SAM ViT-B, -L and -H). The decoder takes one image embedding.
- ``sam2``: SAM 2 as ``export_onnx.py`` of sam-cpp-macos (the files of osam) or samexporter write it. The decoder takes three feature maps.
- ``efficient-sam``: EfficientSAM's own export (the files of osam and labelme). The decoder takes ``batched_point_coords``.
- ``transformers-js``: a model of transformers as optimum and transformers.js write it (``vision_encoder`` and
  ``prompt_encoder_mask_decoder``): SAM and SlimSAM, whose decoder takes one image embedding and its positions, and SAM 2.1, EdgeTAM and the
  tracker of SAM 3, whose decoder takes three feature maps. The decoder takes ``input_points``.

The inputs of the graphs tell the encoder from the decoder, and the layout. File names do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args

import numpy as np
from numpy.typing import NDArray

from ....errors import WeightsMismatchError, one_of
from ....runtime.onnx_files import read_onnx
from .context import UPSCALED
from .tokens import PATCH

OnnxLayout = Literal["sam", "sam2", "efficient-sam", "transformers-js"]
Shape = tuple[Union[int, None], ...]
"""Shape of a tensor: lengths of its dimensions, None for any length."""

POINTS, LABELS, MASK, HAS_MASK, IMAGE_SIZE = "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"
BATCHED_POINTS, BATCHED_LABELS = "batched_point_coords", "batched_point_labels"
"""Names of the decoders' inputs, besides features of the image. All exporters use these names."""

INPUT_POINTS, INPUT_LABELS, INPUT_BOXES = "input_points", "input_labels", "input_boxes"
"""Names of the inputs of decoders of transformers."""
POSITIONS = "image_positional_embeddings"
"""Name of the one feature that is the same for all images: the positions of the image tokens."""

MAX_LENGTH, MAX_VALUES = 4096, 1 << 26
"""Maximum length of a dimension of image features, and maximum number of values. SAM 2's largest features have 2 million."""

_PROMPTS = {POINTS, LABELS, MASK, HAS_MASK}
_BATCHED = {BATCHED_POINTS, BATCHED_LABELS, IMAGE_SIZE}
_TRANSFORMERS = {INPUT_POINTS, INPUT_LABELS}
_NO_FEATURES = {*_PROMPTS, *_BATCHED, *_TRANSFORMERS, INPUT_BOXES}


@dataclass(frozen=True)
class Pair:
    """An encoder and a decoder that belong together.

    Attributes:
        encoder: File of the encoder.
        decoder: File of the decoder.
        graph: The decoder as an ``onnx.ModelProto``.
        layout: Layout of the pair.
        features: Shapes of the decoder's inputs that are image features, by name: the image embedding first, then features of higher
            resolution.
    """

    encoder: Path
    decoder: Path
    graph: Any
    layout: OnnxLayout
    features: Mapping[str, Shape]

    @property
    def grid(self) -> int:
        """Number of image tokens along one side: the side of the image embedding.

        Raises:
            WeightsMismatchError: The decoder does not fix the size of its image embedding to a square.
        """
        name, shape = next(iter(self.features.items()))
        if shape[-1] is None or shape[-1] != shape[-2]:
            raise WeightsMismatchError(f"{self.decoder} must fix the size of its input {name!r} to a square; it takes {described(shape)}")
        return shape[-1]

    @property
    def input_size(self) -> int:
        """Side of the model's square input in pixels: 16 pixels for each image token, in all layouts but ``transformers-js``."""
        return PATCH * self.grid

    @property
    def low_res(self) -> int:
        """Side of the model's low-resolution logits: 4 logits for each image token, in all layouts."""
        return UPSCALED * self.grid

    @property
    def zero_features(self) -> dict[str, NDArray[np.float32]]:
        """Image features of zeros, with a batch of one, to try the decoder with. Open dimensions have length 1."""
        return {name: np.zeros([length or 1 for length in shape], np.float32) for name, shape in self.features.items()}


def read_pair(files: Iterable[Path]) -> Pair:
    """Return a pair from its two ``.onnx`` files. Further files may hold weights that the graphs refer to; they are not read here.

    Raises:
        WeightsMismatchError: There are not exactly two ``.onnx`` files, one is not ONNX, or they are in no known layout.
    """
    graphs = [path for path in files if path.suffix == ".onnx"]
    if len(graphs) != 2:
        raise WeightsMismatchError(
            f"expected an encoder and a decoder, got {', '.join(map(str, graphs)) or 'none'}: give a folder of the two .onnx files"
        )
    paths = sorted(
        graphs, key=lambda path: path.stat().st_size
    )  # The decoder is nearly always the smaller file, so the larger one is usually not read.
    for decoder, encoder in (paths, paths[::-1]):
        inputs = inputs_of(read_onnx(decoder, weights=False))
        if len(inputs) > 1:
            layout = _layout(inputs)
            if layout is None:
                takes = ", ".join(f"{name} {described(shape)}" for name, shape in inputs.items())
                raise WeightsMismatchError(
                    f"{decoder} is not a decoder in a known layout ({one_of(get_args(OnnxLayout))}): it takes {takes}"
                )
            _check_lengths(decoder, inputs)
            return Pair(encoder, decoder, read_onnx(decoder), layout, _features(inputs))
    raise WeightsMismatchError(f"neither {paths[0]} nor {paths[1]} is a decoder: each takes one input")


def _check_lengths(decoder: Path, inputs: Mapping[str, Shape]) -> None:
    for name, shape in _features(inputs).items():
        if (
            not all(length is None or 0 < length <= MAX_LENGTH for length in shape)
            or math.prod(length or 1 for length in shape) > MAX_VALUES
        ):
            raise WeightsMismatchError(f"{decoder} takes {name!r} of {described(shape)}, more than an image embedding has")


def inputs_of(model: Any) -> dict[str, Shape]:
    """Return the shapes of the inputs of an ``onnx.ModelProto``, by name."""
    constants = {tensor.name for tensor in model.graph.initializer}  # Old exporters list constants among the inputs.
    return {
        value.name: tuple(
            dimension.dim_value if dimension.HasField("dim_value") else None for dimension in value.type.tensor_type.shape.dim
        )
        for value in model.graph.input
        if value.name not in constants
    }


def described(shape: Shape) -> str:
    """Return a shape as text, such as ``1 x 3 x ? x ?``."""
    return " x ".join("?" if length is None else str(length) for length in shape)


def _layout(inputs: Mapping[str, Shape]) -> OnnxLayout | None:
    features = len(_features(inputs))
    if set(inputs) >= _BATCHED and features == 1:
        return "efficient-sam"
    if set(inputs) >= _TRANSFORMERS and features in (1, 2, 3):
        return "transformers-js"
    if set(inputs) >= _PROMPTS:
        return {1: "sam", 3: "sam2"}.get(features)  # type: ignore[return-value]  # These are layouts.
    return None


def _features(inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the inputs that are features of the image, sorted from low to high resolution; positions come after the embedding."""
    maps = {name: shape for name, shape in inputs.items() if len(shape) == 4 and name not in _NO_FEATURES}
    return dict(sorted(maps.items(), key=lambda item: (item[1][-1] or 0, item[0] == POSITIONS)))
