"""Engine on the Grounding DINO of transformers, from an original checkpoint or from a folder that transformers saved.

Nothing is fetched from a hub. The configuration is built here or read from the folder, and the weights are read from local files.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...errors import MissingDependencyError, WeightsMismatchError
from ..transformers.loading import CONFIG, read_config, read_tensors, with_tensors
from .architecture import ATTENTION_HEADS, FEATURE_LEVELS, VOCABULARY_SIZE, WIDTH, Architecture
from .captions import MAX_TOKENS
from .checkpoint import check_shared_box_head, check_variant, for_transformers

MIN_VERSION = (5, 23)
"""Minimum version of transformers. Older versions since 5.0 give the full stops of a caption wrong positions, and thus wrong scores."""


class TransformersGrounding(torch.nn.Module):
    """Model of transformers with tensors as inputs and outputs.

    Args:
        model: ``GroundingDinoForObjectDetection``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.eval().requires_grad_(False)

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (1, Q, 256) and boxes (1, Q, 4) for (1, 3, h, w) pixels and (1, T) token IDs."""
        with _OriginalInverseSigmoid():
            outputs = self.model(pixel_values=pixels, input_ids=tokens)
        return outputs.logits, outputs.pred_boxes


def check_version() -> None:
    """Raise an error if transformers is older than `MIN_VERSION`.

    Raises:
        MissingDependencyError: The installed version is older.
    """
    installed = version("transformers")
    if tuple(int(number) for number in re.findall(r"\d+", installed)[:2]) < MIN_VERSION:
        least = ".".join(map(str, MIN_VERSION))
        raise MissingDependencyError(
            f"Grounding DINO needs transformers {least} or later, installed is {installed}, which would give wrong scores: "
            f"pip install 'transformers>={least}'"
        )


def from_original(path: Path, state: dict[str, Tensor], architecture: Architecture, model: str) -> TransformersGrounding:
    """Return the model of transformers with the weights of an original checkpoint.

    Args:
        path: The checkpoint, named in messages.
        state: Tensors of the checkpoint, from `promptseg.models.grounding_dino.checkpoint.read_original`.
        architecture: Sizes of the model.
        model: Name of the model in messages.

    Raises:
        WeightsMismatchError: Tensors are missing, unexpected or of another shape.
    """
    from transformers import GroundingDinoForObjectDetection

    check_shared_box_head(path, state)
    return TransformersGrounding(
        with_tensors(GroundingDinoForObjectDetection, path, configuration(architecture), for_transformers(state), model=model)
    )


def from_folder(folder: Path, variant: str, model: str) -> TransformersGrounding:
    """Return the model in a folder that transformers saved, with ``config.json`` and ``.safetensors`` files.

    Args:
        folder: The folder.
        variant: Expected variant, such as ``"swin-t"``.
        model: Name of the model in messages.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or another variant, or the tensors do not fit its configuration.
    """
    from transformers import GroundingDinoForObjectDetection

    config = read_config(GroundingDinoForObjectDetection, folder, ("GroundingDinoForObjectDetection",))
    kinds = (config.backbone_config.model_type, config.text_config.model_type)
    if kinds != ("swin", "bert"):
        raise WeightsMismatchError(f"{folder / CONFIG} has a {kinds[0]} and a {kinds[1]}, model {model!r} needs a swin and a bert")
    check_variant(folder, config.backbone_config.embed_dim, variant, model)
    return TransformersGrounding(with_tensors(GroundingDinoForObjectDetection, folder, config, read_tensors(folder), model=model))


def configuration(architecture: Architecture) -> Any:
    """Return the configuration of transformers for an architecture."""
    from transformers import BertConfig, GroundingDinoConfig, SwinConfig

    backbone = SwinConfig(
        embed_dim=architecture.embed_dim,
        depths=list(architecture.depths),
        num_heads=list(architecture.heads),
        window_size=architecture.window,
        out_indices=[2, 3, 4],
    )
    text = BertConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=architecture.text_width,
        num_hidden_layers=architecture.text_layers,
        num_attention_heads=architecture.text_heads,
        intermediate_size=architecture.text_feed_forward,
    )
    return GroundingDinoConfig(
        backbone_config=backbone.to_dict(),
        text_config=text.to_dict(),
        d_model=WIDTH,
        num_queries=architecture.queries,
        num_feature_levels=FEATURE_LEVELS,
        encoder_layers=architecture.layers,
        decoder_layers=architecture.layers,
        encoder_ffn_dim=architecture.feed_forward,
        decoder_ffn_dim=architecture.feed_forward,
        encoder_attention_heads=ATTENTION_HEADS,
        decoder_attention_heads=ATTENTION_HEADS,
        max_text_len=MAX_TOKENS,
    )


class _OriginalInverseSigmoid(TorchFunctionMode):
    """Replacement of ``torch.special.logit`` by the inverse sigmoid of the original code, within this thread and call.

    Each decoder layer passes its boxes through this function. The original code clamps the values at 0.001 from 0 and from 1. transformers
    uses ``torch.special.logit``, which clamps at 0.00001. Without this replacement, boxes at the border of the model input, and boxes as
    large as the model input, would differ from those of the code that the weights were trained with.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.special.logit:
            value = args[0].clamp(0, 1)
            return torch.log(value.clamp(min=1e-3) / (1 - value).clamp(min=1e-3))
        return func(*args, **(kwargs or {}))
