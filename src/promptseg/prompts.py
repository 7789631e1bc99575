"""Prompts as values: what a user asks a model to segment.

There are four kinds of prompt. A spatial prompt has points, a box, an earlier mask, or a combination of them, for one object. A text
prompt names what to find. A concept asks for every instance of what examples show, or a phrase and examples together. An everything
prompt asks for every object. Only the constructors of `Prompt` make them. A prompt is checked when it is made. Whether it lies inside the
image is checked when it is used.
"""

from __future__ import annotations

import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import between, flag, number_array, whole_number
from ._prompt_hints import DETECTING, check_one_by_one, hint, one_by_one
from .errors import PromptError, shown
from .image_formats import MAX_PIXELS
from .images import ImageLike, load_image_copy
from .masks import Mask, Masks, Size
from .scene_masks import SceneMask, SceneMasks
from .vocabulary import MAX_PHRASE_LENGTH, MAX_PHRASES, check_phrases, parse_phrase, split_phrases

_Scalar = TypeVar("_Scalar", bound=np.generic)

PromptKind = Literal["point", "box", "mask", "text", "example", "everything"]

MAX_POINTS = 4096
"""Maximum number of points in one prompt. A decoder compares every point with every other: this many take half a gigabyte."""

MAX_PROMPTS = 100_000
"""Maximum number of prompts that are given together for one image."""

MAX_EXAMPLES = 256
"""Maximum number of examples of one concept. Each example image is encoded."""

MAX_POINTS_PER_SIDE = 1000
"""Maximum of `points_per_side` in everything mode; its square is the maximum number of points in a custom grid."""

MAX_CROP_LAYERS = 6
"""Maximum of `crop_n_layers` in everything mode. The model runs on ``4**i`` crops in layer ``i``: on 5,460 with this many layers."""

MAX_OFFSET = 1e6
"""Maximum of `stability_score_offset` in everything mode. Logits are far smaller."""


