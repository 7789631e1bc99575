"""Checkpoints of the original Grounding DINO: safe reading, recognition of the variant, and renaming for transformers."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from ...errors import WeightsMismatchError
from ...runtime.checkpoints import read_checkpoint
from .architecture import ARCHITECTURES

_LEFT_OVER = frozenset({"label_enc.weight", "bert.embeddings.position_ids"})
"""Tensors of the published checkpoints that no model uses: an embedding for training, and position IDs of old versions of transformers."""

_PATCHES = "backbone.0.patch_embed.proj.weight"


def read_original(path: Path, variant: str, model: str) -> dict[str, Tensor]:
    """Read the tensors of an original checkpoint, in float32 on the CPU, by their names in the original code.

    Args:
        path: The checkpoint.
        variant: Expected variant, such as ``"swin-t"``.
        model: Name of the model in messages.

    Raises:
        WeightsMismatchError: The checkpoint is damaged or unsafe, or it belongs to another model or another variant.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in read_checkpoint(path).items()}
    if _PATCHES not in state or "bert.embeddings.word_embeddings.weight" not in state:
        some = ", ".join(list(state)[:4]) or "no tensors"
        raise WeightsMismatchError(f"{path} is not a checkpoint of Grounding DINO as its authors publish it: it has {some}")
    check_variant(path, int(state[_PATCHES].shape[0]), variant, model)
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items() if name not in _LEFT_OVER}


def check_variant(path: Path, embed_dim: int, variant: str, model: str) -> None:
    """Raise an error if weights belong to another variant.

    Args:
        path: The weights, named in the message.
        embed_dim: Channels of the first stage of the backbone in the weights.
        variant: Expected variant.
        model: Name of the model in the message.

    Raises:
        WeightsMismatchError: The weights belong to another variant.
    """
    if embed_dim != ARCHITECTURES[variant].embed_dim:
        found = next((name for name, known in ARCHITECTURES.items() if known.embed_dim == embed_dim), f"a Swin of {embed_dim} channels")
        raise WeightsMismatchError(f"{path}: these are the weights of {found}, model {model!r} needs {variant}")


def for_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of an original checkpoint by their names in transformers.

    Besides the names, three things differ: transformers stores the query, key and value of an attention separately; it has no pooler after
    the text encoder, whose output is not used; and it stores the box head that all layers share only once.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.startswith("bert.pooler.") or _is_shared_box_head(name):
            continue
        new = _renamed(name)
        parts = _SPLIT.fullmatch(new)
        if parts is None:
            renamed[new] = tensor
            continue
        for part, chunk in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            renamed[f"{parts['owner']}.{part}.{parts['kind']}"] = chunk
    return renamed


def check_shared_box_head(path: Path, state: dict[str, Tensor]) -> None:
    """Raise an error if the decoder layers of a checkpoint have different box heads. Both engines have one box head for all layers.

    Raises:
        WeightsMismatchError: The box heads differ.
    """
    for name, tensor in state.items():
        first = re.sub(r"^(transformer\.decoder\.)?bbox_embed\.\d+\.", "bbox_embed.0.", name)
        if _is_shared_box_head(name) and (first not in state or not torch.equal(tensor, state[first])):
            raise WeightsMismatchError(
                f"{path}: {name} differs from {first}; in Grounding DINO all layers of the decoder share one box head"
            )


def _is_shared_box_head(name: str) -> bool:
    """Return whether a tensor is a copy of ``bbox_embed.0``."""
    return re.match(r"transformer\.decoder\.bbox_embed\.|bbox_embed\.(?!0\.)", name) is not None


def _renamed(name: str) -> str:
    for prefix, new_prefix, inner in _NAMES:
        found = re.match(prefix, name)
        if found:
            rest = name[found.end() :]
            for old, new in inner.items():
                rest = re.sub(old, new, rest)
            return found.expand(new_prefix) + rest
    return name


