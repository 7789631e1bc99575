"""`OmDetTurbo`: OmDet-Turbo of transformers, with arrays as inputs and outputs.

The ``forward`` of transformers keeps embeddings of texts in the model, in dictionaries that several threads would change at once. Its parts
are called here one by one, without these dictionaries.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....errors import WeightsMismatchError
from ....masks import Size
from ....results import Provenance
from ....runtime.torch_runner import TorchRunner
from ..clip_text import ClipTokenizer
from ..loading import CONFIG, Config, load_pretrained
from .prompts import Task

ARCHITECTURE = "OmDetTurboForObjectDetection"
"""Class of transformers whose folders are read."""

_MAX_SIDE = 2048


class OmDetTurbo:
    """OmDet-Turbo for one image and one task per call. It is safe to use from several threads.

    Args:
        folder: Folder that transformers saved.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or is damaged.
        OutOfMemoryError: The model does not fit into memory.
    """

    def __init__(self, folder: Path, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        from transformers import OmDetTurboForObjectDetection

        self.provenance = provenance
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)
        # Weights stay in float32; with a 16-bit type, autocast decides which operations use it.
        self._model: Any = load_pretrained(
            OmDetTurboForObjectDetection,
            folder,
            device=device,
            dtype=torch.float32,
            architectures=(ARCHITECTURE,),
            adapt=_with_backbone,
        )
        config = self._model.config
        side = config.image_size
        height, width = (side, side) if isinstance(side, int) else (int(each) for each in side)
        if not 32 <= min(height, width) <= max(height, width) <= _MAX_SIDE:
            raise WeightsMismatchError(f"{folder / CONFIG} has image_size={side}, expected from 32 to {_MAX_SIDE}")
        self.size: Size = (height, width)
        self.most_tokens = int(config.text_config.max_position_embeddings)
        self.tokenize = ClipTokenizer.from_folder(folder, int(config.text_config.vocab_size))

    def __call__(self, pixels: NDArray[np.float32], task: Task) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return scores and boxes for one task on one image.

        Args:
            pixels: (3, *size) float32.
            task: Tokens of the task and its C classes.

        Returns:
            (Q, C) float32 scores in [0, 1] of each class for each of Q boxes; and the boxes, (Q, 4) float32 ``cx, cy, w, h``, relative to
            the model input.

        Raises:
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: transformers failed, or the outputs are not finite.
        """
        run, model = self._runner, self._model
        longest = max(map(len, task.classes))
        # The model reads a class where its first end is, and no token sees a later one. So the padding has no influence.
        classes = np.array([[*tokens, *[self.tokenize.end] * (longest - len(tokens))] for tokens in task.classes], np.int64)

        def compute() -> NDArray[np.float32]:
            asked = run.on_device(np.array([task.tokens], np.int64))
            states = model.encoder(model.vision_backbone(run.on_device(pixels)[None]), return_dict=True).extracted_states
            class_features = model.language_backbone(run.on_device(classes), encode_type="class")[:, None]
            task_features, task_mask = model.language_backbone(asked, mask=torch.ones_like(asked), encode_type="task")
            found = model.decoder(states, class_features, task_features, task_mask, return_dict=True)
            scores = found.decoder_classes[-1][0].float().sigmoid()
            return run.to_host(torch.cat([scores, found.decoder_coords[-1][0].float()], dim=1))

        outputs = run.run(compute)
        return outputs[:, :-4], outputs[:, -4:]


def _with_backbone(values: Config) -> Config:
    """Return a configuration that describes its backbone. Older ones name one of timm, with settings beside it."""
    name = values.get("backbone")
    if not isinstance(name, str) or values.get("backbone_config"):
        return values
    settings = values.get("backbone_kwargs") or {
        "out_indices": [1, 2, 3],
        "img_size": values.get("image_size", 640),
        "always_partition": True,
    }
    if not isinstance(settings, dict) or not re.fullmatch(r"\w+", name):
        return values  # It is refused as a backbone that is only named.
    named = {"model_type": "timm_backbone", "backbone": name, **settings}
    dropped = ("backbone", "backbone_kwargs", "use_timm_backbone")
    return {**{key: value for key, value in values.items() if key not in dropped}, "backbone_config": named}
