"""SAM 2 and SAM 2.1, tiny, small, base-plus and large, on images, in torch through package ``sam2``.

Options of `load`: ``dtype`` (``"float32"``, the default, ``"bfloat16"`` or ``"float16"``), ``cache`` (``"memory"``, the default,
``"disk"``, an `EmbeddingCache`, or None), ``decode_batch`` (prompts decoded at once; by default what suits the device),
``choose`` (which candidate answers a prompt: ``"published"``, the default, ``"single"`` or ``"best"``; `promptseg.sam.choose`),
``compile`` (whether ``torch.compile`` compiles the image encoder, at the first image; by default not).
"""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..registry import LoadRequest
from ..sam.session import SamSegmenter
from ..sam.torch_sam2 import TorchSam2
from ._torch_sam import from_checkpoint, load_segmenter

STABILITY = {
    "dynamic_multimask_via_stability": True,
    "dynamic_multimask_stability_delta": 0.05,
    "dynamic_multimask_stability_thresh": 0.98,
}
"""What upstream's ``build_sam2`` adds to each configuration."""


def load(request: LoadRequest) -> SamSegmenter:
    """The factory of backend ``sam2``; it raises what `promptseg.load` says."""
    return load_segmenter(request, torch_module, package="sam2", engine=TorchSam2)


def torch_module(request: LoadRequest) -> Any:
    """``SAM2Base`` of package sam2 with the weights of a request, in evaluation mode on the CPU.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return from_checkpoint(request, partial(_build, request.engine.variant), _variant(request))


def _variant(request: LoadRequest) -> str:
    """Such as "sam2.1_hiera_b+", of a configuration such as "configs/sam2.1/sam2.1_hiera_b+.yaml"."""
    return Path(request.engine.variant).stem


def _build(config: str) -> Any:
    """``SAM2Base`` of a configuration, without memory for its parameters.

    Upstream's ``build_sam2`` composes the configuration through Hydra's state of the whole process, which fails where a program has
    initialised Hydra for itself. A configuration is one file that refers to no other: it can be read as it is.
    """
    _import_sam2()
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    model = OmegaConf.load(str(files("sam2").joinpath(config))).model
    model.sam_mask_decoder_extra_args = STABILITY
    _leave_cuda_alone(model)
    with torch.device("meta"), _NumbersOnCpu():
        return instantiate(model)


def _import_sam2() -> None:
    """Imports the package and takes back that it initialises Hydra, which would forbid a program to do so itself later."""
    from hydra.core.global_hydra import GlobalHydra

    initialised = GlobalHydra.instance().is_initialized()
    import sam2  # noqa: F401 - For what importing it does.

    if not initialised:
        GlobalHydra.instance().clear()


def _leave_cuda_alone(model: Any) -> None:
    """Changes what would use CUDA, where there is CUDA, whatever device was asked for. It is all about memory, which images do not have."""
    for part in (model.image_encoder.neck, model.memory_encoder):
        part.position_encoding.warmup_cache = False
    layer = model.memory_attention.layer
    for name in ("self_attention", "cross_attention"):  # Attention without rotation has the same parameters.
        arguments = {key: value for key, value in layer[name].items() if key not in ("rope_theta", "rope_k_repeat", "feat_sizes")}
        layer[name] = {**arguments, "_target_": "sam2.modeling.sam.transformer.Attention"}


class _NumbersOnCpu(TorchFunctionMode):
    """Lets upstream compute numbers, its rates of stochastic depth, while tensors are made without memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        return func(*args, **{**kwargs, "device": "cpu"} if func is torch.linspace else kwargs)