class Prompt(ABC):
    """A prompt: what to segment. Coordinates are pixels of the original image; ``(0, 0)`` is the center of the top-left pixel."""

    @staticmethod
    @one_by_one("x, y")
    def point(x: float, y: float, foreground: bool = True) -> SpatialPrompt:
        """Return a click at ``(x, y)``: on the object, or on the background with ``foreground=False``."""
        return Prompt.points([(x, y)], [foreground])

    @staticmethod
    def points(xy: ArrayLike, foreground: ArrayLike | None = None) -> SpatialPrompt:
        """Return several clicks for one object.

        Args:
            xy: (N, 2) points ``(x, y)``.
            foreground: (N,) whether each point is on the object; default: all are.

        Raises:
            PromptError: There are no points or more than `MAX_POINTS`, the shapes are wrong, or numbers are not finite.
        """
        coordinates = _numbers(xy, "points")
        if coordinates.ndim != 2 or coordinates.shape[0] == 0 or coordinates.shape[1] != 2:
            one = ": one point is Prompt.point(x, y)" if coordinates.shape == (2,) else ""
            raise PromptError(f"points are an (N, 2) array of (x, y) with N of at least 1, got shape {coordinates.shape}{one}")
        _check_count(len(coordinates))
        expected = f"foreground is one boolean per point ({len(coordinates)} here), or 1 and 0, got {shown(foreground)}"
        try:
            on = np.ones(len(coordinates), bool) if foreground is None else np.asarray(foreground)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PromptError(expected) from error
        if on.shape != (len(coordinates),) or on.dtype.kind not in "biuf" or not np.isin(on, (0, 1)).all():
            raise PromptError(expected)
        return SpatialPrompt(xy=_frozen(coordinates), foreground=_frozen(on.astype(bool)))

    @staticmethod
    @one_by_one("x0, y0, x1, y1")
    def box(x0: float, y0: float, x1: float, y1: float) -> SpatialPrompt:
        """Return a box around one object, ``xyxy``, half-open.

        Raises:
            PromptError: Numbers are not finite, or the box is reversed or has no area.
        """
        corners = _numbers((x0, y0, x1, y1), "a box")
        if corners.shape != (4,):
            raise PromptError(f"a box is four numbers x0, y0, x1, y1, got shape {corners.shape}")
        if corners[2] <= corners[0] or corners[3] <= corners[1]:
            raise PromptError(f"a box needs x0 < x1 and y0 < y1 (x0, y0, x1, y1), got {tuple(corners.tolist())}{_corners_hint(corners)}")
        return SpatialPrompt(xyxy=_frozen(corners))

    @staticmethod
    def mask(mask_or_logits: Mask | SceneMask | ArrayLike) -> SpatialPrompt:
        """Return an earlier mask of the object as a prompt, to be refined.

        Args:
            mask_or_logits: A `Mask`, an (H, W) boolean array of the image's size, or (h, w) or (1, h, w) floating-point logits on the
                model's mask grid, as in `Mask.logits`. Of a `Mask`, the low-resolution logits are used if it has them, else its pixels.
                A `SceneMask` is for the session of its raster, see `promptseg.open_tiled`. It has no size of its raster, so one of
                another raster is taken where it lies within this one: give one of this raster alone.

        Raises:
            PromptError: The shape or dtype is wrong, or logits are not finite.
        """
        if isinstance(mask_or_logits, Mask):
            if mask_or_logits.logits is not None:
                logits = _numbers(mask_or_logits.logits, "the logits of a mask")
                if logits.ndim != 2 or not logits.size:
                    raise PromptError(f"the logits of a mask are an array (height, width), got shape {logits.shape}")
                return SpatialPrompt(logits=_frozen(logits), source_size=mask_or_logits.size)
            return SpatialPrompt(mask_pixels=mask_or_logits)
        if isinstance(mask_or_logits, SceneMask):
            return SpatialPrompt(scene_mask=mask_or_logits)
        if isinstance(mask_or_logits, SceneMasks):
            raise PromptError(f"a mask prompt is one SceneMask, got {shown(mask_or_logits)}: give one of them, such as masks[0]")
        if isinstance(getattr(mask_or_logits, "masks", mask_or_logits), Masks):
            raise PromptError(f"a mask prompt is one Mask, got {shown(mask_or_logits)}: give one of them, such as .best()")
        try:
            array = np.asarray(mask_or_logits)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PromptError(f"a mask prompt is a Mask or an array, got {shown(mask_or_logits)}") from error
        if array.dtype == bool and array.ndim == 2 and array.size:
            return SpatialPrompt(mask_pixels=Mask.from_array(array))
        if array.dtype.kind == "f" and array.ndim in (2, 3) and array.size:
            logits = _numbers(array, "mask logits")
            if logits.ndim == 3 and logits.shape[0] == 1:
                logits = logits[0]
            if logits.ndim == 2:
                return SpatialPrompt(logits=_frozen(logits))
        raise PromptError(
            "a mask prompt is a Mask, an (H, W) array of booleans, or (h, w) floating-point logits; "
            f"got shape {array.shape}, dtype {array.dtype}{': give mask > 0' if array.dtype.kind in 'iu' and array.ndim == 2 else ''}"
        )

    @staticmethod
    def text(*phrases: str) -> TextPrompt:
        """Return a prompt of phrases that name what to find, such as ``Prompt.text("a dog", "red car")``. It needs a detector.

        One text may hold several phrases, by the rule of `promptseg.vocabulary.split_phrases`: ``"a dog, red car"`` or, as captions of
        Grounding DINO are written, ``"a dog . red car ."``.

        Raises:
            PromptError: There is no phrase or more than 10,000, or one is blank or has more than 1000 characters.
        """
        check_one_by_one(phrases)
        if not phrases:
            raise PromptError("a text prompt needs at least one phrase, such as 'a dog'")
        split = tuple(itertools.islice((phrase for text in phrases for phrase in split_phrases(text)), MAX_PHRASES + 1))
        check_phrases(split)
        return TextPrompt(split)

    @staticmethod
    def example(image: ImageLike | None, prompt: Prompt, *, positive: bool = True, label: str | None = None) -> Concept:
        """Return a prompt for every object that is like the one of an example.

        ``Prompt.example("cell.png", Prompt.box(40, 40, 80, 80))`` asks for all such cells, in any image. Several examples of one concept
        are added with ``+``, and so is one phrase: ``Prompt.text("cell") + Prompt.example(…)``.

        Args:
            image: The image of the example: a path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array. None for the image that is
                searched.
            prompt: Where the example is in its image: a point, a box, a mask, or a combination of them.
            positive: Whether the concept looks like the example; False for an example of what it is not.
            label: Label of the masks that are found; default: the phrase of the concept, if it has one.

        Raises:
            InputError: The image cannot be read.
            PromptError: `prompt` is not spatial, lies outside the image, is an empty mask or has background points alone, or `label` is no
                text.
        """
        return Concept(None, (Example(None if image is None else load_image_copy(image), prompt, positive),), label)  # type: ignore[arg-type]  # It is checked there.

    @staticmethod
    def everything(
        points_per_side: int = 32,
        *,
        point_grid: ArrayLike | None = None,
        pred_iou_thresh: float | None = None,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        min_mask_region_area: int = 0,
    ) -> EverythingPrompt:
        """Return a prompt for every object of the image, found from a grid of points.

        The settings and their defaults are those of ``SamAutomaticMaskGenerator`` in segment-anything.

        Args:
            points_per_side: Points along each side of the grid, at most 1000.
            point_grid: (N, 2) points ``(x, y)`` in [0, 1] to use instead of the regular grid. It cannot be combined with crops.
            pred_iou_thresh: Minimum predicted IoU of a mask; None for the threshold of the model's authors (SAM 0.88, SAM 2 0.8).
            stability_score_thresh: Minimum IoU between the logits thresholded at ``+offset`` and at ``-offset``.
            stability_score_offset: Logit offset of the stability score.
            box_nms_thresh: Box IoU above which the mask with the lower predicted IoU is dropped.
            crop_n_layers: Number of crop layers, at most 6. The model also runs on the ``4**i`` crops of layer ``i``.
            crop_nms_thresh: Box IoU above which masks of different crops count as duplicates.
            crop_overlap_ratio: Overlap of neighboring crops as a share of the shorter side.
            crop_n_points_downscale_factor: The grid of layer ``i`` has ``points_per_side / factor**i`` points per side.
            min_mask_region_area: Holes and islands of fewer pixels are removed; 0 removes none.

        Raises:
            PromptError: A setting is out of its range.
        """
        return EverythingPrompt(
            points_per_side,
            None if point_grid is None else _numbers(point_grid, "point_grid"),
            pred_iou_thresh,
            stability_score_thresh,
            stability_score_offset,
            box_nms_thresh,
            crop_n_layers,
            crop_nms_thresh,
            crop_overlap_ratio,
            crop_n_points_downscale_factor,
            min_mask_region_area,
        )

    def __add__(self, other: Prompt) -> Prompt:
        """Combine two prompts: points, a box and a mask of the same object; or examples and a phrase of the same concept.

        Raises:
            PromptError: The prompts do not combine: both have a box, a mask or a phrase, or they ask for different things.
        """
        raise PromptError(
            "only points, boxes and masks of one object combine, or examples and one phrase of one concept, "
            f"not {shown(self)} + {shown(other)}"
        )

    @property
    @abstractmethod
    def kinds(self) -> frozenset[PromptKind]:
        """Kinds of prompt that this prompt contains, for comparison with `Segmenter.accepts`."""


