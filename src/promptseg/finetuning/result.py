"""The result of fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..datasets.core import Finding


@dataclass(frozen=True)
class FineTuned:
    """Result of fine-tuning: a decoder in a folder, with figures of its training.

    Attributes:
        model: Name of the base model.
        folder: Folder of the decoder; ``promptseg.load(folder)`` loads it.
        license: SPDX identifier of the license of the base model's weights.
        images: Number of training images and number of validation images.
        parameters: Number of trained parameters.
        epochs: Number of epochs that ran.
        best_epoch: Epoch whose decoder was kept; 0 if none was better than the base model.
        validation: Mean IoU on the validation images by ``"box"`` and ``"point"``: of the base model, and of the decoder that was kept.
            Empty without validation. The decoder was selected by these figures, so they are too high: evaluate it on other images.
        stopped: Reason why training ended before its last epoch, or None.
        seconds: Seconds of training in this call, without encoding.
        encoded: Number of images that were encoded in this call and not found in the cache.
        findings: Images and masks that could not be used, or that were changed to be used.
        was_finished: Whether an earlier call had finished this training, so that this one did nothing.
    """

    model: str
    folder: Path
    license: str
    images: tuple[int, int]
    parameters: int
    epochs: int
    best_epoch: int
    validation: Mapping[str, tuple[float, float]]
    stopped: str | None
    seconds: float
    encoded: int
    findings: tuple[Finding, ...] = ()
    was_finished: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            **asdict(self),
            "folder": str(self.folder),
            "images": {"train": self.images[0], "validation": self.images[1]},
            "validation": {kind: {"before": before, "after": after} for kind, (before, after) in self.validation.items()},
        }
