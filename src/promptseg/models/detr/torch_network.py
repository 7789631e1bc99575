"""RF-DETR and D-FINE of transformers, from local folders, as a `promptseg.models.detr.detector.Network`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import WeightsMismatchError, WeightsNotFoundError
from ...masks import Size
from ...results import Provenance
from ...runtime.torch_runner import TorchRunner
from ..transformers.loading import CONFIG, load_pretrained
from .class_columns import ClassColumns
from .output import DetrOutput
from .preprocessing import OF_FAMILY, PREPROCESSOR, Family, ModelInput, read_object, read_preprocessor

_ARCHITECTURES: dict[Family, tuple[str, ...]] = {
    "rf_detr": ("RfDetrForObjectDetection", "RfDetrForInstanceSegmentation"),
    "d_fine": ("DFineForObjectDetection",),
}
"""Classes of transformers whose folders are read. The first is that of a configuration without the name of a class."""

_MAX_CONFIG_BYTES = 4 << 20


class TorchDetr:
    """RF-DETR or D-FINE in torch. It is safe to use from several threads.

    Args:
        folder: Folder that transformers saved.
        family: Family of the model.
        provenance: Provenance of the model.
        device: Device that it runs on.
        dtype: Type in which it computes.

    Attributes:
        classes: Classes of the model.
        step: Sides of the model input are multiples of this number of pixels.

    Raises:
        WeightsNotFoundError: A file is missing in the folder.
        WeightsMismatchError: The folder contains another model or is damaged.
        OutOfMemoryError: The model does not fit into memory.
    """

    def __init__(
        self, folder: Path, family: Family, provenance: Provenance, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        import transformers

        named = read_object(folder / CONFIG, _MAX_CONFIG_BYTES).get("architectures") if (folder / CONFIG).is_file() else None
        expected = _ARCHITECTURES[family]
        name = next((one for one in expected if isinstance(named, list) and one in named), expected[0])
        self._runner = TorchRunner(provenance.model, provenance.version, device, dtype)
        # Weights stay in float32; with a 16-bit type, autocast decides which operations use it.
        self._model: Any = load_pretrained(
            getattr(transformers, name), folder, device=device, dtype=torch.float32, architectures=(name,) if named else expected
        )
        config = self._model.config
        self.classes = ClassColumns.of(dict(config.id2label), int(config.num_labels), str(folder / CONFIG))
        backbone = config.backbone_config
        self.step = int(backbone.patch_size) * int(backbone.num_windows) if family == "rf_detr" else 32

    def __call__(self, pixels: NDArray[np.float32]) -> DetrOutput:
        """Return the output for a model input.

        Args:
            pixels: (3, h, w) float32. h and w are multiples of `step`.

        Raises:
            OutOfMemoryError: There is not enough memory for an image beside the model.
            BackendError: transformers failed, or the outputs are not finite.
        """
        run = self._runner

        def compute() -> tuple[NDArray[np.float32], Any]:
            found = self._model(pixel_values=run.on_device(pixels)[None])
            together = torch.cat([found.logits[0].float().sigmoid(), found.pred_boxes[0].float()], dim=1)
            return run.to_host(together), getattr(found, "pred_masks", None)

        values, masks = run.run(compute)

        def of_rows(rows: NDArray[np.intp]) -> NDArray[np.float32]:
            return run.run(lambda: run.to_host(masks[0, run.on_device(rows)]))

        return DetrOutput(values[:, :-4], values[:, -4:], None if masks is None else of_rows)


def input_of(folder: Path, family: Family, imgsz: int | None, step: int) -> ModelInput:
    """Return the model input of a folder.

    Args:
        folder: Folder that transformers saved.
        family: Family of the model.
        imgsz: Side of the model input in pixels, to be rounded up; None for that of the folder.
        step: Sides of the model input are multiples of this number of pixels.

    Raises:
        WeightsNotFoundError: The folder does not say the size of the model input, which only its preprocessor file does.
        WeightsMismatchError: The preprocessor file is damaged, or its size is none that the model takes.
    """
    path = folder / PREPROCESSOR
    found = read_preprocessor(path, family) if path.is_file() else OF_FAMILY[family]
    if imgsz is not None:
        side = -(-imgsz // step) * step
        return found.sized((side, side))
    if found.size is None:
        raise WeightsNotFoundError(
            f"{folder} has no {PREPROCESSOR}, which says the size of the model input: get it from where the folder is from, or give imgsz"
        )
    _check_size(path, found.size, step)
    return found


def _check_size(path: Path, size: Size, step: int) -> None:
    if any(side % step for side in size):
        raise WeightsMismatchError(f"{path} has a size of {size[0]} x {size[1]} pixels, and the model takes multiples of {step}")