@dataclass(frozen=True, eq=False)
class SpatialPrompt(Prompt):
    """Points, a box and an earlier mask that together describe one object. Combine them with ``+``.

    Attributes:
        xy: (N, 2) float32 points ``(x, y)``; N may be 0.
        foreground: (N,) bool.
        xyxy: (4,) float32 box, or None.
        mask_pixels: An earlier mask at the image's size, or None.
        logits: An earlier mask as low-resolution logits (h, w) float32, or None.
        source_size: ``(height, width)`` of the image that `logits` were made for, or None if unknown.
        scene_mask: An earlier mask in a raster, or None. Only the session of a raster takes it.
    """

    xy: NDArray[np.float32] = field(default_factory=lambda: _frozen(np.zeros((0, 2), np.float32)))
    foreground: NDArray[np.bool_] = field(default_factory=lambda: _frozen(np.zeros(0, bool)))
    xyxy: NDArray[np.float32] | None = None
    mask_pixels: Mask | None = None
    logits: NDArray[np.float32] | None = None
    source_size: Size | None = None
    scene_mask: SceneMask | None = None

    @overload
    def __add__(self, other: SpatialPrompt) -> SpatialPrompt: ...
    @overload
    def __add__(self, other: Prompt) -> Prompt: ...
    def __add__(self, other: Prompt) -> Prompt:
        if not isinstance(other, SpatialPrompt):
            return super().__add__(other)
        if self.xyxy is not None and other.xyxy is not None:
            raise PromptError("one object has one box: give several boxes as several prompts")
        if "mask" in self.kinds and "mask" in other.kinds:
            raise PromptError("one object has one earlier mask: both prompts have one")
        _check_count(len(self.xy) + len(other.xy))
        mask = self if "mask" in self.kinds else other
        return SpatialPrompt(
            xy=_frozen(np.concatenate([self.xy, other.xy])),
            foreground=_frozen(np.concatenate([self.foreground, other.foreground])),
            xyxy=other.xyxy if self.xyxy is None else self.xyxy,
            mask_pixels=mask.mask_pixels,
            logits=mask.logits,
            source_size=mask.source_size,
            scene_mask=mask.scene_mask,
        )

    @property
    def kinds(self) -> frozenset[PromptKind]:
        kinds: set[PromptKind] = set()
        if len(self.xy):
            kinds.add("point")
        if self.xyxy is not None:
            kinds.add("box")
        if self.mask_pixels is not None or self.logits is not None or self.scene_mask is not None:
            kinds.add("mask")
        return frozenset(kinds)

    def same_as(self, other: SpatialPrompt) -> bool:
        """Return whether another prompt has the same points in the same order, the same box and the same mask."""
        pairs = [(self.xy, other.xy), (self.foreground, other.foreground), (self.xyxy, other.xyxy), (self.logits, other.logits)]
        if any((one is None) != (two is None) for one, two in pairs):
            return False
        arrays = ((one, two) for one, two in pairs if one is not None and two is not None)
        same_mask = self.mask_pixels == other.mask_pixels and self.scene_mask == other.scene_mask
        return same_mask and all(np.array_equal(one, two) for one, two in arrays)

    def without_mask(self) -> SpatialPrompt:
        """Return the points and the box alone, for models that take no masks.

        Raises:
            PromptError: There is nothing but the mask.
        """
        if self.kinds == {"mask"}:
            raise PromptError(f"{shown(self)} is nothing but a mask: add points or a box")
        return SpatialPrompt(self.xy, self.foreground, self.xyxy)

    def on_image(self, size: Size) -> SpatialPrompt:
        """Return the prompt for an image of `size` (height, width), checked and with its box clipped to the image.

        Raises:
            PromptError: A point or the whole box lies outside the image, or the mask belongs to an image of another size or to a raster.
        """
        if self.scene_mask is not None:
            raise PromptError(
                f"{shown(self)} has the mask of an object in a raster, which a session of open_tiled takes: for an image, give a Mask of "
                "its size, such as scene_mask.within(window)"
            )
        return self._within(size)

    def in_raster(self, size: Size) -> SpatialPrompt:
        """Return the prompt for a raster of `size` (height, width), checked and with its box clipped to the raster.

        Raises:
            PromptError: A point, the whole box or a part of the mask lies outside the raster, or the mask is of an image of another size.
        """
        mask = self.scene_mask
        if mask is not None and (mask.window.bottom > size[0] or mask.window.right > size[1]):
            raise PromptError(f"the mask prompt has the box {mask.box}, and the raster is {size[1]} wide and {size[0]} high")
        return self._within(size)

    def _within(self, size: Size) -> SpatialPrompt:
        height, width = size
        outside = (self.xy < -0.5).any(axis=1) | (self.xy[:, 0] > width - 0.5) | (self.xy[:, 1] > height - 0.5)
        if outside.any():
            x, y = self.xy[np.argmax(outside)].tolist()
            swapped = "are x and y swapped" if 0 <= y < width and 0 <= x < height else "is it of another size of the image"
            raise PromptError(f"point ({x:g}, {y:g}) lies outside the image, which is {width} wide and {height} high: {swapped}?")
        for mask_size in (self.mask_pixels.size if self.mask_pixels else None, self.source_size):
            if mask_size not in (None, size):
                raise PromptError(
                    f"the mask prompt is of an image of size {mask_size} (height, width), this image has {size}: resize the mask"
                )
        if self.xyxy is None:
            return self
        cut = np.clip(self.xyxy, 0, [width, height, width, height]).astype(np.float32)
        if cut[2] <= cut[0] or cut[3] <= cut[1]:
            raise PromptError(
                f"box {tuple(self.xyxy.tolist())} lies outside the image, which is {width} wide and {height} high: "
                "a box is x0, y0, x1, y1 in pixels of this image"
            )
        return replace(self, xyxy=_frozen(cut))

    def __repr__(self) -> str:
        parts = [f"point({x:g}, {y:g}{'' if on else ', foreground=False'})" for (x, y), on in zip(self.xy, self.foreground, strict=True)]
        if self.xyxy is not None:
            parts.append("box({:g}, {:g}, {:g}, {:g})".format(*self.xyxy))
        if self.mask_pixels is not None:
            parts.append("mask({} x {})".format(*self.mask_pixels.size))
        if self.logits is not None:
            parts.append("mask(logits {} x {})".format(*self.logits.shape))
        if self.scene_mask is not None:
            parts.append(f"mask(SceneMask with the box {self.scene_mask.box})")
        return " + ".join(f"Prompt.{part}" for part in parts)


