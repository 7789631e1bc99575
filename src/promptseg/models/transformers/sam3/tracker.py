"""`Sam3Tracker`: points, boxes and masks on images with SAM 3, on the torch engine of the SAM family.

``Sam3TrackerModel`` of transformers has the decoder of SAM 2 under other names. Here it gets the names of segment-anything, so that the
engine's decoder runs it: sessions, batches, candidates and everything mode are those of every SAM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ....masks import Size
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ...sam.geometry import InputGeometry, StretchToSquare
from ...sam.torch.encoding import TorchSettings
from ...sam.torch.model import EMBEDDING, HIGH_RES, TorchSam
from ...sam.torch.sam2 import decoder_config_of
from .inputs import model_input

LEVELS = 3
"""Number of levels of the feature pyramid that are used. The model has a fourth, coarser one, which SAM 3's own code drops, too."""


class Sam3Tracker(TorchSam):
    """SAM 3 for points, boxes and masks on images; a `promptseg.models.sam.model.SamModel`.

    Args:
        tracker: ``Sam3TrackerModel`` of transformers, with its weights, in evaluation mode. It is moved to the device and converted, and
            must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, tracker: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        self.decoder_config = decoder_config_of(tracker.mask_decoder)
        super().__init__(_NamedAsSam(tracker), provenance, settings, need)

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: they are stretched to the whole model input."""
        return StretchToSquare(size, self._input_size, self._low_res)

    def _model_input(self, images: Sequence[NDArray[np.uint8]], geometries: Sequence[InputGeometry]) -> Tensor:
        return model_input(images, geometries[0].input_size, self.settings.device, self.settings.dtype)

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        return dict(zip((EMBEDDING, *HIGH_RES), self._encoder(batch), strict=True))


class _NamedAsSam(nn.Module):
    """The parts of a ``Sam3TrackerModel`` under segment-anything's names."""

    def __init__(self, tracker: Any) -> None:
        super().__init__()
        self.image_encoder = _ImageEncoder(tracker)
        self.prompt_encoder = _PromptEncoder(tracker)
        self.mask_decoder = _MaskDecoder(tracker.mask_decoder)


class _ImageEncoder(nn.Module):
    """Image encoder: ``get_image_embeddings`` of transformers.

    ``no_memory_embedding``, the embedding for an image without memory, is added to the coarsest level that is used, as in SAM 3's own
    code. transformers 5.24 adds it to the level that it drops, where it has no effect.
    """

    def __init__(self, tracker: Any) -> None:
        super().__init__()
        self.img_size = int(tracker.prompt_encoder.input_image_size)
        self.backbone = tracker.vision_encoder
        self.conv_s0, self.conv_s1 = tracker.mask_decoder.conv_s0, tracker.mask_decoder.conv_s1
        self.no_memory = tracker.no_memory_embedding

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the image embedding, and the features at four and at two times its grid."""
        finest, finer, embedding = self.backbone(batch).fpn_hidden_states[:LEVELS]
        return embedding + self.no_memory.view(1, -1, 1, 1), self.conv_s0(finest), self.conv_s1(finer)


class _PromptEncoder(nn.Module):
    """The parts of a ``Sam3TrackerPromptEncoder`` that `promptseg.models.sam.torch.decoder.TorchDecoder` uses."""

    def __init__(self, tracker: Any) -> None:
        super().__init__()
        encoder = tracker.prompt_encoder
        self.image_embedding_size = encoder.image_embedding_size
        self.input_image_size = (encoder.input_image_size, encoder.input_image_size)
        # Trained models have the same frequencies twice.
        self.pe_layer, self.image_pe_layer = (
            SimpleNamespace(positional_encoding_gaussian_matrix=layer.positional_embedding)
            for layer in (encoder.shared_embedding, tracker.shared_image_embedding)
        )
        self.not_a_point_embed, self.no_mask_embed = encoder.not_a_point_embed, encoder.no_mask_embed
        self.point_embeddings = [encoder.point_embed]  # Of all four kinds of points.
        self.mask_downscaling = encoder.mask_embed


class _MaskDecoder(nn.Module):
    """A ``Sam3TrackerMaskDecoder`` with the names of ``MaskDecoder``."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.obj_score_token, self.iou_token, self.mask_tokens = decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens
        self.transformer = _Transformer(decoder.transformer)
        self.output_upscaling = nn.Sequential(
            decoder.upscale_conv1, decoder.upscale_layer_norm, decoder.activation, decoder.upscale_conv2, decoder.activation
        )
        self.iou_prediction_head = decoder.iou_prediction_head
        self.output_hypernetworks_mlps = decoder.output_hypernetworks_mlps
        self.pred_obj_score_head = decoder.pred_obj_score_head


class _Transformer(nn.Module):
    """A ``Sam3TrackerTwoWayTransformer`` with the names of ``TwoWayTransformer``."""

    def __init__(self, transformer: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(layer) for layer in transformer.layers)
        self.final_attn_token_to_image = _Attention(transformer.final_attn_token_to_image)
        self.norm_final_attn = transformer.layer_norm_final_attn


class _Layer(nn.Module):
    """A ``Sam3TrackerTwoWayAttentionBlock`` with the names of ``TwoWayAttentionBlock``."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.self_attn = _Attention(layer.self_attn)
        self.cross_attn_token_to_image = _Attention(layer.cross_attn_token_to_image)
        self.cross_attn_image_to_token = _Attention(layer.cross_attn_image_to_token)
        self.norm1, self.norm2, self.norm3, self.norm4 = layer.layer_norm1, layer.layer_norm2, layer.layer_norm3, layer.layer_norm4
        self.mlp = layer.mlp
        self.skip_first_layer_pe = layer.skip_first_layer_pe


class _Attention(nn.Module):
    """A ``Sam3TrackerAttention`` with the names of ``Attention``."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj
        self.num_heads, self.internal_dim = attention.num_attention_heads, attention.internal_dim
