"""Trainable prompt encoder and mask decoder: the parameters of the package's modules, with faster arithmetic.

Attention is that of `promptseg.finetuning.attention`. Logits are computed only for the image tokens that the loss samples: each image token
determines 4 x 4 logits without its neighbors, so only the sampled tokens are upscaled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..masks import Size
from ..models.sam.geometry import InputGeometry, ResizeLongestSide, StretchToSquare
from ..models.sam.model import DecoderConfig, PointPrompts
from ..models.sam.torch.checkpoints import decoder_state
from ..models.sam.torch.decoder import nested
from ..models.sam.torch.model import EMBEDDING, HIGH_RES
from ..models.sam.torch.sam2 import decoder_config_of
from ..weights.store import DECODER
from .attention import transform

Features = Mapping[str, Union[NDArray[np.float32], Tensor]]


class TrainableDecoder:
    """Decoder of ``Sam`` (segment-anything, mobile_sam) or ``SAM2Base`` (sam2) on single images.

    Args:
        model: The package's model. It is changed in place and loses its image encoder.
        device: Device to compute on.
    """

    def __init__(self, model: Any, device: torch.device) -> None:
        self._prompt_encoder, self._mask_decoder = (
            (model.prompt_encoder, model.mask_decoder)
            if hasattr(model, "mask_decoder")
            else (model.sam_prompt_encoder, model.sam_mask_decoder)
        )
        self._sam2 = hasattr(self._mask_decoder, "obj_score_token")
        self.decoder_config = decoder_config_of(self._mask_decoder) if self._sam2 else DecoderConfig()
        self._input_size = int(self._prompt_encoder.input_image_size[0])
        self.grid: Size = tuple(self._prompt_encoder.image_embedding_size)
        for part in ("image_encoder", "memory_attention", "memory_encoder"):  # They take most of the memory.
            if hasattr(model, part):
                delattr(model, part)
        self._model = model.to(device)
        with torch.no_grad():
            self._positions = self._prompt_encoder.get_dense_pe()[0].flatten(1).T.contiguous()  # Its frequencies are never trained.
        self.device = device

    def geometry(self, size: Size) -> InputGeometry:
        """Return the mapping between images of a size and the model input."""
        return (StretchToSquare if self._sam2 else ResizeLongestSide)(size, self._input_size, 4 * self.grid[0])

    def decode(self, features: Features, prompts: PointPrompts, places: NDArray[np.int64] | None = None) -> tuple[Tensor, Tensor]:
        """Decode all candidates of N prompts on one image.

        Args:
            features: Features of the image from the image encoder.
            prompts: The prompts.
            places: (N, n) indices of the image tokens whose logits are wanted, counted row by row; None for all tokens.

        Returns:
            logits: (N, candidates, n, 16), the 16 logits of an image token in the order of `in_tokens`.
            scores: (N, candidates) predicted IoU.
        """
        embedding, *high_res = (self._tensor(features[name]) for name in (EMBEDDING, *HIGH_RES) if name in features)
        decoder = self._mask_decoder
        image = embedding.flatten(2).transpose(1, 2).contiguous() + self._prompt_encoder.no_mask_embed.weight
        tokens = self._tokens(prompts)
        tokens, image = transform(decoder.transformer, image, self._positions, tokens)
        iou, *masks = tokens[:, int(self._sam2) :].unbind(dim=1)
        hyper = torch.stack([head(token) for head, token in zip(decoder.output_hypernetworks_mlps, masks, strict=False)], dim=1)
        chosen = None if places is None else torch.from_numpy(places).to(self.device)
        if chosen is not None:
            image = image.gather(1, chosen.unsqueeze(-1).expand(-1, -1, image.shape[-1]))
        return self._upscaled(image, hyper, high_res, chosen), decoder.iou_prediction_head(iou)

    def parameters(self, *, prompt_encoder: bool) -> list[torch.nn.Parameter]:
        """Return the trained parameters: those of the mask decoder, and with `prompt_encoder` those of the prompt encoder."""
        names = set(decoder_state(self._model))
        chosen = [
            (name, parameter)
            for name, parameter in self._model.named_parameters()
            if name in names and (prompt_encoder or not name.removeprefix("sam_").startswith("prompt_encoder."))
        ]
        for _, parameter in chosen:
            parameter.requires_grad_(True)
        return [parameter for _, parameter in chosen]

    def state(self) -> dict[str, Tensor]:
        """Return copies of the tensors of the prompt encoder and the mask decoder on the CPU, by their names in the package's model."""
        return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in decoder_state(self._model).items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load tensors that `state` returned."""
        self._model.load_state_dict(state, strict=False)

    def files(self, state: Mapping[str, Tensor]) -> dict[str, Mapping[str, Tensor]]:
        """Return the tensors to write for a state, by file name."""
        return {DECODER: state}

    def _tensor(self, value: NDArray[np.float32] | Tensor) -> Tensor:
        """Return a tensor as it is, or an array as a copy on the device; arrays from the cache are read-only."""
        return value if isinstance(value, Tensor) else torch.tensor(value, device=self.device)

    def _tokens(self, prompts: PointPrompts) -> Tensor:
        """Return (N, T, C) tokens: the output tokens, then the embedded points (as ``PromptEncoder._embed_points``)."""
        encoder, decoder = self._prompt_encoder, self._mask_decoder
        points, labels = (torch.tensor(array, device=self.device) for array in (prompts.points, prompts.labels))
        position = encoder.pe_layer.forward_with_coords(points + 0.5, encoder.input_image_size)
        kinds = torch.cat([kind.weight for kind in (encoder.not_a_point_embed, *encoder.point_embeddings)])
        embedded = position * (labels >= 0).unsqueeze(-1) + kinds[labels + 1]  # Padding has no position.
        first = [decoder.obj_score_token.weight] if self._sam2 else []
        outputs = torch.cat([*first, decoder.iou_token.weight, decoder.mask_tokens.weight])
        return torch.cat([outputs.expand(len(points), -1, -1), embedded], dim=1)

    def _upscaled(self, image: Tensor, hyper: Tensor, high_res: Sequence[Tensor], places: Tensor | None) -> Tensor:
        """Return (N, candidates, n, 16) logits of (N, n, C) image tokens.

        This is ``output_upscaling`` with each transposed convolution as a linear layer.
        """
        first, norm, _, second, _ = self._mask_decoder.output_upscaling
        finer, coarser = (self._at(level, places) for level in high_res) if high_res else (None, None)
        value = _spread(first, image)
        if coarser is not None:
            value = value + coarser
        value = value.view(-1, len(norm.weight))
        value = functional.gelu(functional.layer_norm(value, norm.weight.shape, norm.weight, norm.bias, norm.eps))
        value = _spread(second, value).view(len(image), -1)
        if finer is not None:
            value = value + finer.flatten(1)
        value = functional.gelu(value).view(len(image), -1, hyper.shape[-1])
        logits = torch.bmm(hyper, value.transpose(1, 2))
        return logits.view(*logits.shape[:2], -1, 16)

    def _at(self, level: Tensor, places: Tensor | None) -> Tensor:
        """Return SAM 2's features of one resolution at image tokens, (1 or N, n, x)."""
        value = nested(level, self.grid).flatten(0, 1)
        return value[None] if places is None else value[places]


def in_tokens(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reshape (4 rows, 4 columns) logits or their ground truth to (rows columns, 16), by image token."""
    rows, columns = (side // 4 for side in grid.shape)
    blocks = grid.reshape(rows, 2, 2, columns, 2, 2).transpose(0, 3, 1, 4, 2, 5)  # The quarters of a token, then the quarters of each.
    return np.ascontiguousarray(blocks.reshape(rows * columns, 16))


def _spread(convolution: Any, value: Tensor) -> Tensor:
    """Apply a transposed convolution of stride and kernel 2 to single pixels: (…, in) to (…, 2 2 out), four pixels for each."""
    weight = convolution.weight.permute(2, 3, 1, 0)
    return functional.linear(value, weight.reshape(-1, weight.shape[-1]), convolution.bias.repeat(4))
