"""Grounding DINO, Swin-T and Swin-B, in torch, on two engines with equal results: transformers, and the original code of its authors.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``threshold`` (least score of a detection,
0.05), ``thresholds`` (least score by phrase), ``phrases_per_pass`` (most phrases that are asked at once; 1 keeps them from one another).
"""

from __future__ import annotations

from importlib.metadata import version

import torch

from ..errors import ConfigError
from ..models.grounding_dino import groundingdino_engine, transformers_engine
from ..models.grounding_dino.architecture import ARCHITECTURES
from ..models.grounding_dino.captions import WordPieces
from ..models.grounding_dino.checkpoint import read_original
from ..models.grounding_dino.detector import GroundingDino, Settings
from ..models.grounding_dino.files import Layout, layout_of
from ..models.grounding_dino.frame import FrameSize
from ..models.grounding_dino.torch_model import TorchGrounding
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype


def load(request: LoadRequest) -> GroundingDino:
    """The factory of backend ``grounding_dino``, on transformers; it raises what `promptseg.load` says."""
    transformers_engine.check_version()
    return _load(request, "transformers")


def load_original(request: LoadRequest) -> GroundingDino:
    """The factory of backend ``grounding_dino_original``, on package ``groundingdino-py``; it raises what `promptseg.load` says."""
    return _load(request, "groundingdino-py")


def _load(request: LoadRequest, package: str) -> GroundingDino:
    options = request.options
    settings = Settings.checked(options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(options["dtype"], device)
    layout = layout_of(request.weights)
    pieces = WordPieces.from_file(layout.vocabulary)
    module = _module(request, layout, package)
    packages = dict.fromkeys((package, "transformers", "torch"))
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    provenance = request.provenance(versions, device.type, str(dtype).removeprefix("torch."))
    architecture = ARCHITECTURES[request.engine.variant]
    size = FrameSize(architecture.shorter_side, architecture.longest_side)
    return GroundingDino(TorchGrounding(module, provenance, device, dtype), pieces, settings, size)


def _module(request: LoadRequest, layout: Layout, package: str) -> torch.nn.Module:
    variant, model = request.engine.variant, request.model.name
    if layout.checkpoint is None:
        if package != "transformers":
            raise ConfigError(f"engine {request.engine.name!r} reads checkpoints as the authors publish them (.pth), got {layout.folder}")
        return transformers_engine.from_folder(layout.folder, variant, model)
    state = read_original(layout.checkpoint, variant, model)
    build = transformers_engine.from_original if package == "transformers" else groundingdino_engine.from_original
    return build(layout.checkpoint, state, ARCHITECTURES[variant], model)
