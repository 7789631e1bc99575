"""SAM-family models on ONNX Runtime, without torch: published encoder and decoder pairs.

Options of `load`: ``threads`` (default: the processors that this process may use), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once),
``choose`` (which candidate answers a prompt: ``"published"``, the default, ``"single"`` or ``"best"``; `promptseg.sam.choose`).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import BackendError, ConfigError, WeightsMismatchError
from ..files import write_atomically
from ..machine import usable_processors
from ..masks import Size
from ..registry import LoadRequest
from ..results import Provenance
from ..sam import choose, onnx_decoder, onnx_graph, onnx_weights
from ..sam.cache import embedding_cache
from ..sam.geometry import PIXEL_MEAN, PIXEL_STD, Geometry, LongestSide
from ..sam.model import Conventions, Embedding, PointPrompts
from ..sam.session import SamSegmenter
from ..weights import ModelWeights, home

_GRAPHS = {
    "mask_prompt": onnx_decoder.mask_prompt_graph,
    "context": onnx_decoder.context_graph,
    "decoder": onnx_decoder.decoder_graph,
    "upscaling": onnx_decoder.upscaling_graph,
}

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``onnx_sam``.

    Raises:
        ConfigError: An unknown option or device.
        WeightsMismatchError: The files are not a pair of the expected layout.
    """
    options = request.take(threads=usable_processors(), cache="memory", decode_batch=2, choose="published")
    for name in ("threads", "decode_batch"):
        if not isinstance(options[name], int) or options[name] < 1:
            raise ConfigError(f"option {name} is a whole number of at least 1, got {options[name]!r}")
    cache, rule = embedding_cache(options["cache"]), choose.rule(options["choose"])
    runtime = _Runtime(_provider(request.device), options["threads"])
    return SamSegmenter(OnnxSam(request, runtime, options["decode_batch"]), cache, rule)


