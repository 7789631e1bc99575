"""SAM-HQ's additions to SAM in torch: a high-quality token, and features of the image that it reads at the resolution of the logits.

The token is a fifth mask token. Its mask is a correction, which is added to the mask of each candidate (``hq_token_only=False`` upstream)
or stands alone (``hq_token_only=True``). Its features are a sum of two parts. One depends only on the image: the embedding, and tokens of
an early layer of the image encoder (in ViT after the first block with global attention), both upscaled (`HqFeatures`). The other is two
convolutions of the upscaled image tokens of a prompt (Ke et al., "Segment Anything in High Quality", 2023; ``MaskDecoderHQ`` of the
authors).

The second of these convolutions and the product with the weights of the mask are linear, so both are one convolution to one channel. This
saves nearly half of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ....masks import Size
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ..model import DecoderConfig
from .decoder import TorchDecoder, nested
from .encoding import TorchSettings
from .model import EMBEDDING, TorchSam

HQ = "hq"
"""Name in `Embedding.features` of the features of the high-quality token that depend only on the image."""

_HALO = 1
"""Image tokens beyond a part of the image that its logits depend on. The convolutions reach two pixels far, a token is four pixels wide."""


class HqFeatures(nn.Module):
    """The features of the high-quality token that depend only on the image.

    Args:
        of_embedding: Upscaling of the embedding, (B, C, grid) to (B, C / 8, 4 grid).
        of_tokens: Upscaling of the tokens of the image encoder, (B, width, grid) to (B, C / 8, 4 grid).
    """

    def __init__(self, of_embedding: nn.Module, of_tokens: nn.Module) -> None:
        super().__init__()
        self.of_embedding, self.of_tokens = of_embedding, of_tokens

    def forward(self, embedding: Tensor, tokens: Tensor) -> Tensor:
        """Return features (B, C / 8, 4 rows, 4 columns) of an embedding (B, C, rows, columns) and tokens (B, rows, columns, width)."""
        features: Tensor = self.of_embedding(embedding)
        return features.add_(self.of_tokens(tokens.permute(0, 3, 1, 2)))


class HqDecoder(TorchDecoder):
    """Prompt encoder and mask decoder of SAM-HQ, for inference only.

    Args:
        prompt_encoder: As for `TorchDecoder`.
        mask_decoder: As for `TorchDecoder`, with the high-quality token as the last of the mask tokens and of the hypernetworks. Its
            ``hq_convolutions`` are the two convolutions with their layer norm between them.
        device: Device of all computation.
        dtype: Dtype of matrix products.
        hq_token_only: Whether the mask of the high-quality token stands alone. Otherwise it is added to that of each candidate.
    """

    def __init__(self, prompt_encoder: Any, mask_decoder: Any, device: torch.device, dtype: torch.dtype, hq_token_only: bool) -> None:
        super().__init__(prompt_encoder, mask_decoder, device, dtype)
        self._first, self._norm, self._second = mask_decoder.hq_convolutions.to(device, dtype)
        self._hq_token_only = hq_token_only

    def _offsets(self, high_res: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the offsets of SAM and the features of `HqFeatures` in nested order, (grid, 16 C / 8)."""
        (features,) = high_res
        return (*super()._offsets(()), nested(features, self.grid))

    def _logits(self, image: Tensor, hyper: Tensor, among: Tensor, offsets: Sequence[Tensor], part: Size) -> Tensor:
        wider = (min(self.grid[0], part[0] + _HALO), min(self.grid[1], part[1] + _HALO))
        tokens, (*plain, features) = self._upscaling.part(image, offsets, wider)
        values = self._upscaling(tokens, plain)
        hq = hyper[:, -1:]
        masks = hq @ features.reshape(-1, hq.shape[-1]).T
        if not self._hq_token_only:
            masks = masks + hyper[:, among] @ values.transpose(1, 2)
        placed = self._upscaling.placed(masks, wider) + self._correction(self._upscaling.placed(values.transpose(1, 2), wider), hq[:, 0])
        return placed[..., : 4 * part[0], : 4 * part[1]].float().expand(-1, len(among), -1, -1)

    def _correction(self, pixels: Tensor, hyper: Tensor) -> Tensor:
        """Return the part (N, 1, rows, columns) of the high-quality masks that depends on the prompts.

        Args:
            pixels: (N, C / 8, rows, columns) upscaled image tokens.
            hyper: (N, C / 8) weights of the masks.
        """
        prompts = len(pixels)
        hidden = functional.gelu(self._norm(self._first(pixels)))
        weights = torch.einsum("nc,cdyx->ndyx", hyper, self._second.weight)
        size = hidden.shape[-2:]
        found = functional.conv2d(hidden.reshape(1, -1, *size), weights, hyper @ self._second.bias, padding=1, groups=prompts)
        return found.view(prompts, 1, *size)


class TorchSamHq(TorchSam):
    """SAM-HQ on images; a `promptseg.models.sam.model.SamModel`.

    Its candidates and their scores are those of SAM. In everything mode the authors take the best of the candidates of each point.

    Args:
        sam: The model under segment-anything's names: ``image_encoder``, a `promptseg.models.sam.torch.vit.HqVitEncoder` or
            `promptseg.models.sam.torch.tinyvit.HqTinyVitEncoder`, ``prompt_encoder``, and ``mask_decoder`` as in `HqDecoder`. It is moved
            to the device and converted, and must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.
        hq_token_only: Whether the mask of the high-quality token stands alone. Otherwise it is added to that of each candidate.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    decoder_config = DecoderConfig(one_mask_a_point=True)
    extra_features = (HQ,)

    def __init__(
        self,
        sam: Any,
        provenance: Provenance,
        settings: TorchSettings,
        need: MemoryRequirement | None = None,
        *,
        hq_token_only: bool = False,
    ) -> None:
        self._hq_token_only = hq_token_only
        super().__init__(sam, provenance, settings, need)

    def _make_decoder(self, prompt_encoder: Any, mask_decoder: Any) -> TorchDecoder:
        return HqDecoder(prompt_encoder, mask_decoder, self.settings.device, self.settings.dtype, self._hq_token_only)

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        return dict(zip((EMBEDDING, HQ), self._encoder(batch), strict=True))


def named_hq(sam: Any, encoder: Callable[[Any, nn.Module], nn.Module]) -> Any:
    """Return a ``Sam`` of package segment-anything-hq with the names that `TorchSamHq` reads. It must not be used elsewhere afterwards.

    Args:
        sam: The model, with a ``MaskDecoderHQ``.
        encoder: Class of its image encoder here, which takes the encoder of the package and the `HqFeatures`.
    """
    decoder = sam.mask_decoder
    sam.image_encoder = encoder(sam.image_encoder, HqFeatures(decoder.embedding_encoder, decoder.compress_vit_feat))
    weight = torch.cat([decoder.mask_tokens.weight, decoder.hf_token.weight])
    decoder.mask_tokens = nn.Embedding(len(weight), weight.shape[1], _weight=weight, _freeze=True)
    decoder.output_hypernetworks_mlps.append(decoder.hf_mlp)
    first, norm, _, second = decoder.embedding_maskfeature
    decoder.hq_convolutions = nn.ModuleList([first, norm, second])
    return sam
