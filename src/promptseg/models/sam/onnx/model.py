"""`OnnxSam`: a pair in segment-anything's layout, whose decoder runs as the faster graphs of `context`, `decoder` and `upscaling`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from ..device_features import DeviceFeatures, where_it_is
from ..geometry import InputGeometry, ResizeLongestSide
from ..mask_batch import HostDecoded, Pairs, by_prompt
from ..model import DecoderConfig, Embedding, PointPrompts
from . import context, decoder, upscaling, weights
from .encoder import Encoder
from .layouts import Pair
from .preparing_code import graphs_code

_GRAPHS = {
    "context": context.context_graph,
    "mask_context": context.mask_context_graph,
    "decoder": decoder.decoder_graph,
    "upscaling": upscaling.upscaling_graph,
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
    folder = prepared_folder(decoder_sha256, graphs_code())
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
        provenance: Provenance of the model. Its number type becomes that of the encoder's weights, unless `encoder` is given.
        runtime: ONNX Runtime with its device and threads.
        decode_batch: Number of prompts to decode in one batch.
        encoder: Serialized graph to run in place of the encoder's file, or None.

    Raises:
        WeightsMismatchError: The files are not a pair in this layout.
    """

    decoder_config = DecoderConfig()

    def __init__(
        self,
        pair: Pair,
        decoder_sha256: str,
        provenance: Provenance,
        runtime: Runtime,
        decode_batch: int,
        encoder: bytes | None = None,
    ) -> None:
        self.decode_batch = decode_batch
        self._grid, self._input_size, self._low_res = pair.grid, pair.input_size, pair.low_res
        graphs = prepare(pair, decoder_sha256)
        self._encoder = Encoder(pair, runtime, encoder)
        self.provenance = replace(provenance, dtype=self._encoder.dtype or provenance.dtype)
        self._context, self._mask_context, *decoding = (runtime.session(graphs[name], memory_pattern=True) for name in _GRAPHS)
        self._decoding = _Decoding(*decoding)
        # Many prompts are decoded fastest by several threads with whole prompts each. They use a second pair of one-thread sessions.
        self.workers = runtime.workers
        self._keeps_features = runtime.device != "cpu"
        single = runtime.one_thread()
        self._one_thread = _Decoding(*(single.session(graphs[name], memory_pattern=True) for name in ("decoder", "upscaling")))
        self._contexts: WeakKeyDictionary[Embedding, _Context] = WeakKeyDictionary()
        self._lock = Lock()

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: the longer side fills the model input."""
        return ResizeLongestSide(size, self._input_size, self._low_res)

    def kept_bytes(self, embedding: Embedding) -> int:
        """Return the size of the context of an image, which is there once a prompt was decoded. It is seven times that of the embedding."""
        with self._lock:
            values = self._contexts.get(embedding) or {}
        return sum(4 * math.prod(value.shape()) for value in values.values())

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of images, encoded one by one because a batch is not faster on a CPU. They stay on another device."""
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        if self._keeps_features:
            bound = [self._encoder.values(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
            return [
                Embedding(DeviceFeatures({"embedding": one}, lambda value: value.numpy()), geometry)
                for (one,), geometry in zip(bound, geometries, strict=True)
            ]
        features = [self._encoder(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
        return [Embedding({"embedding": embedding}, geometry) for (embedding,), geometry in zip(features, geometries, strict=True)]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> _Decoded:
        """Return decoded prompts. Scores are computed now, logits on request."""
        decoding = self._one_thread if one_thread else self._decoding
        values = self._context_of(embedding)
        if prompts.mask_logits is not None:
            values = self._context_with(prompts.mask_logits, embedding, values)
        inputs = {name: value for name, value in values.items() if name in decoding.decoder.inputs}
        results = decoding.decoder({"points": prompts.points, "labels": prompts.labels, **inputs})
        decoded = dict(zip(decoding.decoder.outputs, results, strict=True))
        scores, hyper = (decoded.pop(name).numpy() for name in ("scores", "hyper"))
        return _Decoded(decoding.upscaling, self._grid, scores, hyper, {**decoded, "upscaling": values["upscaling"]})

    def _context_of(self, embedding: Embedding) -> _Context:
        with self._lock:
            values = self._contexts.get(embedding)
        if values is None:
            results = self._context({"embedding": where_it_is(embedding.features, "embedding")})
            values = dict(zip(self._context.outputs, results, strict=True))
            with self._lock:
                self._contexts[embedding] = values
        return values

    def _context_with(self, mask_logits: NDArray[np.float32], embedding: Embedding, values: _Context) -> _Context:
        """Return the context of an image with an earlier mask, from the context without it."""
        products = {f"image_{name}": value for name, value in values.items()}
        inputs = {name: value for name, value in products.items() if name in self._mask_context.inputs}
        results = self._mask_context(
            {"mask": np.ascontiguousarray(mask_logits[None, None]), "embedding": where_it_is(embedding.features, "embedding"), **inputs}
        )
        return dict(zip(self._mask_context.outputs, results, strict=True))


_Context = Mapping[str, Any]
"""Outputs of a graph of the context by name, kept in the memory of the runtime (`onnxruntime.OrtValue`)."""


@dataclass(frozen=True)
class _Decoding:
    """Sessions of the two graphs from prompts to logits."""

    decoder: Session
    upscaling: Session


@dataclass(frozen=True, eq=False)
class _Decoded(HostDecoded):
    """Decoded prompts that compute logits on request; a `promptseg.models.sam.model.Decoded`.

    Attributes:
        image: Inputs of the graph `upscaling` that are the same for all candidates, by name.
    """

    upscaling: Session
    grid: int
    scores: NDArray[np.float32]
    hyper: NDArray[np.float32]
    image: Mapping[str, Any]

    def logits(self, pairs: Pairs, region: Size | None = None) -> NDArray[np.float32]:
        """Return logits (len(pairs), 256, 256) float32, or a top-left part of whole image tokens that contains the region.

        All candidates of a prompt are upscaled at once.
        """
        rows, columns = (self.grid, self.grid) if region is None else (-(-side // context.UPSCALED) for side in region)
        logits = np.empty((len(pairs), context.UPSCALED * rows, context.UPSCALED * columns), np.float32)
        for prompt, places in by_prompt(pairs).items():
            hyper = self.hyper[prompt, [pairs[place][1] for place in places]]
            inputs = {"prompt": np.array([prompt]), "hyper": hyper, "grid": np.array([rows, columns])}
            (found,) = self.upscaling({**self.image, **inputs})
            logits[places] = found.numpy()
        return logits


def _built(pair: Pair) -> dict[str, bytes]:
    parameters = weights.read_decoder_weights(pair.decoder)
    try:
        return {name: build(parameters, pair.grid) for name, build in _GRAPHS.items()}
    except Exception as error:  # Any error of numpy or onnx means that the parameters have other shapes.
        raise WeightsMismatchError(f"{pair.decoder} is not a mask decoder as segment-anything exports it: {error}") from error
