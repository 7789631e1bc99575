"""`OnnxSam`: a pair in segment-anything's layout, with the decoder made anew from the weights in its file (`onnx/decoder.py`)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ....masks import Size
from ....results import Provenance
from ....runtime.files import write_atomically
from ....runtime.home import home
from ....runtime.onnx import Runtime, Session
from ..geometry import Geometry, LongestSide
from ..model import DecoderConfig, Embedding, PointPrompts
from . import decoder as onnx_decoder
from . import graph, weights
from .encoder import Encoder
from .layouts import Pair

_GRAPHS = {
    "no_mask": onnx_decoder.no_mask_graph,
    "mask_prompt": onnx_decoder.mask_prompt_graph,
    "context": onnx_decoder.context_graph,
    "decoder": onnx_decoder.decoder_graph,
    "upscaling": onnx_decoder.upscaling_graph,
}


def prepare(pair: Pair, decoder_sha256: str) -> dict[str, Path]:
    """Writes the engine's graphs, made of a published decoder, to the cache; does nothing where they are.

    Returns:
        Their paths by name.

    Raises:
        WeightsMismatchError: The decoder is not such an export.
        OSError: The cache cannot be written.
    """
    # Named after the weights and after the code that makes the graphs, so that neither can change without the graphs being made anew.
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (graph, onnx_decoder, weights))
    folder = home() / "prepared" / f"{decoder_sha256[:16]}-{hashlib.sha256(code).hexdigest()[:8]}"
    paths = {name: folder / f"{name}.onnx" for name in _GRAPHS}
    if not all(path.is_file() for path in paths.values()):
        built = _built(pair)
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            with write_atomically(path) as file:
                file.write(built[name])
    return paths


class OnnxSam:
    """A model in segment-anything's ONNX layout, of any grid and width; a `promptseg.models.sam.model.SamModel`.

    Args:
        pair: Its files.
        decoder_sha256: SHA-256 of the decoder's file.
        provenance: Which model it is.
        runtime: Where to run.
        decode_batch: How many prompts to decode at once.

    Raises:
        WeightsMismatchError: The files are not such a pair.
    """

    decoder_config = DecoderConfig()

    def __init__(self, pair: Pair, decoder_sha256: str, provenance: Provenance, runtime: Runtime, decode_batch: int) -> None:
        self.provenance = provenance
        self.decode_batch = decode_batch
        self._grid, self._input_size, self._low_res = pair.grid, pair.input_size, pair.low_res
        graphs: Mapping[str, Path | bytes]
        try:
            graphs = prepare(pair, decoder_sha256)
        except OSError:  # A cache that cannot be written costs time at each load.
            graphs = _built(pair)
        self._encoder = Encoder(pair, runtime)
        no_mask, self._mask_prompt, self._context, *decoding = (runtime.session(graphs[name]) for name in _GRAPHS)
        self._decoding = _Decoding(*decoding)
        # Many prompts are decoded fastest by threads that each take whole prompts, so there is a second pair of sessions of one thread.
        self.workers = runtime.workers
        single = runtime.one_thread()
        self._one_thread = _Decoding(single.session(graphs["decoder"]), single.session(graphs["upscaling"]))
        (self._no_mask,) = no_mask({})
        self._contexts: WeakKeyDictionary[Embedding, _Context] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def geometry(self, size: Size) -> Geometry:
        """SAM's: the longer side fills the frame."""
        return LongestSide(size, self._input_size, self._low_res)

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encodes images one by one: a batch is no faster on a CPU."""
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        features = [self._encoder(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
        return [Embedding({"embedding": embedding}, geometry) for (embedding,), geometry in zip(features, geometries, strict=True)]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> _Decoded:
        """Scores now, masks when they are asked for."""
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
        outputs = self._context({"embedding": embedding.features["embedding"], "dense": dense})
        return dict(zip(("image", "keys", "values", "queries"), outputs, strict=True))


_Context = Mapping[str, Any]
"""Outputs of the context graph, left in the runtime's memory (`onnxruntime.OrtValue`)."""


@dataclass(frozen=True)
class _Decoding:
    """The two graphs from prompts to logits."""

    decoder: Session
    upscaling: Session


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A `promptseg.models.sam.model.Decoded` that upscales what is asked for."""

    upscaling: Session
    grid: int
    scores: NDArray[np.float32]
    hyper: NDArray[np.float32]
    image_out: Any

    def logits(self, prompt: int, candidates: Sequence[int], region: Size | None = None) -> NDArray[np.float32]:
        """(len(candidates), 256, 256) float32, or the image tokens' rows and columns that hold the region."""
        rows, columns = (self.grid, self.grid) if region is None else (-(-side // onnx_decoder.UPSCALED) for side in region)
        inputs = {
            "image_out": self.image_out,
            "prompt": np.array([prompt]),
            "hyper": np.ascontiguousarray(self.hyper[prompt, list(candidates)]),
            "grid": np.array([rows, columns]),
        }
        (logits,) = self.upscaling(inputs)
        array: NDArray[np.float32] = logits.numpy()
        return array


def _built(pair: Pair) -> dict[str, bytes]:
    parameters = weights.read_decoder_weights(pair.decoder)
    return {name: build(parameters, pair.grid) for name, build in _GRAPHS.items()}
