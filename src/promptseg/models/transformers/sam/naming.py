"""Models of the SAM family of transformers under segment-anything's names, so that the engine of the SAM family runs them.

transformers has the layers of the authors under other names, and gives the same names to those of SAM, SAM-HQ, SAM 2, EdgeTAM and SAM 3's
tracker. The layers are shared, not copied: the model must not be used elsewhere afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ...sam.torch.hiera import HieraEncoder
from ...sam.torch.hq import HqFeatures
from ...sam.torch.vit import HqVitEncoder, VitEncoder

LEVELS = 3
"""Number of levels of the feature pyramid that SAM 2's decoder reads."""


class Parts(nn.Module):
    """A module of layers and values under given names."""

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def named_sam(model: Any) -> nn.Module:
    """Return a ``SamModel`` with segment-anything's names and our encoder."""
    return named(model, VitEncoder(_vit(model)))


def named_sam_hq(model: Any) -> nn.Module:
    """Return a ``SamHQModel`` with the names that `promptseg.models.sam.torch.hq.HqDecoder` reads, and our encoder."""
    decoder = model.mask_decoder
    upscaled = [
        nn.Sequential(getattr(decoder, f"{part}_conv1"), getattr(decoder, f"{part}_norm"), nn.GELU(), getattr(decoder, f"{part}_conv2"))
        for part in ("encoder", "compress_vit")
    ]
    return named(
        model,
        HqVitEncoder(_vit(model), HqFeatures(*upscaled)),
        mask_tokens=SimpleNamespace(weight=torch.cat([decoder.mask_tokens.weight, decoder.hq_token.weight])),
        output_hypernetworks_mlps=nn.ModuleList([*decoder.output_hypernetworks_mlps, decoder.hq_mask_mlp]),
        hq_convolutions=nn.ModuleList([decoder.mask_conv1, decoder.mask_norm, decoder.mask_conv2]),
    )


def named_sam2(model: Any) -> nn.Module:
    """Return a ``Sam2Model`` with segment-anything's names and our encoder."""
    return named(model, HieraEncoder(_hiera(model)))


def named_edgetam(model: Any) -> nn.Module:
    """Return an ``EdgeTamModel`` with segment-anything's names."""
    model.vision_encoder.neck.position_encoding = _NoPositions()
    return named(model, PyramidEncoder(model))


def named(model: Any, image_encoder: nn.Module, **of_mask_decoder: Any) -> nn.Module:
    """Return a model under segment-anything's names.

    Args:
        model: The model.
        image_encoder: Its image encoder.
        of_mask_decoder: Parts of its mask decoder that are other ones than those of the model, or additional ones.
    """
    return Parts(
        image_encoder=image_encoder,
        prompt_encoder=_prompt_encoder(model.prompt_encoder, model.shared_image_embedding),
        mask_decoder=_mask_decoder(model.mask_decoder, of_mask_decoder),
    )


class PyramidEncoder(nn.Module):
    """Image encoder of a model with SAM 2's decoder, by transformers' own code: ``get_image_embeddings``.

    ``no_memory_embedding``, the embedding for an image without memory, is added to the coarsest level that is used, as the authors do. (For
    SAM 3's tracker, transformers 5.24 adds it to a fourth level, which it then drops.)
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.img_size = int(model.prompt_encoder.input_image_size)
        self.backbone = model.vision_encoder
        self.conv_s0, self.conv_s1 = model.mask_decoder.conv_s0, model.mask_decoder.conv_s1
        self.no_memory = model.no_memory_embedding

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the image embedding, and the features at four and at two times its grid."""
        finest, finer, embedding = self.backbone(batch).fpn_hidden_states[:LEVELS]
        return embedding + self.no_memory.view(1, -1, 1, 1), self.conv_s0(finest), self.conv_s1(finer)


class _NoPositions(nn.Module):
    """Position encoding of nothing, for images: only memory uses positions, and those of one image take 90 MB."""

    def forward(self, shape: Any, device: torch.device, dtype: torch.dtype) -> Tensor:  # noqa: ARG002 - As transformers calls it.
        return torch.empty(0, device=device, dtype=dtype)


def _vit(model: Any) -> Any:
    """Return the image encoder of a ``SamModel`` or ``SamHQModel`` with the names of ``ImageEncoderViT``."""
    encoder = model.vision_encoder
    for layer in encoder.layers:
        layer.norm1, layer.norm2 = layer.layer_norm1, layer.layer_norm2
        layer.attn.num_heads = layer.attn.num_attention_heads
    neck = encoder.neck
    return Parts(
        img_size=model.prompt_encoder.input_image_size,
        patch_embed=encoder.patch_embed,
        pos_embed=encoder.pos_embed,
        blocks=encoder.layers,
        neck=nn.Sequential(neck.conv1, neck.layer_norm1, neck.conv2, neck.layer_norm2),
    )


def _hiera(model: Any) -> Any:
    """Return the parts of a ``Sam2Model`` that `HieraEncoder` reads, with the names of ``SAM2Base``."""
    vision = model.vision_encoder
    backbone, neck = vision.backbone, vision.neck
    pyramid = Parts(
        convs=nn.ModuleList(Parts(conv=convolution) for convolution in neck.convs),
        fpn_top_down_levels=neck.fpn_top_down_levels,
        fpn_interp_model="nearest",
        fuse_type="sum",
    )
    return SimpleNamespace(
        image_size=model.prompt_encoder.input_image_size,
        image_encoder=SimpleNamespace(trunk=_HieraTrunk(backbone), neck=pyramid, scalp=len(neck.convs) - vision.num_feature_levels),
        sam_mask_decoder=model.mask_decoder,
        no_mem_embed=model.no_memory_embedding,
        directly_add_no_mem_embed=True,
    )


