"""`Result`: the masks of one image with where they came from and how long each stage took; `FrameMasks` for one video frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .detections import Detections
from .errors import InputError
from .masks import Mask, Masks, Size
from .prompts import Prompt

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Provenance:
    """Which model made a result.

    Attributes:
        model: The model's name, such as ``"mini-sam"``.
        backend: The backend that ran it, such as ``"onnx_sam"``.
        version: Version of the package behind the backend, such as ``"onnxruntime 1.32.0"``.
        weights: SHA-256 of the weights, by file name; empty for a model without weights.
        license: SPDX identifier of the weights' license.
        device: Where it ran, such as ``"cpu"``.
        dtype: The type in which it computed: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        fallback_from: The models in whose place it ran because they did not fit into memory, in the order in which they were tried.
    """

    model: str
    backend: str
    version: str
    weights: Mapping[str, str] = field(default_factory=dict)
    license: str = "unknown"
    device: str = "cpu"
    dtype: str = "float32"
    fallback_from: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for `json`."""
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


@dataclass(frozen=True, eq=False)
class Result:
    """What a pipeline made of one image.

    Attributes:
        masks: The masks.
        prompts: The prompts that were given.
        detections: What the detector found and the pipeline kept, best first, or None where no detector ran. `Mask.detection_index` says
            which of them a mask is of.
        dropped: How many detections were not kept, by the reason: ``"no_area"``, ``"threshold"``, ``"nms"``, ``"max_detections"``; and
            ``"failed_mask"``, how many were kept and have no mask. What is 0 is absent.
        timings: Seconds by stage, in the order in which they ran: ``"read"``, ``"detect"``, ``"encode"`` (``"cache"`` where the image was
            encoded before), ``"segment"``, ``"everything"``, ``"clean"``. Together they are the time of the call; in a batch, what was done
            for several images at once counts in equal parts.
        provenance: One entry a model that took part.
        image: The image, (H, W, 3) uint8 RGB, for drawing; None if it was dropped.
        source: The path of the image, where it came from a file.
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
        """The mask with the highest score."""
        return self.masks.best()

    def overlay(self, **style: Any) -> Image:
        """The image with its masks drawn on it; `style` goes to `promptseg.overlay.draw`.

        Raises:
            InputError: The result no longer has its image.
        """
        from .overlay import draw

        if self.image is None:
            raise InputError("this result has no image to draw on: use promptseg.overlay.draw(image, result.masks)")
        return draw(self.image, self.masks, detections=self.detections, prompts=self.prompts, **style)

    def to_supervision(self, classes: Sequence[str] | None = None) -> Any:
        """The masks as `supervision.Detections`: see `promptseg.interop.supervision.to_supervision`."""
        from .interop.supervision import to_supervision

        return to_supervision(self.masks, classes)

    def to_fiftyone(self) -> Any:
        """The masks as `fiftyone.Detections`: see `promptseg.interop.fiftyone.to_fiftyone`."""
        from .interop.fiftyone import to_fiftyone

        return to_fiftyone(self.masks)

    def to_napari(self, *, stacked: bool = False) -> list[tuple[NDArray[Any], dict[str, Any], str]]:
        """The image and the masks as layers of napari: see `promptseg.interop.napari.to_napari`."""
        from .interop.napari import to_napari

        return to_napari(self.masks, self.image, stacked=stacked)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values that `json` can write: masks as COCO RLE, boxes as ``xyxy`` pixels."""
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


@dataclass(frozen=True, eq=False)
class FrameMasks:
    """The masks of one video frame.

    Attributes:
        frame: Index of the frame, from 0.
        object_ids: One identity a mask.
        masks: The masks, in the same order; one that is empty is of an object that cannot be seen.
        time: Seconds since the video's first frame, or None where the video has no times.
    """

    frame: int
    object_ids: tuple[int, ...]
    masks: Masks
    time: float | None = None

    def __post_init__(self) -> None:
        if len(self.object_ids) != len(self.masks):
            raise InputError(f"frame {self.frame} has {len(self.masks)} masks but {len(self.object_ids)} object ids")


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
