"""SAM 3 as a concept segmenter in torch, on transformers: every instance of what a phrase or examples describe.

The weights are a folder as transformers saves it. The published folder of SAM 3 also serves backend ``sam3_tracker``.

Options of `promptseg.load_concept` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``cache`` (``"memory"``): Cache of image embeddings: ``"memory"``, ``"disk"``, an `EmbeddingCache`, or None for no cache. An embedding
  takes 111 MB.
- ``threshold`` (``0.5``): Score that an instance exceeds: its own probability times the presence.
- ``nms`` (``0.5``): IoU above which the worse of two instances is a duplicate and left out; None keeps all, as upstream does.
- ``nms_by`` (``"mask"``): Whether the ``"mask"`` or the ``"box"`` of instances is compared.
- ``max_instances`` (``200``): Maximum number of instances of a concept. The model has 200 queries.
- ``segmenter`` (``"mini-sam"``): Segmenter for examples that are given by points alone: its name, ``NAME=WEIGHTS``, a `Segmenter`, or None
  to refuse such examples. It is loaded when the first one is given.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.metadata import version

import torch

from ..errors import ConfigError, shown
from ..models.sam.cache import embedding_cache
from ..models.sam.torch.encoding import TorchSettings, check_memory, loading
from ..models.transformers.loading import load_pretrained
from ..models.transformers.sam3.instances import InstanceSettings
from ..models.transformers.sam3.model import Sam3
from ..models.transformers.sam3.segmenter import Sam3Segmenter
from ..protocols import Segmenter
from ..registry import LoadRequest, load_segmenter
from ..registry.catalog import memory_requirement
from ._sam3 import VIDEO, check_side, class_of, tokenizer_of
from ._transformers import folder_of

_CLASSES = {"sam3": ("Sam3Model", VIDEO), "lite-text": ("Sam3LiteTextModel",)}
"""Classes of transformers whose folders are read, by variant. The first one is loaded."""


def load(request: LoadRequest) -> Sam3Segmenter:
    """Return the concept segmenter of a load request; the factory of backend ``sam3``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsNotFoundError: There are no weights, or a file is missing.
        WeightsMismatchError: The weights are damaged or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    options = request.options
    settings = TorchSettings.checked(request.device, {**options, "decode_batch": None, "compile": False})
    found, embeddings, points = InstanceSettings.checked(options), embedding_cache(options["cache"]), options["segmenter"]
    if not isinstance(points, (str, Segmenter, type(None))):
        raise ConfigError(f"option segmenter is the name of a segmenter, a Segmenter or None, got {shown(points)}")
    classes = _CLASSES[request.engine.variant]
    cls, folder = class_of(classes[0]), folder_of(request)
    need = memory_requirement(request.model, request.engine)
    check_memory(need, settings)
    with loading(need, settings):
        module = load_pretrained(cls, folder, device=torch.device("cpu"), dtype=settings.dtype, architectures=classes)
        check_side(folder, module.vision_encoder.config.backbone_config)
        tokenizer = tokenizer_of(folder, module.config.text_config)
    versions = f"transformers {version('transformers')}, torch {torch.__version__}"
    provenance = request.provenance(versions, settings.device.type, settings.dtype_name)

    segmenter = None if points is None else cache(partial(_segmenter, points, request.device))  # It is loaded once.
    return Sam3Segmenter(Sam3(module, tokenizer, provenance, settings, need), embeddings, found, segmenter)


def _segmenter(points: str | Segmenter, device: str) -> Segmenter:
    return load_segmenter(points, device=device) if isinstance(points, str) else points