class _HieraTrunk(Parts):
    """A ``Sam2HieraDetModel`` with the names of ``Hiera``."""

    def __init__(self, backbone: Any) -> None:
        super().__init__(
            patch_embed=Parts(proj=backbone.patch_embed.projection),
            blocks=nn.ModuleList(_HieraBlock(block) for block in backbone.blocks),
            stage_ends=backbone.stage_ends,
            whole=backbone,
        )

    def _get_pos_embed(self, size: Any) -> Tensor:
        backbone: Any = self.whole
        found: Tensor = backbone._get_pos_embed(size)  # noqa: SLF001 - The formula of upstream. The authors gave it this name.
        return found


class _HieraBlock(Parts):
    """A ``Sam2MultiScaleBlock`` with the names of ``MultiScaleBlock``."""

    def __init__(self, block: Any) -> None:
        attention = block.attn
        super().__init__(
            norm1=block.layer_norm1,
            norm2=block.layer_norm2,
            attn=Parts(qkv=attention.qkv, proj=attention.proj, num_heads=attention.num_attention_heads),
            mlp=Parts(layers=nn.ModuleList([block.mlp.proj_in, block.mlp.proj_out])),
            proj=getattr(block, "proj", None),
            dim=block.dim,
            dim_out=block.dim_out,
            window_size=block.window_size,
            q_stride=block.query_stride,
            whole=block,
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the output of the block by transformers' own code."""
        block: Any = self.whole
        found: Tensor = block(tokens)
        return found


def _prompt_encoder(encoder: Any, image_positions: Any) -> nn.Module:
    """Return the parts of a prompt encoder that `promptseg.models.sam.torch.decoder.TorchDecoder` uses."""
    kinds = encoder.point_embed
    return Parts(
        image_embedding_size=encoder.image_embedding_size,
        input_image_size=(encoder.input_image_size, encoder.input_image_size),
        pe_layer=_positions(encoder.shared_embedding),
        image_pe_layer=_positions(image_positions),  # Trained models have the same frequencies twice.
        not_a_point_embed=encoder.not_a_point_embed,
        no_mask_embed=encoder.no_mask_embed,
        point_embeddings=kinds if isinstance(kinds, nn.ModuleList) else nn.ModuleList([kinds]),  # SAM 2 has all four kinds in one.
        mask_downscaling=encoder.mask_embed,
    )


def _positions(layer: Any) -> SimpleNamespace:
    return SimpleNamespace(positional_encoding_gaussian_matrix=layer.positional_embedding)


def _mask_decoder(decoder: Any, other: Mapping[str, Any]) -> nn.Module:
    """Return a mask decoder with the names of ``MaskDecoder``, and with other parts in place of its own."""
    transformer = decoder.transformer
    of_sam2 = {
        name: getattr(decoder, name)
        for name in (
            "obj_score_token",
            "pred_obj_score_head",
            "dynamic_multimask_via_stability",
            "dynamic_multimask_stability_delta",
            "dynamic_multimask_stability_thresh",
        )
        if hasattr(decoder, name)
    }
    parts = {
        "iou_token": decoder.iou_token,
        "mask_tokens": decoder.mask_tokens,
        "transformer": Parts(
            layers=nn.ModuleList(_layer(layer) for layer in transformer.layers),
            final_attn_token_to_image=_attention(transformer.final_attn_token_to_image),
            norm_final_attn=transformer.layer_norm_final_attn,
        ),
        "output_upscaling": nn.Sequential(
            decoder.upscale_conv1, decoder.upscale_layer_norm, decoder.activation, decoder.upscale_conv2, decoder.activation
        ),
        "iou_prediction_head": decoder.iou_prediction_head,
        "output_hypernetworks_mlps": decoder.output_hypernetworks_mlps,
    }
    return Parts(**{**parts, **of_sam2, **other})


def _layer(layer: Any) -> nn.Module:
    """Return a layer of the two-way transformer with the names of ``TwoWayAttentionBlock``."""
    return Parts(
        self_attn=_attention(layer.self_attn),
        cross_attn_token_to_image=_attention(layer.cross_attn_token_to_image),
        cross_attn_image_to_token=_attention(layer.cross_attn_image_to_token),
        norm1=layer.layer_norm1,
        norm2=layer.layer_norm2,
        norm3=layer.layer_norm3,
        norm4=layer.layer_norm4,
        mlp=layer.mlp,
        skip_first_layer_pe=layer.skip_first_layer_pe,
    )


def _attention(attention: Any) -> nn.Module:
    """Return an attention with the names of ``Attention``."""
    return Parts(
        q_proj=attention.q_proj,
        k_proj=attention.k_proj,
        v_proj=attention.v_proj,
        out_proj=attention.out_proj if hasattr(attention, "out_proj") else attention.o_proj,
        num_heads=attention.num_attention_heads,
        internal_dim=attention.internal_dim,
    )
