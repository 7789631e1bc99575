"""Construction of ``SAM2Base`` from a configuration file of package sam2, for backends ``sam2`` and ``sam2_video``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..registry import LoadRequest
from ._torch_sam import from_checkpoint

STABILITY = {
    "dynamic_multimask_via_stability": True,
    "dynamic_multimask_stability_delta": 0.05,
    "dynamic_multimask_stability_thresh": 0.98,
}
"""Options that ``build_sam2`` of package sam2 adds to each configuration."""


def sam2_base(request: LoadRequest, build: Callable[[str], Any]) -> Any:
    """Return ``SAM2Base`` of package sam2 with the weights of a request, in evaluation mode on the CPU.

    Args:
        request: The load request.
        build: Function that builds the model of a configuration, such as `build_image_model`.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return from_checkpoint(request, partial(build, request.engine.variant), _variant(request))


def _variant(request: LoadRequest) -> str:
    """Return the name of the configuration, such as "sam2.1_hiera_b+" for "configs/sam2.1/sam2.1_hiera_b+.yaml"."""
    return Path(request.engine.variant).stem


def build_image_model(config: str) -> Any:
    """Return ``SAM2Base`` of a configuration for images, with parameters on device "meta"."""
    model = _configuration(config)
    layer = model.memory_attention.layer  # Images need no memory attention. Attention without rotation has the same parameters.
    for name in ("self_attention", "cross_attention"):
        arguments = {key: value for key, value in layer[name].items() if key not in ("rope_theta", "rope_k_repeat", "feat_sizes")}
        layer[name] = {**arguments, "_target_": "sam2.modeling.sam.transformer.Attention"}
    return _instantiated(model)


def build_video_model(config: str) -> Any:
    """Return ``SAM2Base`` of a configuration for videos, with parameters on device "meta".

    As with ``build_sam2_video_predictor`` of package sam2, masks are binarized before their memories are encoded. The rotation angles of
    the attention are not parameters; they are computed here.
    """
    model = _configuration(config)
    model.binarize_mask_from_pts_for_mem_enc = True
    layer = model.memory_attention.layer
    sizes = {name: [int(side) for side in layer[name].feat_sizes] for name in ("self_attention", "cross_attention")}
    built = _instantiated(model)
    for block in built.memory_attention.layers:
        for name, attention in (("self_attention", block.self_attn), ("cross_attention", block.cross_attn_image)):
            attention.freqs_cis = attention.compute_cis(end_x=sizes[name][0], end_y=sizes[name][1])
    return built


def _configuration(config: str) -> Any:
    """Return a configuration of package sam2, with the options that ``build_sam2`` adds, and without using CUDA unless asked to.

    Package sam2 composes the configuration through the global state of Hydra. That fails in a program that has initialized Hydra itself.
    A configuration is a single file without references to others, so it is read directly.
    """
    _import_sam2()
    from omegaconf import OmegaConf

    model = OmegaConf.load(str(files("sam2").joinpath(config))).model
    model.sam_mask_decoder_extra_args = STABILITY
    for part in (model.image_encoder.neck, model.memory_encoder):
        part.position_encoding.warmup_cache = False
    return model


def _instantiated(model: Any) -> Any:
    from hydra.utils import instantiate

    with torch.device("meta"), _NumbersOnCpu():
        return instantiate(model)


def _import_sam2() -> None:
    """Import the package and undo its initialization of Hydra, so that a program can initialize Hydra itself later."""
    from hydra.core.global_hydra import GlobalHydra

    initialized = GlobalHydra.instance().is_initialized()
    import sam2  # noqa: F401 - For its side effects.

    if not initialized:
        GlobalHydra.instance().clear()


class _NumbersOnCpu(TorchFunctionMode):
    """Torch mode for building a model on device "meta": ``torch.linspace`` computes on the CPU, and nothing is moved to CUDA.

    The constructors of package sam2 compute rates of stochastic depth with ``torch.linspace``. If CUDA is available, they move the rotation
    angles of the attention to CUDA, no matter which device was asked for.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.to and args[1:] == ("cuda",):
            return args[0]
        return func(*args, **{**kwargs, "device": "cpu"} if func is torch.linspace else kwargs)
