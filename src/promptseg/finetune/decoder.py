"""The packages' own prompt encoder and mask decoder, through which gradients flow. The engine's decoder, which is faster, has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..masks import Size
from ..sam.geometry import Geometry, LongestSide, Square
from ..sam.model import BOX_TOP_LEFT, FOREGROUND, PADDING, Conventions, PointPrompts
from ..sam.torch_checkpoints import decoder_state
from ..sam.torch_model import EMBEDDING, HIGH_RES
from ..sam.torch_sam2 import conventions_of

Features = Mapping[str, NDArray[np.float32]]


class TrainableDecoder(Protocol):
    """What training must know of a family of models."""

    conventions: Conventions
    device: torch.device

    def geometry(self, size: Size) -> Geometry:
        """How photos of a size lie in the model's frame."""
        ...

    def decode(self, features: Features, prompts: PointPrompts) -> tuple[Tensor, Tensor]:
        """All candidates of N prompts, which are of one kind, on one image.

        Returns:
            logits: (N, C, low_res, low_res).
            scores: (N, C) predicted IoU.
        """
        ...

    def parameters(self, *, prompt_encoder: bool) -> list[torch.nn.Parameter]:
        """What is trained: the mask decoder, and on request the prompt encoder."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Copies of the tensors of the prompt encoder and the mask decoder on the CPU, by their names in the package's model."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Takes over what `state` gave."""
        ...


class _Decoder:
    """What the two families share.

    Args:
        model: The package's model, which is taken over; its image encoder is given up.
        prompt_encoder: Its prompt encoder.
        mask_decoder: Its mask decoder.
        device: Where to compute.
    """

    def __init__(self, model: Any, prompt_encoder: Any, mask_decoder: Any, device: torch.device) -> None:
        del model.image_encoder  # By far the larger part of the memory.
        self._model, self._prompt_encoder, self._mask_decoder = model.to(device), prompt_encoder, mask_decoder
        self._low_res = 4 * int(prompt_encoder.image_embedding_size[0])
        with torch.no_grad():
            self._positions = prompt_encoder.get_dense_pe()  # Of frequencies that are never trained.
        self.device = device

    def parameters(self, *, prompt_encoder: bool) -> list[torch.nn.Parameter]:
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
        return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in decoder_state(self._model).items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._model.load_state_dict(state, strict=False)

    def _tensors(self, *arrays: NDArray[Any]) -> Iterator[Tensor]:
        return (torch.tensor(array, device=self.device) for array in arrays)  # Copied: those from the cache are read-only.


class SamDecoder(_Decoder):
    """The decoder of segment-anything's ``Sam``, or of mobile_sam's; a `TrainableDecoder`."""

    conventions = Conventions()

    def __init__(self, sam: Any, device: torch.device) -> None:
        self._frame = int(sam.image_encoder.img_size)
        super().__init__(sam, sam.prompt_encoder, sam.mask_decoder, device)

    def geometry(self, size: Size) -> Geometry:
        return LongestSide(size, self._frame, self._low_res)

    def decode(self, features: Features, prompts: PointPrompts) -> tuple[Tensor, Tensor]:
        embedding, points, labels = self._tensors(features[EMBEDDING], prompts.points, prompts.labels)
        is_point, is_box = (labels[0] > PADDING) & (labels[0] <= FOREGROUND), labels[0] >= BOX_TOP_LEFT
        sparse, dense = self._prompt_encoder(
            points=(points[:, is_point], labels[:, is_point]) if is_point.any() else None,
            boxes=points[:, is_box].flatten(1) if is_box.any() else None,
            masks=None,
        )
        logits, scores = self._mask_decoder.predict_masks(embedding, self._positions, sparse, dense)
        return logits, scores


class Sam2Decoder(_Decoder):
    """The decoder of sam2's ``SAM2Base`` on single images; a `TrainableDecoder`."""

    def __init__(self, sam2: Any, device: torch.device) -> None:
        self.conventions = conventions_of(sam2.sam_mask_decoder)
        self._frame = int(sam2.image_size)
        for part in ("memory_attention", "memory_encoder"):
            delattr(sam2, part)
        super().__init__(sam2, sam2.sam_prompt_encoder, sam2.sam_mask_decoder, device)

    def geometry(self, size: Size) -> Geometry:
        return Square(size, self._frame, self._low_res)

    def decode(self, features: Features, prompts: PointPrompts) -> tuple[Tensor, Tensor]:
        embedding, *high_res = self._tensors(*(features[name] for name in (EMBEDDING, *HIGH_RES) if name in features))
        points, labels = self._tensors(prompts.points, prompts.labels)
        given = labels[0] != PADDING  # The prompt encoder adds the padding itself, and knows a box by the labels of its corners.
        sparse, dense = self._prompt_encoder(points=(points[:, given], labels[:, given]), boxes=None, masks=None)
        logits, scores, *_ = self._mask_decoder.predict_masks(
            embedding, self._positions, sparse, dense, repeat_image=True, high_res_features=high_res or None
        )
        return logits, scores
