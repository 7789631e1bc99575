"""Models of the SAM family on ONNX Runtime, from published pairs of an encoder and a decoder, without torch.

Supported layouts are segment-anything's export (also quantized), SAM 2, EfficientSAM and that of transformers.js, in which SAM, SlimSAM,
SAM 2.1, EdgeTAM and the tracker of SAM 3 lie on the hub (`promptseg.models.sam.onnx.layouts`). In a user's folder, the two files may have
any names, because they are recognized by their inputs. Model ``onnx-sam`` runs any such folder.

Options of `promptseg.load` and their defaults:

- ``threads`` (``None``): Number of threads. None: the number of processors that this process may use.
- ``cache`` (``"memory"``): Cache of image embeddings: ``"memory"``, ``"disk"``, an `EmbeddingCache`, or None for no cache.
- ``decode_batch`` (``4``): Number of prompts that are decoded at once in the layouts of segment-anything and of transformers.js (there
  only if the file gives the same for several prompts as for one). The other layouts decode one.
- ``selection`` (``"published"``): Which candidate becomes the mask of a prompt: ``"published"`` (the rule of the model's authors),
  ``"single"`` (always the mask for unambiguous prompts) or ``"best"`` (always the best of the candidates for ambiguous prompts).
- ``quantize`` (``None``): ``"int8"`` to run the image encoder with its matrix products in int8, on a CPU. It is quantized once. Masks
  differ slightly. None: the encoder as it is published.

A folder of transformers.js has its files in several precisions, each an engine: ``"onnx"`` for float32, ``"onnx-fp16"``,
``"onnx-quantized"``, and so on.
"""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from .._checks import whole_number
from ..errors import WeightsMismatchError, WeightsNotFoundError, one_of
from ..models.sam import selection
from ..models.sam.cache import embedding_cache
from ..models.sam.model import MAX_DECODE_BATCH, SamModel
from ..models.sam.onnx import model as onnx_model
from ..models.sam.onnx.efficient_sam import OnnxEfficientSam
from ..models.sam.onnx.int8 import checked_quantize, int8_encoder
from ..models.sam.onnx.layouts import read_pair
from ..models.sam.onnx.model import OnnxSam
from ..models.sam.onnx.preprocessing import PREPROCESSOR
from ..models.sam.onnx.sam2 import OnnxSam2
from ..models.sam.onnx.transformers_js import OnnxTransformersJs
from ..models.sam.session import SamSegmenter
from ..registry import LoadRequest
from ..runtime.devices import kind_of
from ..runtime.host import thread_count
from ..runtime.onnx import Runtime, device_of
from ..weights.store import ModelWeights

_LAYOUTS = {
    "sam": "sam",
    "sam-int8": "sam",
    "sam2": "sam2",
    "efficient-sam": "efficient-sam",
    "transformers-js": "transformers-js",
    "any": None,
}
"""Layout of each variant in the catalog. None: any layout."""


def load(request: LoadRequest) -> SamSegmenter:
    """Return the segmenter of a load request; the factory of backend ``onnx_sam``.

    Raises:
        ConfigError: An option has an invalid value, the device is not available, or the encoder cannot be quantized.
        WeightsNotFoundError: The model has no published weights, and the user gave none.
        WeightsMismatchError: The files are not a pair in the expected layout.
    """
    options = request.options
    threads = thread_count(options["threads"])
    decode_batch = whole_number("option decode_batch", options["decode_batch"], 1, most=MAX_DECODE_BATCH)
    cache, rule = embedding_cache(options["cache"]), selection.rule(options["selection"])
    runtime = Runtime(device_of(request.device), threads)
    quantize = checked_quantize(options["quantize"], runtime.device)
    return SamSegmenter(_model(request, runtime, decode_batch, quantize), cache, rule)


def prepare(weights: ModelWeights) -> None:
    """Write the decoder graph that `load` needs to the cache, unless it is there or the layout needs none."""
    if weights.files:
        pair = read_pair(weights.files.values())
        if pair.layout == "sam":
            onnx_model.prepare(pair, _sha256(pair.decoder, weights))


def _model(request: LoadRequest, runtime: Runtime, decode_batch: int, quantize: str | None) -> SamModel:
    weights = request.weights
    if not weights.files:
        repository = request.engine.repository
        get = f"get them with `hf download {repository} --local-dir FOLDER`, and " if repository else ""
        raise WeightsNotFoundError(
            f"model {request.model.name!r} has no weights of its own: {get}pass weights=FOLDER, or {request.model.name}=FOLDER, "
            "a folder with an encoder and a decoder in ONNX"
        )
    pair = read_pair(weights.files.values())
    # A user's pair may be in the layout of another engine of the model.
    engines = [request.engine, *(engine for engine in request.model.engines if engine.backend == request.engine.backend)]
    layouts = list(dict.fromkeys(_LAYOUTS[engine.variant] for engine in engines))
    if None not in layouts and pair.layout not in layouts:
        needed = one_of([layout for layout in layouts if layout])
        raise WeightsMismatchError(f"{pair.decoder} is in layout {pair.layout}, model {request.model.name!r} needs {needed}")
    provenance = request.provenance(f"onnxruntime {onnxruntime.__version__}", kind_of(runtime.device), quantize or "float32")
    encoder = int8_encoder(pair.encoder, _sha256(pair.encoder, weights)) if quantize else None
    if pair.layout == "sam2":
        return OnnxSam2(pair, provenance, runtime, encoder)
    if pair.layout == "efficient-sam":
        return OnnxEfficientSam(pair, provenance, runtime, encoder)
    if pair.layout == "transformers-js":
        preprocessor = next((path for path in weights.files.values() if path.name == PREPROCESSOR), None)
        return OnnxTransformersJs(pair, provenance, runtime, decode_batch, encoder, preprocessor)
    return OnnxSam(pair, _sha256(pair.decoder, weights), provenance, runtime, decode_batch, encoder)


def _sha256(file: Path, weights: ModelWeights) -> str:
    (name,) = (name for name, path in weights.files.items() if path == file)
    return weights.sha256[name]
