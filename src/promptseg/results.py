"""Results: `Result` for one image, `FrameMasks` for one video frame, and what they hold: `PhraseCount` and `Provenance`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._display import Displayed
from .detections import Detections
from .errors import InputError, shown
from .masks import Mask, Masks, Size
from .prompts import Prompt, concepts_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from ._cutouts import Softening
    from ._object_overlay import WithImage
    from .images import ImageLike
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
        dtype: Number type of the computation: ``"float32"``, ``"bfloat16"`` or ``"float16"``; ``"int8"`` for a
            model that was loaded with ``quantize="int8"``. Weights that are stored in 8 bits do not change it.
        fallback_from: Models that were tried before this one and did not fit into memory, in that order.
        classes: Classes of a detector with a fixed list of classes, in its order; empty for other models.
    """

    model: str
    backend: str
    version: str
    weights: Mapping[str, str] = field(default_factory=dict, repr=False)
    license: str = "unknown"
    device: str = "cpu"
    dtype: str = "float32"
    fallback_from: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

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
            **({"classes": list(self.classes)} if self.classes else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """Return the provenance that `to_dict` has written.

        Raises:
            InputError: The values are not those of a provenance.
        """
        from ._result_values import provenance_from_dict

        return provenance_from_dict(values)


ScoreKind = Literal["mask", "calibrated", "detector", "product", "concept"]
"""What a mask's score is: the segmenter's own (for SAM, the predicted IoU), the IoU that a calibration expects, that of the detector, the
product of the detector's and the segmenter's, calibrated or not, or that of a concept segmenter."""


@dataclass(frozen=True)
class PhraseCount:
    """What was found for one phrase or concept.

    Attributes:
        phrase: The label of the phrase or concept (``"object"`` without one) or, if no phrases were given, the class.
        count: Number of detections or masks that were kept.
        best_score: Best score of a box for the phrase, also below the threshold, or of a mask of the concept; None if none is known.
        threshold: Minimum score of a detection of the phrase; for a concept, the minimum presence.
        presence: How sure the concept segmenter is that the image shows any instance; None for a phrase of a detector.
    """

    phrase: str
    count: int
    best_score: float | None
    threshold: float
    presence: float | None = None

    def __str__(self) -> str:
        """Return text such as ``"cup 1"``, ``"no spoon (best score 0.12, threshold 0.3)"`` or ``"no cell (presence 0.04)"``."""
        if self.presence is not None:
            known = f"(presence {math.floor(self.presence * 100) / 100:.2f})"
            return f"{self.phrase} {self.count} {known}" if self.count else f"no {self.phrase} {known}"
        if self.count:
            return f"{self.phrase} {self.count}"
        # Rounded down: what is below the threshold must not seem to reach it.
        best = "no box" if self.best_score is None else f"best score {math.floor(self.best_score * 100) / 100:g}"
        return f"no {self.phrase} ({best}, threshold {self.threshold:g})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        values = {"phrase": self.phrase, "count": self.count, "best_score": self.best_score, "threshold": self.threshold}
        return values if self.presence is None else {**values, "presence": self.presence}


@dataclass(frozen=True, eq=False, repr=False)
class Result(Displayed):
    """Masks that a pipeline made of one image, with their provenance and timings.

    Attributes:
        masks: The masks.
        prompts: The prompts that were given.
        detections: Detections that the pipeline kept, best first, or None if no detector ran. `Mask.detection_index` is an index into
            them.
        dropped: Number of detections that were dropped, by reason: ``"no_area"``, ``"threshold"``, ``"nms"`` or ``"max_detections"``.
            ``"failed_mask"`` counts detections that were kept but have no mask, and ``"presence"`` masks of concepts that are probably
            absent. Reasons with a count of 0 are absent.
        timings: Seconds by stage, in the order in which the stages ran: ``"read"``, ``"detect"``, ``"encode"`` (``"cache"`` if the image
            was encoded before), ``"segment"``, ``"everything"``, ``"concept"``, ``"clean"``. Their sum is the time of the call. In a batch,
            time spent on several images at once is divided equally among them.
        provenance: One entry per model that took part.
        image: The image, (H, W, 3) uint8 RGB, for drawing; None if it was dropped.
        source: Path of the image, or None if it did not come from a file.
        phrases: What was found for each phrase, in the order of the phrases; without phrases, the classes that were found; then for each
            concept. Empty if neither a detector nor a concept segmenter ran.
        detection_score: What the scores of detections' masks are, by `SegmentStage.score` of the pipeline.
    """

    masks: Masks
    prompts: tuple[Prompt, ...] = ()
    detections: Detections | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    provenance: tuple[Provenance, ...] = ()
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    source: str | None = None
    phrases: tuple[PhraseCount, ...] = ()
    detection_score: ScoreKind = "product"

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.masks.size

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that could be found, in their order: the phrases of the prompts, or else the classes of the detector."""
        return known_classes(self.prompts, self.provenance)

    def best(self) -> Mask:
        """Return the mask with the highest score."""
        return self.masks.best()

    def score_kind(self, mask: Mask) -> ScoreKind | None:
        """Return what the score of one of the masks is, or None if it has no score."""
        if mask.score is None:
            return None
        if self.detections is not None and mask.prompt_index is None:
            kind = self.detection_score
        else:
            asked = None if mask.prompt_index is None or mask.prompt_index >= len(self.prompts) else self.prompts[mask.prompt_index]
            kind = "concept" if asked is not None and asked.kinds & {"text", "example"} else "mask"
        return "calibrated" if kind == "mask" and mask.predicted_iou is not None else kind

    def overlay(self, **style: Any) -> Image:
        """Return the image with its masks drawn on it. `style` is passed to `promptseg.overlay.draw`.

        The order of `classes` decides the colors, unless `style` has another one.

        Raises:
            InputError: The result no longer has its image.
        """
        from .overlay import draw

        if self.image is None:
            raise InputError("this result has no image to draw on: use promptseg.overlay.draw(image, result.masks)")
        return draw(self.image, self.masks, **{"detections": self.detections, "prompts": self.prompts, "classes": self.classes, **style})

    def crops(self, margin: int = 0) -> list[Image | None]:
        """Return the part of the image in the box of each mask, in the order of the masks; None for an empty mask.

        Args:
            margin: Number of pixels around the box, up to the border of the image.

        Raises:
            InputError: The result no longer has its image, or `margin` is not a whole number of at least 0.
        """
        from ._cutouts import crops

        return crops(self._own_image(), self.masks, margin)

    def cutouts(self, *, crop: bool = True, margin: int = 0, matting: Softening = None, band: int | None = None) -> list[Image | None]:
        """Return an RGBA image of the object of each mask, in the order of the masks; None for an empty mask.

        The pixels outside of the mask are transparent, and black. A PNG or WebP file keeps the transparency.

        Args:
            crop: Whether to return the box of each mask alone, not the whole image.
            margin: Number of transparent pixels around the box, up to the border of the image.
            matting: ``"guided"`` or a model for soft borders, as in `promptseg.masks.Mask.cutout`; None for hard ones.
            band: Width of the soft borders in pixels, as in `promptseg.masks.Mask.cutout`.

        Raises:
            InputError: The result no longer has its image, or an argument is of another kind.
        """
        from ._cutouts import cutouts

        return cutouts(self._own_image(), self.masks, crop=crop, margin=margin, matting=matting, band=band)

    def _own_image(self) -> NDArray[np.uint8]:
        if self.image is None:
            raise InputError("this result has no image to cut from: use mask.cutout(image) for each of result.masks")
        return self.image

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

    def to_dataframe(self, library: Literal["pandas", "polars"] | None = None) -> Any:
        """Return one row for each mask as a data frame, with `promptseg.interop.dataframe.to_dataframe`. Column ``source`` is the image.

        The frames of several results can be joined: ``pandas.concat(result.to_dataframe() for result in results)``.
        """
        from .interop.dataframe import to_dataframe

        return to_dataframe(self.masks, library, sources=[self.source] * len(self.masks))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON: masks as COCO RLE, boxes as ``xyxy`` pixels. `from_dict` reverses it."""
        from ._result_values import result_to_dict

        return result_to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], image: ImageLike | None = None) -> Result:
        """Return the result that `to_dict` has written, also after it was JSON.

        Masks, prompts, detections, counts, timings, provenance and the source come back as they were, number for number. The image and the
        `logits` of masks are not written. Nor is a score that is not finite: it becomes None.

        Args:
            values: The plain values. They may come from anywhere: all are checked.
            image: The image, in any form that `promptseg.load_image` takes, for `overlay` and the like. By default the result has none.

        Raises:
            InputError: The values are not those of a result, or the image cannot be read or has another size.
        """
        from ._result_values import result_from_dict

        return result_from_dict(values, image)

    @classmethod
    def from_json(cls, path: str | os.PathLike[str], image: ImageLike | None = None) -> Result:
        """Return the result in a JSON file, such as the ``photo-masks.json`` of ``promptseg segment``. The rest is as for `from_dict`.

        Raises:
            InputError: The file cannot be read or is not a result, or the image cannot be read or has another size.
        """
        from .runtime.structured import read_json, shown_path

        try:
            return cls.from_dict(read_json(path), image)
        except InputError as error:
            raise InputError(f"{shown_path(path)} is not the result of one image: {error}") from error

    def _summary(self) -> str:
        spent = sum(self.timings.values())
        parts = [self.masks._summary(), *(entry.model for entry in self.provenance), *([f"{spent:.2f} s"] if spent else [])]  # noqa: SLF001
        return ", ".join([*parts, *([] if self.source is None else [shown(self.source)])])

    def _view(self) -> View:
        from .notebook.views import of_result

        return of_result(self)