@dataclass(frozen=True)
class TextPrompt(Prompt):
    """Phrases that name what to find."""

    phrases: tuple[str, ...]

    @property
    def kinds(self) -> frozenset[PromptKind]:
        return frozenset({"text"})

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """One concept for each phrase, in their order."""
        return tuple(Concept(phrase) for phrase in self.phrases)

    @overload
    def __add__(self, other: Concept) -> Concept: ...
    @overload
    def __add__(self, other: Prompt) -> Prompt: ...
    def __add__(self, other: Prompt) -> Prompt:
        if not isinstance(other, Concept):
            return super().__add__(other)
        if len(self.phrases) != 1:
            raise PromptError(f"examples belong to one phrase, got {len(self.phrases)}: {shown(self)} + {shown(other)}")
        return self.concepts[0] + other

    def __repr__(self) -> str:
        return f"Prompt.text({', '.join(map(repr, self.phrases))})"


@dataclass(frozen=True, eq=False)
class Example:
    """One object that a concept is like, or unlike.

    Attributes:
        image: The image of the example, (H, W, 3) uint8 RGB; None for the image that is searched.
        prompt: Where the example is in its image.
        positive: Whether the concept is like the example.
        digest: SHA-256 of the image's pixels as text; None for the image that is searched. A prompt that was read from a file has the
            digests of its example images without the images, and cannot be used.
    """

    image: NDArray[np.uint8] | None
    prompt: SpatialPrompt
    positive: bool = True
    digest: str | None = None

    def __post_init__(self) -> None:
        """Check the example against its image.

        Raises:
            PromptError: The prompt is not spatial, does not fit the image, is an empty mask or has background points alone.
        """
        if not isinstance(self.prompt, SpatialPrompt):
            raise PromptError(f"an example is a point, box or mask in its image, got {shown(self.prompt)}: {hint(self.prompt)}")
        if self.prompt.mask_pixels is not None and not self.prompt.mask_pixels.area:
            raise PromptError(f"an example needs an object, and {shown(self.prompt)} is an empty mask")
        if self.prompt.kinds == {"point"} and not self.prompt.foreground.any():
            raise PromptError(f"an example needs a point on the object, and {shown(self.prompt)} has background points alone")
        object.__setattr__(self, "positive", flag("positive", self.positive, PromptError))
        if self.image is not None:
            object.__setattr__(self, "prompt", self.prompt.on_image((self.image.shape[0], self.image.shape[1])))
            self.image.setflags(write=False)
            object.__setattr__(self, "digest", hashlib.sha256(np.ascontiguousarray(self.image).data).hexdigest())

    def placed(self, searched: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], SpatialPrompt]:
        """Return the image of the example, and its prompt checked and clipped to this image.

        Args:
            searched: (H, W, 3) uint8 RGB, the image that is searched. It is the example's image where that is None.

        Raises:
            PromptError: The prompt does not fit the image, or the image of the example is not at hand.
        """
        if self.image is not None:
            return self.image, self.prompt
        if self.digest is not None:
            raise PromptError(f"the image of {shown(self)} is not at hand: this prompt was read from a file, so make it anew")
        return searched, self.prompt.on_image((searched.shape[0], searched.shape[1]))

    def __repr__(self) -> str:
        where = "…" if self.digest is not None else "None"
        where = where if self.image is None else f"<image {self.image.shape[1]} x {self.image.shape[0]}>"
        return f"Prompt.example({where}, {self.prompt!r}{'' if self.positive else ', positive=False'})"