def prepare(weights: ModelWeights) -> None:
    """Writes the engine's graphs, made of a published decoder, to the cache; does nothing where they are."""
    decoder = _decoder_name(weights)
    folder = _prepared_folder(weights.sha256[decoder])
    if all((folder / f"{name}.onnx").is_file() for name in _GRAPHS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    parameters = onnx_weights.read_decoder_weights(weights.files[decoder])
    for name, build in _GRAPHS.items():
        with write_atomically(folder / f"{name}.onnx") as file:
            file.write(build(parameters))


class OnnxSam:
    """A model in segment-anything's ONNX layout; a `promptseg.sam.model.SamModel`."""

    conventions = Conventions()

    def __init__(self, request: LoadRequest, runtime: _Runtime, decode_batch: int) -> None:
        weights = request.weights
        self.decode_batch = decode_batch
        self.provenance = Provenance(
            model=request.model.name,
            backend="onnx_sam",
            version=f"onnxruntime {onnxruntime.__version__}",
            weights=weights.sha256,
            licence=request.model.licence,
            device=runtime.device,
        )
        self._encoder = runtime.session(weights.files[_encoder_name(weights)])
        graphs = _graphs(weights)
        self._mask_prompt, self._context, *decoding = (runtime.session(graphs[name]) for name in _GRAPHS)
        self._decoding = _Decoding(*decoding)
        # Many prompts are decoded fastest by threads that each take whole prompts, so there is a second pair of sessions of one thread.
        self.workers = runtime.threads if runtime.device == "cpu" else 1
        single = _Runtime(runtime.device, threads=1)
        self._one_thread = _Decoding(single.session(graphs["decoder"]), single.session(graphs["upscaling"]))
        no_mask = onnx_weights.read_decoder_weights(weights.files[_decoder_name(weights)])["no_mask_embed"]
        self._no_mask = np.ascontiguousarray(np.broadcast_to(no_mask[None, :, None, None], (1, no_mask.size, 64, 64)))
        self._contexts: WeakKeyDictionary[Embedding, _Context] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def geometry(self, size: Size) -> Geometry:
        """SAM's: the longer side fills the frame."""
        return LongestSide(size)

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encodes images one by one: a batch is no faster on a CPU."""
        return [self._encode(image) for image in images]

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> _Decoded:
        """Scores now, masks when they are asked for."""
        decoding = self._one_thread if one_thread else self._decoding
        context = self._image_context(embedding) if prompts.mask_logits is None else self._mask_context(embedding, prompts.mask_logits)
        scores, hyper, image_out = decoding.decoder({"points": prompts.points, "labels": prompts.labels, **context})
        return _Decoded(decoding.upscaling, scores.numpy(), hyper.numpy(), image_out)

    def _encode(self, image: NDArray[np.uint8]) -> Embedding:
        geometry = self.geometry((image.shape[0], image.shape[1]))
        resized = geometry.resize(image)
        frame = np.zeros((1, 3, geometry.frame, geometry.frame), np.float32)
        height, width = resized.shape[:2]
        for channel in range(3):
            plane = frame[0, channel, :height, :width]
            np.subtract(resized[:, :, channel], np.float32(PIXEL_MEAN[channel]), out=plane)
            plane /= np.float32(PIXEL_STD[channel])
        (features,) = self._encoder({"input": frame})
        return Embedding({"embedding": features.numpy()}, geometry)

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

    decoder: _Session
    upscaling: _Session


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A `promptseg.sam.model.Decoded` that upscales what is asked for."""

    upscaling: _Session
    scores: NDArray[np.float32]
    hyper: NDArray[np.float32]
    image_out: Any

    def logits(self, prompt: int, candidates: Sequence[int], region: Size | None = None) -> NDArray[np.float32]:
        """(len(candidates), 256, 256) float32, or the image tokens' rows and columns that hold the region."""
        height, width = region or (4 * onnx_decoder.GRID, 4 * onnx_decoder.GRID)
        inputs = {
            "image_out": self.image_out,
            "prompt": np.array([prompt]),
            "hyper": np.ascontiguousarray(self.hyper[prompt, list(candidates)]),
            "grid": np.array([-(-height // 4), -(-width // 4)]),
        }
        (logits,) = self.upscaling(inputs)
        array: NDArray[np.float32] = logits.numpy()
        return array


class _Runtime:
    """Makes ONNX Runtime sessions that share their settings."""

    def __init__(self, device: str, threads: int) -> None:
        self.device = device
        self.threads = threads
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 3
        # Threads that wait for work by spinning would keep numpy's from theirs: between two graphs it is numpy's turn.
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def session(self, model: Path | bytes) -> _Session:
        source: Any = str(model) if isinstance(model, Path) else model
        try:
            inference = onnxruntime.InferenceSession(source, self._options, providers=[_PROVIDERS[self.device]])
        except Exception as error:  # ONNX Runtime's exception classes share no base but Exception.
            name = model if isinstance(model, Path) else "the prepared graph"
            raise WeightsMismatchError(f"ONNX Runtime cannot load {name}: {error}") from error
        return _Session(inference)


class _Session:
    """One graph. Arrays go in; results stay in the runtime's memory until `numpy` is asked of them, so that graphs chain uncopied."""

    def __init__(self, inference: Any) -> None:
        self._inference = inference
        self._outputs = [output.name for output in inference.get_outputs()]

    def __call__(self, inputs: Mapping[str, Any]) -> Any:
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in inputs.items()
        }
        try:
            return self._inference.run_with_ort_values(self._outputs, values)
        except Exception as error:  # As above.
            raise BackendError(f"ONNX Runtime failed: {error}") from error


def _graphs(weights: ModelWeights) -> dict[str, Path | bytes]:
    """The prepared graphs, from the cache, or in memory where the cache cannot be written."""
    folder = _prepared_folder(weights.sha256[_decoder_name(weights)])
    try:
        prepare(weights)
    except OSError:
        parameters = onnx_weights.read_decoder_weights(weights.files[_decoder_name(weights)])
        return {name: build(parameters) for name, build in _GRAPHS.items()}
    return {name: folder / f"{name}.onnx" for name in _GRAPHS}


def _prepared_folder(decoder_sha256: str) -> Path:
    # Named after the weights and after the code that makes the graphs, so that neither can change without the graphs being made anew.
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (onnx_graph, onnx_decoder, onnx_weights))
    return home() / "prepared" / f"{decoder_sha256[:16]}-{hashlib.sha256(code).hexdigest()[:8]}"


def _encoder_name(weights: ModelWeights) -> str:
    return _named(weights, "encoder")


def _decoder_name(weights: ModelWeights) -> str:
    encoder = _encoder_name(weights)
    others = [name for name in weights.files if name != encoder]
    if len(others) != 1:
        raise WeightsMismatchError(f"expected an encoder and a decoder, got {', '.join(weights.files)}")
    return others[0]


def _named(weights: ModelWeights, word: str) -> str:
    found = [name for name in weights.files if word in name]
    if len(found) != 1:
        raise WeightsMismatchError(f"expected one file with {word!r} in its name, got {', '.join(weights.files)}")
    return found[0]


def _provider(device: str) -> str:
    chosen = "cpu" if device == "auto" else device
    available = onnxruntime.get_available_providers()
    if _PROVIDERS.get(chosen) not in available:
        usable = [name for name, provider in _PROVIDERS.items() if provider in available]
        raise ConfigError(f"device {device!r} is not to be had with this build of ONNX Runtime; usable here: auto, {', '.join(usable)}")
    return chosen
