"""`Dinov2`: a `promptseg.protocols.FeatureExtractor` of DINOv2, with and without registers.

M. Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024. T. Darcet, M. Oquab, J. Mairal, P. Bojanowski,
"Vision Transformers Need Registers", ICLR 2024.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ...errors import WeightsMismatchError
from ...images import ImageLike, load_image
from ...masks import Size
from ...protocols import FeatureMap
from ...results import Provenance
from ...runtime.forking import StaysInProcess
from ...runtime.structured import read_json
from ...runtime.torch_runner import TorchRunner
from ..pixels import normalized
from .loading import CONFIG, load_pretrained

MAX_SIZE = 2072
"""Largest longer side of the model input in pixels. The time to encode grows with its fourth power."""


class Dinov2(StaysInProcess):
    """Features of image patches; a `promptseg.protocols.FeatureExtractor`. It is safe to use from several threads.

    The image is resized so that both sides are whole numbers of patches, and the grid of patches covers it evenly. Features are the
    normalized output of the last layer.

    Args:
        folder: Folder that transformers saved.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.
        longest: Longer side of the model input in pixels; rounded to whole patches.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or is damaged.
        OutOfMemoryError: The model does not fit into memory.
    """

    def __init__(
        self, folder: Path, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32, longest: int = 518
    ) -> None:
        self.provenance = provenance
        self._longest = longest
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)
        cls = _class_of(folder)
        self._model: Any = load_pretrained(cls, folder, device=device, dtype=torch.float32, architectures=(cls.__name__,))
        self._patch = int(self._model.config.patch_size)
        self._others = 1 + int(getattr(self._model.config, "num_register_tokens", 0))  # The class token comes first.

    def grid(self, size: Size) -> Size:
        """Return ``(rows, columns)`` of the patches for an image of `size` (height, width)."""
        scale = self._longest / max(size) / self._patch
        return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))

    def features(self, image: ImageLike) -> FeatureMap:
        """Return the features of an image.

        Args:
            image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.

        Raises:
            InputError: The image cannot be read.
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: transformers failed, or the features are not finite.
        """
        pixels = load_image(image)
        size = (pixels.shape[0], pixels.shape[1])
        rows, columns = self.grid(size)
        model_input = normalized(pixels, (rows * self._patch, columns * self._patch), Image.Resampling.BICUBIC)
        run = self._runner

        def compute() -> NDArray[np.float32]:
            states = self._model(pixel_values=run.on_device(model_input)[None]).last_hidden_state
            return run.to_host(states[0, self._others :])

        values = run.run(compute).T.reshape(-1, rows, columns)
        return FeatureMap(np.ascontiguousarray(values), size)


def _class_of(folder: Path) -> Any:
    """Return the class of transformers for a folder: with registers or without. Whether it is one of them is checked when it is loaded."""
    from transformers import Dinov2Model, Dinov2WithRegistersModel

    path = folder / CONFIG
    try:
        values = read_json(path, 4 << 20) if path.is_file() else {}
    except ValueError as error:
        raise WeightsMismatchError(f"{error}") from error
    registers = isinstance(values, dict) and values.get("model_type") == Dinov2WithRegistersModel.config_class.model_type
    return Dinov2WithRegistersModel if registers else Dinov2Model
