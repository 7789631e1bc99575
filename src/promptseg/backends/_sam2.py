"""What the two backends on package sam2, for images and for videos, share: its model, built from one configuration file."""

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
"""What upstream's ``build_sam2`` adds to each configuration."""


def sam2_base(request: LoadRequest, build: Callable[[str], Any]) -> Any:
    """``SAM2Base`` of package sam2 with the weights of a request, in evaluation mode on the CPU.

    Args:
        request: What `load` was asked for.
        build: Makes the model of a configuration.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe or of another model.
    """
    return from_checkpoint(request, partial(build, request.engine.variant), _variant(request))


def _variant(request: LoadRequest) -> str:
    """Such as "sam2.1_hiera_b+", of a configuration such as "configs/sam2.1/sam2.1_hiera_b+.yaml"."""
    return Path(request.engine.variant).stem


def build_image_model(config: str) -> Any:
    """``SAM2Base`` of a configuration for images, without memory for its parameters."""
    model = _configuration(config)
    layer = model.memory_attention.layer  # Memory is for videos; attention without rotation has the same parameters.
    for name in ("self_attention", "cross_attention"):
        arguments = {key: value for key, value in layer[name].items() if key not in ("rope_theta", "rope_k_repeat", "feat_sizes")}
        layer[name] = {**arguments, "_target_": "sam2.modeling.sam.transformer.Attention"}
    return _instantiated(model)


def build_video_model(config: str) -> Any:
    """``SAM2Base`` of a configuration for videos, without memory for its parameters.

    As upstream's ``build_sam2_video_predictor``, it encodes memories of masks as they are seen. Attention is rotated by angles that are no
    parameters, which are computed here.
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
    """A configuration of upstream's, with what upstream's own functions add to each, and nothing in it that uses CUDA unasked.

    Upstream composes the configuration through Hydra's state of the whole process, which fails where a program has initialized Hydra for
    itself. A configuration is one file that refers to no other: it can be read as it is.
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
    """Imports the package and takes back that it initializes Hydra, which would forbid a program to do so itself later."""
    from hydra.core.global_hydra import GlobalHydra

    initialized = GlobalHydra.instance().is_initialized()
    import sam2  # noqa: F401 - For what importing it does.

    if not initialized:
        GlobalHydra.instance().clear()


class _NumbersOnCpu(TorchFunctionMode):
    """Lets upstream compute numbers, its rates of stochastic depth, while tensors are made without memory, and leaves CUDA alone.

    Upstream moves angles of attention to CUDA where there is CUDA, whatever device was asked for.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.to and args[1:] == ("cuda",):
            return args[0]
        return func(*args, **{**kwargs, "device": "cpu"} if func is torch.linspace else kwargs)
