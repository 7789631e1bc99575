"""`TorchGrounding`: the torch module of an engine as a `promptseg.models.grounding_dino.model.GroundingModel`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ...results import Provenance
from ...runtime.torch_runner import TorchRunner


class TorchGrounding:
    """Grounding DINO in torch.

    Args:
        module: Module in evaluation mode with weights in float32. It takes (1, 3, h, w) float32 pixels and (1, T) int64 token IDs and
            returns (1, Q, at least T) logits and (1, Q, 4) boxes. It is moved to the device.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, module: torch.nn.Module, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.provenance = provenance
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)
        self._module = self._runner.place(module)

    def __call__(self, pixels: NDArray[np.float32], tokens: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return token logits and boxes for one caption on one image.

        Args:
            pixels: (3, h, w) float32, from `promptseg.models.grounding_dino.preprocessing.preprocess`.
            tokens: IDs of the T tokens of the caption.

        Returns:
            (Q, T) float32 logits of each token for each of Q boxes; and the boxes, (Q, 4) float32 ``cx, cy, w, h``, relative to the model
            input, in [0, 1].

        Raises:
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: The library failed, or the outputs are not finite.
        """
        runner, count = self._runner, len(tokens)

        def compute() -> NDArray[np.float32]:
            logits, boxes = self._module(runner.on_device(pixels)[None], torch.tensor([tokens], device=runner.device))
            return runner.to_host(torch.cat([logits[0, :, :count].float(), boxes[0].float()], dim=1))

        outputs = runner.run(compute)
        return outputs[:, :count], outputs[:, count:]
