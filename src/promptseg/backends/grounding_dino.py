"""Grounding DINO (Swin-T and Swin-B) in torch, on transformers or on the original code of its authors, with equal results.

Options of `promptseg.load` and their defaults:

- ``dtype`` (``"float32"``): Type in which the model computes: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
- ``allow_slow`` (``False``): Whether settings that make the model slower are accepted: a 16-bit ``dtype`` that the processor has no
  arithmetic for.
- ``threshold`` (``0.05``): Minimum score of a detection.
- ``thresholds`` (``None``): Minimum scores of single phrases, such as ``{"red car": 0.4}``. All other phrases have ``threshold``.
- ``phrases_per_pass`` (``None``): Maximum number of phrases per forward pass. None: as many as the model can read. With 1, phrases cannot
  influence one another.
"""

from __future__ import annotations

from importlib.metadata import version

import torch

from ..errors import ConfigError
from ..models.grounding_dino import groundingdino_engine, transformers_engine
from ..models.grounding_dino.architecture import ARCHITECTURES
from ..models.grounding_dino.captions import WordPieceTokenizer
from ..models.grounding_dino.checkpoint import read_original
from ..models.grounding_dino.detector import GroundingDino
from ..models.grounding_dino.files import GroundingDinoFiles, files_of
from ..models.grounding_dino.preprocessing import InputSize
from ..models.grounding_dino.torch_model import TorchGrounding
from ..models.phrases import PhraseSettings
from ..registry import LoadRequest
from ..runtime.torch import chosen_device, chosen_dtype


def load(request: LoadRequest) -> GroundingDino:
    """Return the detector of a load request, on transformers; the factory of backend ``grounding_dino``.

    Raises:
        MissingDependencyError: The installed version of transformers is too old.
        ConfigError: An option has an invalid value, or the device or type is not available.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    transformers_engine.check_version()
    return _load(request, "transformers")


def load_original(request: LoadRequest) -> GroundingDino:
    """Return the detector of a load request, on ``groundingdino-py``; the factory of backend ``grounding_dino_original``.

    Raises:
        ConfigError: An option has an invalid value, the device or type is not available, or the weights are of transformers.
        WeightsMismatchError: The weights are damaged, unsafe or of another model.
        OutOfMemoryError: The model does not fit on the device.
    """
    return _load(request, "groundingdino-py")


def _load(request: LoadRequest, package: str) -> GroundingDino:
    options = request.options
    settings = PhraseSettings.checked(options)
    device = chosen_device(request.device)
    dtype = chosen_dtype(options["dtype"], device, allow_slow=options["allow_slow"])
    files = files_of(request.weights)
    tokenizer = WordPieceTokenizer.from_file(files.vocabulary)
    module = _module(request, files, package)
    packages = dict.fromkeys((package, "transformers", "torch"))
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    provenance = request.provenance(versions, device.type, str(dtype).removeprefix("torch."))
    architecture = ARCHITECTURES[request.engine.variant]
    input_size = InputSize(architecture.shorter_side, architecture.longest_side)
    return GroundingDino(TorchGrounding(module, provenance, device, dtype), tokenizer, settings, input_size)


def _module(request: LoadRequest, files: GroundingDinoFiles, package: str) -> torch.nn.Module:
    variant, model = request.engine.variant, request.model.name
    if files.checkpoint is None:
        if package != "transformers":
            raise ConfigError(
                f"engine {request.engine.name!r} reads checkpoints as the authors publish them (.pth), "
                f"got a folder of transformers: {files.folder}"
            )
        return transformers_engine.from_folder(files.folder, variant, model)
    state = read_original(files.checkpoint, variant, model)
    build = transformers_engine.from_original if package == "transformers" else groundingdino_engine.from_original
    return build(files.checkpoint, state, ARCHITECTURES[variant], model)