_SPLIT = re.compile(r"(?P<owner>.+)\.(?:in_proj_|qkv\.)(?P<kind>weight|bias)")
"""Names of tensors that combine query, key and value."""

_SWIN = "model.backbone.conv_encoder.model."

_NAMES: tuple[tuple[str, str, dict[str, str]], ...] = (
    (r"bert\.", "model.text_backbone.", {}),
    (r"feat_map\.", "model.text_projection.", {}),
    (r"input_proj\.", "model.input_proj_vision.", {}),
    (r"backbone\.0\.patch_embed\.proj\.", f"{_SWIN}embeddings.patch_embeddings.projection.", {}),
    (r"backbone\.0\.patch_embed\.norm\.", f"{_SWIN}embeddings.norm.", {}),
    (r"backbone\.0\.norm1\.", f"{_SWIN}hidden_states_norms.stage2.", {}),
    (r"backbone\.0\.norm2\.", f"{_SWIN}hidden_states_norms.stage3.", {}),
    (r"backbone\.0\.norm3\.", f"{_SWIN}hidden_states_norms.stage4.", {}),
    (
        r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.",
        rf"{_SWIN}encoder.layers.\1.blocks.\2.",
        {
            r"^norm1\.": "layernorm_before.",
            r"^norm2\.": "layernorm_after.",
            r"^attn\.proj\.": "attention.output.dense.",
            r"^attn\.": "attention.self.",
            r"^mlp\.fc1\.": "intermediate.dense.",
            r"^mlp\.fc2\.": "output.dense.",
        },
    ),
    (r"backbone\.0\.layers\.", f"{_SWIN}encoder.layers.", {}),
    (
        r"transformer\.encoder\.layers\.(\d+)\.",
        r"model.encoder.layers.\1.deformable_layer.",
        {r"^norm1\.": "self_attn_layer_norm.", r"^norm2\.": "final_layer_norm.", r"^linear(\d)\.": r"fc\1."},
    ),
    (
        r"transformer\.encoder\.text_layers\.(\d+)\.",
        r"model.encoder.layers.\1.text_enhancer_layer.",
        {r"^norm1\.": "layer_norm_before.", r"^norm2\.": "layer_norm_after.", r"^linear(\d)\.": r"fc\1."},
    ),
    (
        r"transformer\.encoder\.fusion_layers\.(\d+)\.",
        r"model.encoder.layers.\1.fusion_layer.",
        {
            r"^gamma_v$": "vision_param",
            r"^gamma_l$": "text_param",
            r"^layer_norm_v\.": "layer_norm_vision.",
            r"^layer_norm_l\.": "layer_norm_text.",
            r"v_proj\.": "vision_proj.",
            r"l_proj\.": "text_proj.",
        },
    ),
    (
        r"transformer\.decoder\.layers\.(\d+)\.",
        r"model.decoder.layers.\1.",
        {
            r"^cross_attn\.": "encoder_attn.",
            r"^ca_text\.": "encoder_attn_text.",
            r"^catext_norm\.": "encoder_attn_text_layer_norm.",
            r"^norm1\.": "encoder_attn_layer_norm.",
            r"^norm2\.": "self_attn_layer_norm.",
            r"^norm3\.": "final_layer_norm.",
            r"^linear(\d)\.": r"fc\1.",
        },
    ),
    (r"transformer\.decoder\.norm\.", "model.decoder.layer_norm.", {}),
    (r"transformer\.decoder\.ref_point_head\.", "model.decoder.reference_points_head.", {}),
    (r"transformer\.enc_out_bbox_embed\.", "model.encoder_output_bbox_embed.", {}),
    (r"transformer\.tgt_embed\.", "model.query_position_embeddings.", {}),
    (r"transformer\.", "model.", {}),
)
"""Renaming rules: pattern of an original prefix, prefix in transformers, and patterns for the rest of the name. The first match applies."""
