"""Rows of an evaluation: one for each object and one for each image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..masks import Mask
from ..prompts import Prompt, SpatialPrompt

SIZES: Mapping[str, tuple[float, float]] = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, float("inf"))}
"""Areas in pixels, from and to before, of COCO's classes of size."""


@dataclass(frozen=True)
class ObjectRow:
    """One object.

    Attributes:
        name: Its name in the dataset.
        image: The name of its image.
        group: What images that are not independent share: a sequence of frames, one content; see `promptseg.evaluation.statistics`.
        label: Its class, or None.
        area: Its true area in pixels.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        truth: SHA-256 (hex, 16 digits) of its true mask: rows of two runs are of one object where name and truth are the same.
        iou: Intersection over union of the prediction with the truth.
        dice: Dice coefficient; this and the next four are those of `promptseg.metrics`.
        precision: Share of the prediction that is true.
        recall: Share of the truth that was predicted.
        boundary_iou: IoU of the bands along both boundaries.
        boundary_f: F-measure of the boundaries' pixels.
        score: What the model said of its prediction, or None.
        best_iou: IoU of the best of all masks that it proposed, or None where it had no choice.
        box: The prompt's box ``[x0, y0, x1, y1]``, or None.
        points: The prompt's points ``[x, y, 1 or 0]``.
        click_ious: IoU after each click.
        baselines: IoU of what no model gives, by name.
        prediction: The mask that the model gave, as compressed COCO run lengths.
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
        """The mask that the model gave."""
        return Mask((self.height, self.width), self.prediction.encode("ascii"), self.score, self.label)

    @property
    def prompt(self) -> SpatialPrompt | None:
        """What the model was asked with for this object; None where it was asked for the whole image. Earlier masks are not kept."""
        if self.box is None and not self.points:
            return None
        box = SpatialPrompt() if self.box is None else Prompt.box(*self.box)
        return box + Prompt.points([(x, y) for x, y, _ in self.points], [on for _, _, on in self.points]) if self.points else box

    @property
    def size(self) -> str:
        """``"small"``, ``"medium"`` or ``"large"``, as COCO has it."""
        return next(name for name, (least, under) in SIZES.items() if least <= self.area < under)


@dataclass(frozen=True)
class ImageRow:
    """One image.

    Attributes:
        name: Its name in the dataset.
        content: SHA-256 (hex) of its pixels, by which an image of a training set is recognized under any name.
        objects: How many objects it has.
        iou: Mean IoU of its objects.
        dice: Mean Dice of its objects.
        seconds: What opening and asking took.
        cached: Whether its embedding was there from before.
        unmatched: How many masks belong to no object, where the model was asked for all of them.
    """

    name: str
    content: str
    objects: int
    iou: float
    dice: float
    seconds: float
    cached: bool
    unmatched: int | None = None
