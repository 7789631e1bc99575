"""Training of the image encoder by low-rank adapters (LoRA; Hu et al., 2021), through peft.

The adapters are on the query, key and value projections of attention. Each image is encoded in every step, because embeddings change with
the encoder. In the result the adapters are merged into the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._install import install_extra
from ..errors import MissingDependencyError
from ..images import load_image
from ..models.sam.torch.encoding import input_batch
from ..models.sam.torch.model import EMBEDDING, HIGH_RES
from ..models.sam.torch.sam2 import ImageEncoder
from ..weights.store import DECODER, ENCODER
from .decoder import TrainableDecoder

_PROJECTION = "qkv"
_ADAPTER = "lora "
"""Prefix of the names of adapter tensors in a state."""


class AdaptedModel(TrainableDecoder):
    """Decoder with an image encoder that has trainable adapters.

    Args:
        model: The package's model in evaluation mode. It is changed in place.
        device: Device to compute on.
        rank: Rank of the adapters.
        seed: Random seed of the adapters. Before training they do not change the output of the encoder.

    Raises:
        MissingDependencyError: peft is not installed.
    """

    def __init__(self, model: Any, device: torch.device, rank: int, seed: int) -> None:
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError as error:
            raise MissingDependencyError(f"LoRA needs peft, which is not installed: {install_extra('finetune')}") from error
        encoder = ImageEncoder(model) if hasattr(model, "sam_mask_decoder") else model.image_encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=[_PROJECTION]), encoder)
        super().__init__(model, device)
        self._encoder = encoder.to(device).eval()  # After the move: `eval` makes TinyViT copy its attention biases to the device.

    def encode(self, path: Path) -> Mapping[str, Tensor]:
        """Encode an image so that gradients reach the adapters."""
        image = load_image(path)
        features = self._encoder(input_batch([image], [self.geometry((image.shape[0], image.shape[1]))], self.device))
        return {EMBEDDING: features} if isinstance(features, Tensor) else dict(zip((EMBEDDING, *HIGH_RES), features, strict=True))

    def parameters(self, *, prompt_encoder: bool) -> list[torch.nn.Parameter]:
        return [*super().parameters(prompt_encoder=prompt_encoder), *(parameter for _, parameter in self._adapters())]

    def state(self) -> dict[str, Tensor]:
        adapters = {_ADAPTER + name: parameter.detach().to("cpu", copy=True) for name, parameter in self._adapters()}
        return {**super().state(), **adapters}

    def load(self, state: Mapping[str, Tensor]) -> None:
        super().load({name: tensor for name, tensor in state.items() if not name.startswith(_ADAPTER)})
        with torch.no_grad():
            for name, parameter in self._adapters():
                parameter.copy_(state[_ADAPTER + name])

    def files(self, state: Mapping[str, Tensor]) -> dict[str, Mapping[str, Tensor]]:
        """Return the tensors of the decoder, and those of the image encoder with merged adapters, by file name."""
        self.load(state)
        changes = {
            f"{name}.weight": module.get_delta_weight("default")
            for name, module in self._encoder.named_modules()
            if hasattr(module, "get_delta_weight")
        }
        encoder = {}
        with torch.no_grad():
            for name, tensor in self._encoder.state_dict().items():
                if "lora_" in name or name.startswith(("conv_s", "no_memory")):
                    continue
                plain = name.replace(".base_layer.", ".")
                value = tensor + changes[plain] if plain in changes else tensor
                encoder[f"image_encoder.{plain.removeprefix('backbone.')}"] = value.detach().to("cpu", copy=True).contiguous()
        return {DECODER: {name: tensor for name, tensor in state.items() if not name.startswith(_ADAPTER)}, ENCODER: encoder}

    def _adapters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((name, parameter) for name, parameter in self._encoder.named_parameters() if "lora_" in name)


class UncachedEmbeddings(Sequence[Mapping[str, Tensor]]):
    """Features of images that are encoded at each access; `encoded` counts the accesses."""

    def __init__(self, model: AdaptedModel, images: Sequence[Path]) -> None:
        self._model, self._images = model, images
        self.encoded = 0

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:  # type: ignore[override]  # No slices.
        self.encoded += 1
        return self._model.encode(self._images[index])