@dataclass(frozen=True, eq=False)
class Concept(Prompt):
    """Prompt for every instance of what a phrase or examples describe, or both together. Combine them with ``+``.

    Attributes:
        phrase: Phrase that names the concept, or None.
        examples: Examples, positive and negative.
        name: Label of the masks, if it was given with an example.
    """

    phrase: str | None = None
    examples: tuple[Example, ...] = ()
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the parts of the concept.

        Raises:
            PromptError: There is neither a phrase nor an example, or too many examples; the phrase or label is not text; or a place is a
                positive and a negative example at once.
        """
        if self.phrase is None and not self.examples:
            raise PromptError("a concept needs a phrase or an example, such as Prompt.example(image, Prompt.box(x0, y0, x1, y1))")
        if len(self.examples) > MAX_EXAMPLES:
            raise PromptError(f"a concept has at most {MAX_EXAMPLES} examples, got {len(self.examples)}")
        check_phrases([] if self.phrase is None else [self.phrase])
        if self.name is not None and (not isinstance(self.name, str) or not self.name.strip() or len(self.name) > MAX_PHRASE_LENGTH):
            raise PromptError(f"a label is text that is not blank, of at most {MAX_PHRASE_LENGTH} characters, got {shown(self.name)}")
        for one, other in itertools.combinations(self.examples, 2):
            if one.positive != other.positive and one.digest == other.digest and one.prompt.same_as(other.prompt):
                raise PromptError(f"{shown(one.prompt)} is a positive and a negative example of one concept")

    def bound(self, image: NDArray[np.uint8]) -> Concept:
        """Return the concept with an image for the examples that are in the searched image, so that another one can be searched.

        Args:
            image: (H, W, 3) uint8 RGB.

        Raises:
            PromptError: An example does not fit the image.
        """
        if all(example.digest is not None for example in self.examples):
            return self
        bound = (
            example if example.digest is not None else Example(image.copy(), example.prompt, example.positive) for example in self.examples
        )
        return Concept(self.phrase, tuple(bound), self.name)

    @property
    def label(self) -> str | None:
        """Label of the masks that are found: the one that was given, or else that of the phrase."""
        return self.name if self.name is not None or self.phrase is None else parse_phrase(self.phrase).label

    @property
    def kinds(self) -> frozenset[PromptKind]:
        kinds: set[PromptKind] = set()
        if self.phrase is not None:
            kinds.add("text")
        if self.examples:
            kinds.add("example")
        return frozenset(kinds)

    @overload
    def __add__(self, other: Concept | TextPrompt) -> Concept: ...
    @overload
    def __add__(self, other: Prompt) -> Prompt: ...
    def __add__(self, other: Prompt) -> Prompt:
        if isinstance(other, TextPrompt):
            if len(other.phrases) != 1:
                return other + self  # Which says what is wrong.
            (other,) = other.concepts
        if not isinstance(other, Concept):
            return super().__add__(other)
        for what, own, others in (("phrase", self.phrase, other.phrase), ("label", self.name, other.name)):
            if None not in (own, others) and own != others:
                raise PromptError(f"one concept has one {what}, got {shown(own)} and {shown(others)}: give several concepts one by one")
        return Concept(
            other.phrase if self.phrase is None else self.phrase,
            (*self.examples, *other.examples),
            other.name if self.name is None else self.name,
        )

    def __repr__(self) -> str:
        parts = [*([] if self.phrase is None else [f"Prompt.text({self.phrase!r})"]), *map(repr, self.examples)]
        if self.name is not None and self.examples:
            parts[-1] = f"{parts[-1].removesuffix(')')}, label={self.name!r})"
        return " + ".join(parts)


@dataclass(frozen=True, eq=False)
class EverythingPrompt(Prompt):
    """Prompt for every object of the image. `Prompt.everything` documents the settings."""

    points_per_side: int = 32
    point_grid: NDArray[np.float32] | None = None
    pred_iou_thresh: float | None = None
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    min_mask_region_area: int = 0

    @property
    def kinds(self) -> frozenset[PromptKind]:
        return frozenset({"everything"})

    def __repr__(self) -> str:
        changed = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if repr(getattr(self, f.name)) != repr(f.default)]
        return f"Prompt.everything({', '.join(changed)})"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            PromptError: A setting is out of its range.
        """
        for name, least, most in (
            ("points_per_side", 1, MAX_POINTS_PER_SIDE),
            ("crop_n_layers", 0, MAX_CROP_LAYERS),
            ("crop_n_points_downscale_factor", 1, MAX_POINTS_PER_SIDE),
            ("min_mask_region_area", 0, MAX_PIXELS),
        ):
            value = whole_number(name, getattr(self, name), least, PromptError, most=most)
            object.__setattr__(self, name, value)  # NumPy's numbers become Python's.
        for name in ("pred_iou_thresh", "stability_score_thresh", "box_nms_thresh", "crop_nms_thresh", "crop_overlap_ratio"):
            value = getattr(self, name)
            if value is None and name == "pred_iou_thresh":
                continue
            object.__setattr__(self, name, between(name, value, error=PromptError))
        offset = between("stability_score_offset", self.stability_score_offset, 0, MAX_OFFSET, PromptError)
        object.__setattr__(self, "stability_score_offset", offset)
        if self.point_grid is not None:
            grid = _frozen(_numbers(self.point_grid, "point_grid"))
            object.__setattr__(self, "point_grid", grid)
            if grid.ndim != 2 or grid.shape[0] == 0 or grid.shape[1] != 2 or grid.min() < 0 or grid.max() > 1:
                raise PromptError(f"point_grid is an (N, 2) array of (x, y) in [0, 1], got shape {grid.shape}")
            if len(grid) > MAX_POINTS_PER_SIDE**2:
                raise PromptError(f"point_grid has at most {MAX_POINTS_PER_SIDE**2} points, got {len(grid)}")
            if self.crop_n_layers:
                raise PromptError("a custom point_grid goes with crop_n_layers=0: each layer of crops would need its own")

    def grid(self, layer: int = 0) -> NDArray[np.float32]:
        """Return (N, 2) points ``(x, y)`` in (0, 1), row by row: the custom grid, or the regular grid of one crop layer."""
        if self.point_grid is not None:
            return self.point_grid
        side = max(1, int(self.points_per_side / self.crop_n_points_downscale_factor**layer))
        ticks = (np.arange(side, dtype=np.float64) + 0.5) / side
        return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2).astype(np.float32)