EVERY_FRAME = "every frame"
"""Reason for asking the model of a tracker that asks it on every frame."""


@dataclass(frozen=True, eq=False, repr=False)
class FrameMasks(Displayed):
    """The masks of one video frame.

    Attributes:
        frame: Index of the frame, from 0.
        object_ids: One object id per mask.
        masks: The masks, in the same order. The mask of an object that cannot be seen is empty.
        time: Seconds since the video's first frame, or None if the video has no times.
        asked: Why the tracker asked its model on this frame; None if it did not, and optical flow alone moved the masks. A tracker asks on
            every frame, unless option ``every`` of ``propagate`` says otherwise.
    """

    frame: int
    object_ids: tuple[int, ...]
    masks: Masks
    time: float | None = None
    asked: str | None = field(default=EVERY_FRAME, kw_only=True)

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

    def overlay(self, image: ImageLike | WithImage, **style: Any) -> Image:
        """Return the frame with its masks drawn on it, with the names that the objects have in a tracked video.

        An object without a label has the color of its id, as in the video. Objects of one label have shades of the color of their class.

        Args:
            image: The frame: one of `promptseg.open_frames`, or an image in any form that `promptseg.load_image` takes. The masks of a
                frame have no image of their own, so that those of a long video need little memory.
            style: Arguments of `promptseg.overlay.draw`, such as ``labels=False``.

        Raises:
            InputError: The image cannot be read or has another size than the masks, or an argument of the style is of another kind.
        """
        from ._object_overlay import draw_objects

        return draw_objects(image, self.object_ids, self.masks, **style)


def known_classes(prompts: Sequence[Prompt], models: Iterable[Provenance]) -> tuple[str, ...]:
    """Return the classes that models can find by prompts, in their order: the phrases, or else the classes of the detector."""
    asked = tuple(dict.fromkeys(concept.label for _, concept in concepts_of(prompts) if concept.label is not None))
    return asked or next((model.classes for model in models if model.classes), ())
