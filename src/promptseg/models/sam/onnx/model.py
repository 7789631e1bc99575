"""`OnnxSam`: a pair in segment-anything's layout, whose decoder runs as the faster graphs of `onnx/decoder.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ....errors import WeightsMismatchError
from ....masks import Size
from ....results import Provenance
from ....runtime.forking import Lock
from ....runtime.onnx import Runtime, Session
from ....runtime.prepared import prepared_folder, read_prepared, write_prepared
from ..geometry import InputGeometry, ResizeLongestSide
from ..mask_batch import HostDecoded, Pairs, by_prompt
from ..model import DecoderConfig, Embedding, PointPrompts
from . import decoder as onnx_decoder
from . import graph, weights
from .encoder import Encoder
from .features import BoundFeatures, graph_input
from .layouts import Pair

_GRAPHS = {
    "no_mask": onnx_decoder.no_mask_graph,
    "mask_prompt": onnx_decoder.mask_prompt_graph,
    "context": onnx_decoder.context_graph,
    "decoder": onnx_decoder.decoder_graph,
    "upscaling": onnx_decoder.upscaling_graph,
}


def prepare(pair: Pair, decoder_sha256: str) -> dict[str, bytes]:
    """Return the graphs that are built from a published decoder, and keep them in the cache folder for the next time.

    Args:
        pair: The encoder and the decoder.
        decoder_sha256: SHA-256 of the decoder's file.

    Returns:
        Serialized graphs by name.

    Raises:
        WeightsMismatchError: The decoder is not an export of segment-anything.
    """
    # The folder is named after the weights and the code that builds the graphs. If one of them changes, the graphs are built again.
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (graph, onnx_decoder, weights))
    folder = prepared_folder(decoder_sha256, code)
    files = {name: f"{name}.onnx" for name in _GRAPHS}
    kept = read_prepared(folder, files.values())
    if kept is not None:
        return {name: kept[file] for name, file in files.items()}
    built = _built(pair)
    with contextlib.suppress(OSError):  # Without a writable cache, the graphs are built at every load.
        write_prepared(folder, {file: built[name] for name, file in files.items()})
    return built


class OnnxSam:
    """Model from a pair of files in segment-anything's layout, of any grid size and width; a `promptseg.models.sam.model.SamModel`.

    Args:
        pair: The encoder and the decoder.
        decoder_sha256: SHA-256 of the decoder's file.
        provenance: Provenance of the model.
        runtime: ONNX Runtime with its device and threads.
        decode_batch: Number of prompts to decode in one batch.

    Raises:
        WeightsMismatchError: The files are not a pair in this layout.
    """

    decoder_config = DecoderConfig()

    def __init__(self, pair: Pair, decoder_sha256: str, provenance: Provenance, runtime: Runtime, decode_batch: int) -> None:
        self.provenance = provenance
        self.decode_batch = decode_batch
        self._grid, self._input_size, self._low_res = pair.grid, pair.input_size, pair.low_res
        graphs = prepare(pair, decoder_sha256)
        self._encoder = Encoder(pair, runtime)
        no_mask, self._mask_prompt, self._context, *decoding = (runtime.session(graphs[name]) for name in _GRAPHS)
        self._decoding = _Decoding(*decoding)
        # Many prompts are decoded fastest by several threads with whole prompts each. They use a second pair of one-thread sessions.
        self.workers = runtime.workers
        self._keeps_features = runtime.device != "cpu"
        single = runtime.one_thread()
        self._one_thread = _Decoding(single.session(graphs["decoder"]), single.session(graphs["upscaling"]))
        (self._no_mask,) = no_mask({})
        self._contexts: WeakKeyDictionary[Embedding, _Context] = WeakKeyDictionary()
        self._lock = Lock()

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: the longer side fills the model input."""
        return ResizeLongestSide(size, self._input_size, self._low_res)

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of images, encoded one by one because a batch is not faster on a CPU. They stay on another device."""
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        if self._keeps_features:
            bound = [self._encoder.values(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
            return [Embedding(BoundFeatures({"embedding": one}), geometry) for (one,), geometry in zip(bound, geometries, strict=True)]
        features = [self._encoder(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
        return [Embedding({"embedding": embedding}, geometry) for (embedding,), geometry in zip(features, geometries, strict=True)]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> _Decoded:
        """Return decoded prompts. Scores are computed now, logits on request."""
        decoding = self._one_thread if one_thread else self._decoding
        context = self._image_context(embedding) if prompts.mask_logits is None else self._mask_context(embedding, prompts.mask_logits)
        scores, hyper, image_out = decoding.decoder({"points": prompts.points, "labels": prompts.labels, **context})
        return _Decoded(decoding.upscaling, self._grid, scores.numpy(), hyper.numpy(), image_out)

    def _image_context(self, embedding: Embedding) -> _Context:
        with self._lock:
            context = self._contexts.get(embedding)
        if context is None:
            context = self._make_context(embedding, self._no_mask)
            with self._lock:
                self._contexts[embedding] = context
        return context

    def _mask_context(self, embedding: Embedding, mask_logits: NDArray[np.float32]) -> _Context:
        (dense,) = self._mask_prompt({"mask": np.ascontiguousarray(mask_logits[None, None])})
        return self._make_context(embedding, dense)

    def _make_context(self, embedding: Embedding, dense: Any) -> _Context:
        outputs = self._context({"embedding": graph_input(embedding.features, "embedding"), "dense": dense})
        return dict(zip(("image", "keys", "values", "queries"), outputs, strict=True))


_Context = Mapping[str, Any]
"""Outputs of the context graph, kept in the memory of the runtime (`onnxruntime.OrtValue`)."""


@dataclass(frozen=True)
class _Decoding:
    """Sessions of the two graphs from prompts to logits."""

    decoder: Session
    upscaling: Session


@dataclass(frozen=True, eq=False)
class _Decoded(HostDecoded):
    """Decoded prompts that compute logits on request; a `promptseg.models.sam.model.Decoded`."""

    upscaling: Session
    grid: int
    scores: NDArray[np.float32]
    hyper: NDArray[np.float32]
    image_out: Any

    def logits(self, pairs: Pairs, region: Size | None = None) -> NDArray[np.float32]:
        """Return logits (len(pairs), 256, 256) float32, or a top-left part of whole image tokens that contains the region."""
        rows, columns = (self.grid, self.grid) if region is None else (-(-side // onnx_decoder.UPSCALED) for side in region)
        logits = np.empty((len(pairs), onnx_decoder.UPSCALED * rows, onnx_decoder.UPSCALED * columns), np.float32)
        for prompt, places in by_prompt(pairs).items():
            inputs = {
                "image_out": self.image_out,
                "prompt": np.array([prompt]),
                "hyper": np.ascontiguousarray(self.hyper[prompt, [pairs[place][1] for place in places]]),
                "grid": np.array([rows, columns]),
            }
            (upscaled,) = self.upscaling(inputs)
            logits[places] = upscaled.numpy()
        return logits


def _built(pair: Pair) -> dict[str, bytes]:
    parameters = weights.read_decoder_weights(pair.decoder)
    try:
        return {name: build(parameters, pair.grid) for name, build in _GRAPHS.items()}
    except Exception as error:  # Any error of numpy or onnx means that the parameters have other shapes.
        raise WeightsMismatchError(f"{pair.decoder} is not a mask decoder as segment-anything exports it: {error}") from error