def concepts_of(prompts: Sequence[Prompt]) -> tuple[tuple[int, Concept], ...]:
    """Return the concepts of text prompts and examples, in their order, each with the index of its prompt."""
    found: list[tuple[int, Concept]] = []
    for index, prompt in enumerate(prompts):
        if isinstance(prompt, TextPrompt):
            found += ((index, concept) for concept in prompt.concepts)
        elif isinstance(prompt, Concept):
            found.append((index, prompt))
    return tuple(found)


def listed_concepts(concepts: object, accepts: AbstractSet[PromptKind] = frozenset({"text", "example"})) -> list[Concept]:
    """Return what is given as concepts as a list, checked.

    Args:
        concepts: The concepts.
        accepts: What concepts may consist of: ``"text"``, ``"example"``, or both.

    Raises:
        PromptError: `concepts` is not a list of concepts or is empty, or one has a phrase or examples that are not accepted.
    """
    if isinstance(concepts, Prompt) or not isinstance(concepts, Iterable) or isinstance(concepts, (str, bytes, Mapping, np.ndarray)):
        raise PromptError(f"find() takes a list of concepts, such as [Prompt.example(image, prompt)], got {shown(concepts)}")
    checked: list[Concept] = []
    for index, given in enumerate(itertools.islice(concepts, MAX_PROMPTS)):
        for concept in given.concepts if isinstance(given, TextPrompt) else (given,):
            if not isinstance(concept, Concept):
                raise PromptError(f"concept {index} is {shown(concept)}, where Prompt.example and Prompt.text are taken")
            check_concept(concept, accepts)
            checked.append(concept)
    if not checked:
        raise PromptError("find() needs at least one concept, such as Prompt.example(image, prompt), got none")
    return checked


