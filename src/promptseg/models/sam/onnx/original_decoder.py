"""The decoder graph of a SAM 2 or EfficientSAM pair, run as it is in its file, up to scores and low-resolution logits.

Nodes that make masks of image size are removed. Pairs in the layout of segment-anything (``sam``) do not use this module: their decoder is
rebuilt from its weights (`promptseg.models.sam.onnx.decoder`).

Prompts are decoded one by one: most of these graphs take only one prompt, and a batch is not faster on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx.utils
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ....errors import BackendError, WeightsMismatchError
from ....runtime.onnx import Runtime
from ..mask_batch import DecodedMasks
from ..model import PADDING, PointPrompts
from .layouts import Pair, inputs_of

SCORES, LOGITS = "iou_predictions", "low_res_masks"
"""Names of the decoders' outputs: predicted IoUs, and low-resolution logits. The second name does not occur in all exports."""

_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


class OriginalDecoder:
    """Decoder graph of a pair, as it is in its file.

    Args:
        pair: The encoder and the decoder.
        runtime: ONNX Runtime with its device and threads.
        trial: Inputs of one prompt, on which the decoder is tried.

    Attributes:
        candidates: Number of masks that the decoder gives for a prompt.

    Raises:
        WeightsMismatchError: The decoder's inputs or outputs are not those of its layout.
    """

    def __init__(self, pair: Pair, runtime: Runtime, trial: Mapping[str, NDArray[Any]]) -> None:
        graph = _cut(pair)
        self._low_res = pair.low_res
        self._session, self._one_thread = (each.session(graph, memory_pattern=True) for each in (runtime, runtime.one_thread()))
        try:
            self.candidates = self([trial], one_thread=False).scores.shape[1]
        except (BackendError, KeyError, ValueError) as error:
            raise WeightsMismatchError(f"{pair.decoder} does not decode as a decoder in layout {pair.layout} does: {error}") from error

    def __call__(self, prompts: Iterable[Mapping[str, NDArray[Any]]], *, one_thread: bool) -> DecodedMasks:
        """Return the decoded prompts.

        Args:
            prompts: The inputs of each prompt by name. Inputs that the graph does not have are ignored.
            one_thread: Whether to compute only on the calling thread.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        session = self._one_thread if one_thread else self._session
        scores, masks = [], []
        for prompt in prompts:
            inputs = {name: np.ascontiguousarray(prompt[name], _DTYPES[value.kind]) for name, value in session.inputs.items()}
            score, mask = (output.numpy() for output in session(inputs))
            scores.append(score.reshape(-1))
            masks.append(mask.reshape(len(scores[-1]), self._low_res, self._low_res))
        return DecodedMasks(np.stack(scores), np.stack(masks))


def without_padding(prompts: PointPrompts) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield points (P, 2) and labels (P,) of each prompt without its padding points, because the decoder graphs add their own."""
    for points, labels in zip(prompts.points, prompts.labels, strict=True):
        real = labels != PADDING
        yield points[real], labels[real]


def _cut(pair: Pair) -> bytes:
    """Return the serialized decoder, cut to two outputs: scores, and logits before they are clipped or upsampled.

    Raises:
        WeightsMismatchError: The decoder does not give predicted IoUs and masks.
    """
    graph = pair.graph.graph
    outputs = [value.name for value in graph.output]
    masks = [name for name in outputs if name != SCORES]
    if SCORES not in outputs or not masks:
        raise WeightsMismatchError(f"{pair.decoder} gives {', '.join(outputs)}; expected {SCORES} and masks, low-resolution masks last")
    logits = LOGITS if LOGITS in masks else masks[-1]
    makers = {name: node for node in graph.node for name in node.output}
    while logits in makers and makers[logits].op_type in ("Clip", "Identity"):
        logits = makers[logits].input[0]
    if logits not in outputs:
        graph.value_info.append(helper.make_tensor_value_info(logits, TensorProto.FLOAT, None))
    cut = onnx.utils.Extractor(pair.graph).extract_model(list(inputs_of(pair.graph)), [SCORES, logits])
    used = {name for node in cut.graph.node for name in node.input}
    for value in [value for value in cut.graph.input if value.name not in used]:  # The image size, which only the upsampling needed.
        cut.graph.input.remove(value)
    serialized: bytes = cut.SerializeToString()
    return serialized
