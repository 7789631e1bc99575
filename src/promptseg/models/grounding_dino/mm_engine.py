"""Engine on MM Grounding DINO of transformers, which also runs LLMDet.

X. Zhao et al., "An Open and Comprehensive Pipeline for Unified Object Grounding and Detection", 2024. S. Fu et al., "LLMDet: Learning
Strong Open-Vocabulary Object Detectors under the Supervision of Large Language Models", CVPR 2025.

The network is that of Grounding DINO with a bias in its contrastive scores, and reads the same captions. Boxes and logits are those of
transformers, as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsMismatchError
from ..transformers.loading import CONFIG, read_config, read_tensors, with_tensors
from .captions import MAX_TOKENS

ARCHITECTURE = "MMGroundingDinoForObjectDetection"
"""Class of transformers whose folders this engine reads."""


class MMGrounding(torch.nn.Module):
    """Model of transformers with tensors as inputs and outputs.

    Args:
        model: ``MMGroundingDinoForObjectDetection``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (1, Q, 256) and boxes (1, Q, 4) for (1, 3, h, w) pixels and (1, T) token IDs."""
        outputs = self.model(pixel_values=pixels, input_ids=tokens)
        return outputs.logits, outputs.pred_boxes


def from_folder(folder: Path, model: str) -> MMGrounding:
    """Return the model in a folder that transformers saved, with ``config.json`` and ``.safetensors`` files.

    Args:
        folder: The folder.
        model: Name of the model in messages.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model, or the tensors do not fit its configuration.
    """
    from transformers import MMGroundingDinoForObjectDetection

    config = read_config(MMGroundingDinoForObjectDetection, folder, (ARCHITECTURE,))
    if config.max_text_len < MAX_TOKENS:
        raise WeightsMismatchError(f"{folder / CONFIG} has max_text_len={config.max_text_len}, expected {MAX_TOKENS} tokens")
    return MMGrounding(with_tensors(MMGroundingDinoForObjectDetection, folder, config, read_tensors(folder), model=model))