def check_concept(concept: Concept, accepts: AbstractSet[PromptKind]) -> None:
    """Check that a model takes a concept.

    Args:
        concept: The concept.
        accepts: What the concepts of the model may consist of.

    Raises:
        PromptError: The concept has a phrase or examples that are not accepted.
    """
    if concept.phrase is not None and "text" not in accepts:
        instead = (
            "give the phrase as its label: Prompt.example(…, label=…)" if concept.examples else "give an example, or choose another model"
        )
        raise PromptError(f"this model reads no words, got {shown(concept)}: {instead}")
    if concept.examples and "example" not in accepts:
        raise PromptError(f"this model takes no examples, got {shown(concept)}: give a phrase, or choose another model")


def phrases_of(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Return the phrases of all text prompts, in order and without duplicates."""
    return tuple(dict.fromkeys(phrase for prompt in prompts if isinstance(prompt, TextPrompt) for phrase in prompt.phrases))


def spatial(prompts: Iterable[Prompt], size: Size, *, raster: bool = False) -> Iterator[SpatialPrompt]:
    """Yield the prompts for an image of `size` (height, width), each checked and clipped to the image.

    Args:
        prompts: The prompts.
        size: ``(height, width)`` of the image.
        raster: Whether it is a raster, whose prompts may have the mask of an object in it.

    Raises:
        PromptError: `prompts` is neither a list nor an iterator of prompts, is empty or has more than `MAX_PROMPTS`; or a prompt is not
            spatial or does not fit the image.
    """
    for index, prompt in enumerate(_listed(prompts)):
        if not isinstance(prompt, SpatialPrompt):
            raise PromptError(f"prompt {index} is {shown(prompt)}, where points, boxes and masks are taken: {_instead(prompt)}")
        yield prompt.in_raster(size) if raster else prompt.on_image(size)


def _listed(prompts: object) -> list[object]:
    """Return what is given as prompts as a list of limited length.

    Raises:
        PromptError: It is neither a list nor an iterator, is empty or has more than `MAX_PROMPTS`.
    """
    if isinstance(prompts, Prompt):
        raise PromptError(f"segment() takes a list of prompts, one per object: write [{shown(prompts)}]")
    if isinstance(prompts, str):
        raise PromptError(f"segment() takes a list of prompts, got text: {hint(prompts)}")
    if not isinstance(prompts, Iterable) or isinstance(prompts, (bytes, Mapping, AbstractSet, np.ndarray)):
        raise PromptError(f"segment() takes a list of prompts, such as [Prompt.point(x, y)], got {shown(prompts)}")
    given = list(itertools.islice(prompts, MAX_PROMPTS + 1))
    if not given:
        raise PromptError("segment() needs at least one prompt, such as Prompt.point(x, y), got none")
    if len(given) > MAX_PROMPTS:
        raise PromptError(f"segment() takes at most {MAX_PROMPTS} prompts at once, got more: give them in several calls")
    return given


def _instead(value: object) -> str:
    """Return what to do with a value that is not a spatial prompt."""
    if isinstance(value, EverythingPrompt):
        return "use session.everything(prompt)"
    if isinstance(value, TextPrompt):
        return f"a text prompt needs a pipeline with a detector, such as {DETECTING}"
    if isinstance(value, Concept):
        return "a pipeline finds what is like an example: ps.Pipeline().segment().build()(image, prompt)"
    return not_a_prompt(value)


def not_a_prompt(value: object) -> str:
    """Return what to write in place of a value that is not a `Prompt`."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, Prompt) for each in value):
        return "give the prompts of a list one by one, with a star: pipeline(image, *prompts)"
    if isinstance(value, Iterator) and not hasattr(value, "read"):  # An open file is an iterator, and an image.
        return "give the prompts of an iterator one by one, with a star: pipeline(image, *prompts)"
    return hint(value)


def _corners_hint(box: NDArray[np.float32]) -> str:
    """Return what may be meant by a box whose corners are in the wrong order."""
    x0, y0, x1, y1 = (round(float(value), 3) for value in box)
    if x1 <= 0 or y1 <= 0:
        return ""
    return f"; if the last two are a width and a height, give ({x0:g}, {y0:g}, {x0 + x1:g}, {y0 + y1:g})"


def _numbers(values: ArrayLike, what: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # What float32 cannot hold becomes infinite and is refused below.
        array = number_array(values, what, PromptError).astype(np.float32)
    if not np.isfinite(array).all():
        raise PromptError(f"{what} must be finite numbers, got {shown(values)}")
    return array


def _check_count(points: int) -> None:
    if points > MAX_POINTS:
        raise PromptError(f"a prompt has at most {MAX_POINTS} points, got {points}: give fewer, or several prompts")


def _frozen(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    copy: NDArray[_Scalar] = array.copy()
    copy.setflags(write=False)
    return copy
