"""Results: `Result` for one image, `FrameMasks` for one video frame, and `Provenance` of the models that made them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._display import Displayed
from .detections import Detections
from .errors import InputError, shown
from .masks import Mask, Masks, Size
from .prompts import Prompt

if TYPE_CHECKING:
    from PIL.Image import Image

    from .notebook.views import View


@dataclass(frozen=True)
class Provenance:
    """Model, weights, license and device that made a result.

    Attributes:
        model: The model's name, such as ``"mini-sam"``.
        backend: The backend that ran it, such as ``"onnx_sam"``.
        version: Version of the package behind the backend, such as ``"onnxruntime 1.32.0"``.
        weights: SHA-256 of each weights file, by file name; empty for a model without weights.
        license: SPDX identifier of the weights' license.
        device: Device on which the model ran, such as ``"cpu"``.
        dtype: Number type of the computation: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        fallback_from: Models that were tried before this one and did not fit into memory, in that order.
    """

    model: str
    backend: str
    version: str
    weights: Mapping[str, str] = field(default_factory=dict, repr=False)
    license: str = "unknown"
    device: str = "cpu"
    dtype: str = "float32"
    fallback_from: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        return {
            "model": self.model,
            "backend": self.backend,
            "version": self.version,
            "weights": dict(self.weights),
            "license": self.license,
            "device": self.device,
            "dtype": self.dtype,
            "fallback_from": list(self.fallback_from),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Result(Displayed):
    """Masks that a pipeline made of one image, with their provenance and timings.

    Attributes:
        masks: The masks.
        prompts: The prompts that were given.
        detections: Detections that the pipeline kept, best first, or None if no detector ran. `Mask.detection_index` is an index into
            them.
        dropped: Number of detections that were dropped, by reason: ``"no_area"``, ``"threshold"``, ``"nms"`` or ``"max_detections"``.
            ``"failed_mask"`` counts detections that were kept but have no mask. Reasons with a count of 0 are absent.
        timings: Seconds by stage, in the order in which the stages ran: ``"read"``, ``"detect"``, ``"encode"`` (``"cache"`` if the image
            was encoded before), ``"segment"``, ``"everything"``, ``"clean"``. Their sum is the time of the call. In a batch, time spent on
            several images at once is divided equally among them.
        provenance: One entry per model that took part.
        image: The image, (H, W, 3) uint8 RGB, for drawing; None if it was dropped.
        source: Path of the image, or None if it did not come from a file.
    """

    masks: Masks
    prompts: tuple[Prompt, ...] = ()
    detections: Detections | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    provenance: tuple[Provenance, ...] = ()
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    source: str | None = None

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.masks.size

    def best(self) -> Mask:
        """Return the mask with the highest score."""
        return self.masks.best()

    def overlay(self, **style: Any) -> Image:
        """Return the image with its masks drawn on it. `style` is passed to `promptseg.overlay.draw`.

        Raises:
            InputError: The result no longer has its image.
        """
        from .overlay import draw

        if self.image is None:
            raise InputError("this result has no image to draw on: use promptseg.overlay.draw(image, result.masks)")
        return draw(self.image, self.masks, detections=self.detections, prompts=self.prompts, **style)

    def side_by_side(self, titles: Sequence[str] | None = None, *, columns: int = 3) -> Image:
        """Return an image with each mask alone on its panel, with `promptseg.notebook.panels.side_by_side`."""
        from .notebook.panels import side_by_side

        return side_by_side(self.masks, self.image, titles=titles, prompts=self.prompts, columns=columns)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the overlay as an image, or the result as JSON. The suffix says which: ``.png``, ``.jpg`` or the like, or ``.json``.

        Missing folders are made. The image that was segmented is never overwritten.

        Raises:
            OutputError: The file cannot be written, or the suffix says no format.
            InputError: The result no longer has its image.
        """
        from .notebook.saving import save_result

        save_result(self, path)

    def to_supervision(self, classes: Sequence[str] | None = None) -> Any:
        """Return the masks as `supervision.Detections`, with `promptseg.interop.supervision.to_supervision`."""
        from .interop.supervision import to_supervision

        return to_supervision(self.masks, classes)

    def to_fiftyone(self) -> Any:
        """Return the masks as `fiftyone.Detections`, with `promptseg.interop.fiftyone.to_fiftyone`."""
        from .interop.fiftyone import to_fiftyone

        return to_fiftyone(self.masks)

    def to_napari(self, *, stacked: bool = False) -> list[tuple[NDArray[Any], dict[str, Any], str]]:
        """Return the image and the masks as napari layers, with `promptseg.interop.napari.to_napari`."""
        from .interop.napari import to_napari

        return to_napari(self.masks, self.image, stacked=stacked)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON: masks as COCO RLE, boxes as ``xyxy`` pixels."""
        return {
            "source": self.source,
            "size": {"height": self.size[0], "width": self.size[1]},
            "prompts": [repr(prompt) for prompt in self.prompts],
            "masks": [_mask_to_dict(mask) for mask in self.masks],
            "detections": None if self.detections is None else _detections_to_dict(self.detections),
            "dropped": dict(self.dropped),
            "timings": {stage: round(seconds, 6) for stage, seconds in self.timings.items()},
            "provenance": [entry.to_dict() for entry in self.provenance],
        }

    def _summary(self) -> str:
        spent = sum(self.timings.values())
        parts = [self.masks._summary(), *(entry.model for entry in self.provenance), *([f"{spent:.2f} s"] if spent else [])]  # noqa: SLF001
        return ", ".join([*parts, *([] if self.source is None else [shown(self.source)])])

    def _view(self) -> View:
        from .notebook.views import of_result

        return of_result(self)


@dataclass(frozen=True, eq=False, repr=False)
class FrameMasks(Displayed):
    """The masks of one video frame.

    Attributes:
        frame: Index of the frame, from 0.
        object_ids: One object id per mask.
        masks: The masks, in the same order. The mask of an object that cannot be seen is empty.
        time: Seconds since the video's first frame, or None if the video has no times.
    """

    frame: int
    object_ids: tuple[int, ...]
    masks: Masks
    time: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.object_ids, tuple) or not isinstance(self.masks, Masks):
            raise InputError(f"a frame has a tuple of object ids and Masks, got {shown(self.object_ids)} and {shown(self.masks)}")
        if len(self.object_ids) != len(self.masks):
            raise InputError(f"frame {self.frame} has {len(self.masks)} masks but {len(self.object_ids)} object ids")

    def _summary(self) -> str:
        at = "" if self.time is None else f" at {self.time:.2f} s"
        return f"frame {self.frame}{at}, objects {shown(self.object_ids)}, {self.masks.size[1]} wide, {self.masks.size[0]} high"

    def _view(self) -> View:
        from .notebook.views import of_frame

        return of_frame(self)


def _mask_to_dict(mask: Mask) -> dict[str, Any]:
    return {
        "segmentation": mask.to_coco_rle(),
        "area": mask.area,
        "box": mask.box.tolist(),
        "score": None if mask.score is None else round(mask.score, 6),
        "label": mask.label,
        "prompt_index": mask.prompt_index,
        "detection_index": mask.detection_index,
        "from_box": mask.from_box,
    }


def _detections_to_dict(detections: Detections) -> dict[str, Any]:
    return {"boxes": detections.boxes.tolist(), "scores": detections.scores.tolist(), "labels": list(detections.labels)}
