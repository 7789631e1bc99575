"""The folders of the SAM family of transformers: which classes read them, and whether the engine computes what they describe."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ..errors import MissingDependencyError, WeightsMismatchError, shown
from ..models.transformers.loading import CONFIG, load_pretrained
from ._transformers import class_of

NAMES = {"sam": "Sam", "sam_hq": "SamHQ", "sam2": "Sam2", "edgetam": "EdgeTam"}
"""Beginning of the names of transformers' classes, by variant."""

TRACKERS = ("sam2", "edgetam")
"""Variants that also track in videos. A folder for videos serves images, too: it is the published form."""

_TITLES = {"sam": "SAM", "sam_hq": "SAM-HQ", "sam2": "SAM 2", "edgetam": "EdgeTAM"}

_HIERA = {"hidden_act": "gelu", "num_channels": 3, "query_stride": [2, 2]}
"""Values of the configuration of SAM 2's image encoder that the engine computes."""

_MAX_SIDE = 4096
"""Maximum side of the model input. That of the published models is 1024."""


def load_model(folder: Path, variant: str, kind: str = "") -> Any:
    """Return a model of transformers with the weights in a folder, in float32 on the CPU.

    Args:
        folder: Folder that transformers saved.
        variant: Variant of the model, a key of `NAMES`.
        kind: ``"Video"`` for the tracker, empty for the model for images.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or EdgeTAM's package timm is missing.
        WeightsNotFoundError: The folder or a file is missing.
        WeightsMismatchError: The folder is of another model, or damaged, or the model differs from the published ones.
    """
    name = NAMES[variant]
    if variant == "edgetam" and importlib.util.find_spec("timm") is None:
        raise MissingDependencyError(
            "EdgeTAM needs timm, which is not installed: pip install torchvision timm (with the torch that you have)"
        )
    cls = class_of(f"{name}{kind}Model", _TITLES[variant])
    readable = (f"{name}VideoModel",) if kind else (f"{name}Model", *([f"{name}VideoModel"] if variant in TRACKERS else []))
    model = load_pretrained(cls, folder, device=torch.device("cpu"), dtype=torch.float32, architectures=readable)
    _check_side(folder, model.config)
    checks = _of_pyramid(model.config) if variant in TRACKERS else _of_vit(model.config)
    for key, value, expected in [*_of_heads(model.config), *checks]:
        if value != expected:
            raise WeightsMismatchError(f"{folder / CONFIG} says {key}={shown(value)}, this engine computes {shown(expected)}")
    return model


def _check_side(folder: Path, config: Any) -> None:
    """Check the size of the model input, which no tensor shows in some models."""
    prompts = config.prompt_encoder_config
    side, patch = prompts.image_size, prompts.patch_size
    if not isinstance(side, int) or not isinstance(patch, int) or not 0 < patch <= side <= _MAX_SIDE or side % patch:
        raise WeightsMismatchError(
            f"{folder / CONFIG} says an image size of {shown(side)} in patches of {shown(patch)}: "
            f"expected a multiple of the patch size of at most {_MAX_SIDE}"
        )


def _of_heads(config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield keys, values and expected values of the prompt encoder and the mask decoder."""
    yield "num_point_embeddings", config.prompt_encoder_config.num_point_embeddings, 4
    yield "num_multimask_outputs", config.mask_decoder_config.num_multimask_outputs, 3


def _of_vit(config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield keys, values and expected values of the image encoder of SAM and SAM-HQ."""
    vision, prompts = config.vision_config, config.prompt_encoder_config
    for key in ("image_size", "patch_size"):
        yield key, getattr(vision, key), getattr(prompts, key)
    yield "hidden_act", vision.hidden_act, "gelu"
    yield "num_channels", vision.num_channels, 3


def _of_pyramid(config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield keys, values and expected values of the image encoder of SAM 2 and EdgeTAM."""
    vision, prompts = config.vision_config, config.prompt_encoder_config
    for key, expected in (("fpn_kernel_size", 1), ("fpn_stride", 1), ("fpn_padding", 0), ("num_feature_levels", 3)):
        yield key, getattr(vision, key), expected
    grid = prompts.image_size // prompts.patch_size
    yield "backbone_feature_sizes", [list(size) for size in vision.backbone_feature_sizes], [[scale * grid] * 2 for scale in (4, 2, 1)]
    yield "image_size", getattr(config, "image_size", prompts.image_size), prompts.image_size
    backbone = vision.backbone_config
    if backbone.model_type == "sam2_hiera_det_model":
        yield from ((key, getattr(backbone, key), value) for key, value in _HIERA.items())
