"""Rows of an evaluation: one for each object and one for each image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..masks import Mask
from ..prompts import Prompt, SpatialPrompt

SIZES: Mapping[str, tuple[float, float]] = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, float("inf"))}
"""Minimum (inclusive) and maximum (exclusive) area in pixels of COCO's object sizes."""


@dataclass(frozen=True)
class ObjectRow:
    """Row of one object.

    Attributes:
        name: Its name in the dataset.
        image: The name of its image.
        group: Group of images that are not independent, such as frames of one sequence or copies of one image. Intervals are computed over
            groups.
        label: Its class, or None.
        area: Area of the true mask in pixels.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
        truth: First 16 hex digits of the SHA-256 of the true mask. Rows of two runs are of the same object if name and truth are equal.
        iou: Intersection over union of the prediction with the truth.
        dice: Dice coefficient.
        precision: Share of the predicted pixels that are true.
        recall: Share of the true pixels that are predicted.
        boundary_iou: IoU of the bands along both boundaries.
        boundary_f: F-measure of the boundary pixels.
        score: Score that the model gave its prediction, or None.
        best_iou: IoU of the best candidate mask, or None if there was only one candidate.
        box: Box of the prompt, ``[x0, y0, x1, y1]`` in pixels, or None.
        points: Points of the prompt, ``[x, y, label]`` in pixels; the label is 1 for foreground and 0 for background.
        click_ious: IoU after each click.
        baselines: IoU of each baseline, by name.
        prediction: Predicted mask as compressed COCO RLE.
    """

    name: str
    image: str
    group: str
    label: str | None
    area: int
    height: int
    width: int
    truth: str
    iou: float
    dice: float
    precision: float
    recall: float
    boundary_iou: float
    boundary_f: float
    score: float | None = None
    best_iou: float | None = None
    box: tuple[float, ...] | None = None
    points: tuple[tuple[float, float, int], ...] = ()
    click_ious: tuple[float, ...] = ()
    baselines: Mapping[str, float] = field(default_factory=dict)
    prediction: str = field(default="", repr=False)

    @property
    def mask(self) -> Mask:
        """Predicted mask."""
        rle = {"size": (self.height, self.width), "counts": self.prediction}
        return Mask.from_coco_rle(rle, score=self.score, label=self.label)

    @property
    def prompt(self) -> SpatialPrompt | None:
        """Prompt for this object, without mask prompts; None if the prompt was for the whole image."""
        if self.box is None and not self.points:
            return None
        box = SpatialPrompt() if self.box is None else Prompt.box(*self.box)
        return box + Prompt.points([(x, y) for x, y, _ in self.points], [on for _, _, on in self.points]) if self.points else box

    @property
    def size(self) -> str:
        """COCO size of the object: ``"small"``, ``"medium"`` or ``"large"``."""
        return next(name for name, (least, under) in SIZES.items() if least <= self.area < under)


@dataclass(frozen=True)
class ImageRow:
    """Row of one image.

    Attributes:
        name: Its name in the dataset.
        content: SHA-256 (hex) of its pixels, by which a training image is recognized under any name.
        objects: Number of objects.
        iou: Mean IoU of its objects.
        dice: Mean Dice of its objects.
        seconds: Seconds for opening and segmenting it.
        cached: Whether its embedding was cached.
        unmatched: Number of predicted masks that match no object; None for protocols with one prompt per object.
    """

    name: str
    content: str
    objects: int
    iou: float
    dice: float
    seconds: float
    cached: bool
    unmatched: int | None = None
