"""Masks of objects in a raster of any size: each is kept inside its box, with the place of the box in the raster.

A `promptseg.Mask` is as large as its image, and its run lengths cannot count beyond 2^32 pixels. A `SceneMask` costs what its object costs,
wherever it lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import is_whole_number
from ._rle import box_of, check_runs, compressed, decode_box, run_lengths
from .errors import InputError, shown
from .image_formats import MAX_PIXELS
from .masks import Mask, Masks, Polygon, Size, chosen_indices
from .rasters.window import Window, between


@dataclass(frozen=True)
class SceneMask:
    """The mask of one object in a raster. `of` makes one from the mask of a tile.

    Attributes:
        mask: The pixels inside the object's box: a mask of the size of the box, with score and label. It is not empty.
        origin: ``(x, y)`` of the top-left pixel of the box in the raster.

    Raises:
        InputError: The mask is empty or the origin is no place in a raster.
    """

    mask: Mask
    origin: tuple[int, int]

    def __post_init__(self) -> None:
        if not isinstance(self.mask, Mask) or not self.mask.area:
            raise InputError(f"an object of a scene has a Mask that is not empty, got {shown(self.mask)}")
        if not isinstance(self.origin, tuple) or len(self.origin) != 2 or not all(is_whole_number(at, 0) for at in self.origin):
            raise InputError(f"the origin of an object is two whole numbers (x, y) of at least 0, got {shown(self.origin)}")

    @classmethod
    def of(cls, mask: Mask, at: tuple[int, int]) -> SceneMask:
        """Return the object that the mask of a window shows.

        Args:
            mask: The mask, of the size of the window. It must not be empty.
            at: ``(x, y)`` of the top-left pixel of the window in the raster.

        Raises:
            InputError: The mask is empty.
        """
        pixels, (x, y) = mask.crop()
        if not pixels.size:
            raise InputError(f"an object of a scene has a Mask that is not empty, got {shown(mask)}")
        inside = Mask.from_crop(pixels, (0, 0), (pixels.shape[0], pixels.shape[1]))
        return cls(replace(mask, size=inside.size, counts=inside.counts, logits=None), (at[0] + x, at[1] + y))

    @classmethod
    def from_coco_rle(cls, rle: Mapping[str, Any], *, score: float | None = None, label: str | None = None) -> SceneMask:
        """Read a COCO RLE dictionary of the whole raster, as `promptseg.Mask.from_coco_rle` does. The raster may be larger than a mask.

        Raises:
            InputError: It is none, or damaged; there is no object; or its box has more than `promptseg.images.MAX_PIXELS` pixels.
        """
        try:
            height, width = _size_of(rle["size"])
            counts = _compressed(rle["counts"], (height, width))
            runs = run_lengths(counts)
            check_runs(runs, height * width)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"no COCO RLE of an object in a raster, {{'size': [height, width], 'counts': …}}: {error}") from error
        if not runs[1::2].any():
            raise InputError("the run lengths of an object in a raster have no pixel of it")
        x0, y0, x1, y1 = box_of(np.cumsum(runs), height)
        if (x1 - x0) * (y1 - y0) > MAX_PIXELS:
            raise InputError(f"the box of an object in a raster has at most {MAX_PIXELS} pixels, got {x1 - x0} x {y1 - y0}")
        step = max(1, _DECODED // height)
        parts = [decode_box(counts, height, (x, y0, min(x1, x + step), y1)) for x in range(x0, x1, step)]
        return cls(Mask.from_crop(np.hstack(parts), (0, 0), (y1 - y0, x1 - x0), score=score, label=label), (x0, y0))

    @property
    def window(self) -> Window:
        """The box of the object in the raster, as a window."""
        return Window(self.origin[1], self.origin[0], *self.mask.size)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The box of the object in the raster, ``(x0, y0, x1, y1)``, half-open. Exact, however far from the origin."""
        return self.window.box

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.mask.area

    @property
    def label(self) -> str | None:
        """What the object is, or None."""
        return self.mask.label

    @property
    def score(self) -> float | None:
        """Estimate of the quality of the mask, or None."""
        return self.mask.score

    def pixels(self, window: Window) -> NDArray[np.bool_]:
        """Return the pixels in a window that lies in the object's box, (height, width) bool. It costs what the window costs.

        Raises:
            InputError: The window does not lie in the box.
        """
        if window.shared(self.window) != window:
            raise InputError(f"the pixels of an object are known in its box {self.box}, got the window {window.box}")
        x, y = self.origin
        return decode_box(self.mask.counts, self.mask.size[0], (window.x - x, window.y - y, window.right - x, window.bottom - y))

    def within(self, window: Window) -> Mask:
        """Return the part in a window as a mask of the size of the window. It is empty where the object does not reach.

        Raises:
            InputError: The window has more than `promptseg.images.MAX_PIXELS` pixels.
        """
        shared = self.window.shared(window)
        inside, at = np.zeros((0, 0), bool), (0, 0)
        if shared is not None:
            inside, at = self.pixels(shared), (shared.x - window.x, shared.y - window.y)
        return replace(self.mask, size=window.size, counts=Mask.from_crop(inside, at, window.size).counts)

    def area_in(self, window: Window) -> int:
        """Return the number of pixels in a window."""
        shared = self.window.shared(window)
        if shared == self.window:
            return self.area
        return 0 if shared is None else int(np.count_nonzero(self.pixels(shared)))

    def shared_area(self, other: SceneMask) -> int:
        """Return the number of pixels that belong to another object of the same raster too."""
        shared = self.window.shared(other.window)
        return 0 if shared is None else int(np.count_nonzero(self.pixels(shared) & other.pixels(shared)))

    def iou(self, other: SceneMask) -> float:
        """Return the intersection over union with another object of the same raster."""
        both = self.shared_area(other)
        return both / (self.area + other.area - both)

    def polygons(self) -> list[Polygon]:
        """Return the exact outlines along pixel edges, as `promptseg.Mask.polygons` does, in pixels of the raster and in float64."""
        at = np.array(self.origin, np.float64)
        return [
            Polygon(part.exterior + at, tuple(hole + at for hole in part.holes))  # type: ignore[arg-type, misc]  # float32 is too coarse here.
            for part in self.mask.polygons()
        ]


class SceneMasks(Sequence[SceneMask]):
    """An immutable sequence of objects in one raster.

    Args:
        masks: The objects.
        size: ``(height, width)`` of the raster in pixels. The product may be far beyond `promptseg.images.MAX_PIXELS`.

    Raises:
        InputError: The size is not one of a raster, or an object does not lie in it.
    """

    def __init__(self, masks: Iterable[SceneMask], size: Size) -> None:
        if not isinstance(size, tuple) or len(size) != 2 or not all(is_whole_number(side, 1) for side in size):
            raise InputError(f"the size of a raster is two whole numbers (height, width) of at least 1, got {shown(size)}")
        self._masks, self.size = tuple(masks), size
        for mask in self._masks:
            if not isinstance(mask, SceneMask):
                raise InputError(f"the objects of a scene are SceneMask, got {shown(mask)} among them")
            if mask.window.bottom > size[0] or mask.window.right > size[1]:
                raise InputError(f"an object with the box {mask.box} does not lie in a raster of {size[0]} x {size[1]} (height, width)")

    def __len__(self) -> int:
        return len(self._masks)

    def __iter__(self) -> Iterator[SceneMask]:
        return iter(self._masks)

    @overload
    def __getitem__(self, index: int) -> SceneMask: ...
    @overload
    def __getitem__(self, index: slice) -> SceneMasks: ...
    def __getitem__(self, index: int | slice) -> SceneMask | SceneMasks:
        return SceneMasks(self._masks[index], self.size) if isinstance(index, slice) else self._masks[index]

    def __repr__(self) -> str:
        return f"SceneMasks({len(self)} objects, {self.size[1]} wide, {self.size[0]} high)"

    @cached_property
    def boxes(self) -> NDArray[np.int64]:
        """Boxes in the raster, (N, 4) int64 ``xyxy``, half-open."""
        return np.array([mask.box for mask in self._masks], np.int64).reshape(-1, 4)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Number of pixels of each object, (N,) int64."""
        return np.array([mask.area for mask in self._masks], np.int64)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Scores, (N,) float32; NaN where an object has none."""
        return np.array([np.nan if mask.score is None else mask.score for mask in self._masks], np.float32)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Labels, one for each object; None where it has none."""
        return tuple(mask.label for mask in self._masks)

    def where(self, keep: ArrayLike) -> SceneMasks:
        """Return the objects where `keep` is true (N booleans), or those at the given indices in their order.

        Raises:
            InputError: `keep` does not fit the number of objects.
        """
        return SceneMasks((self._masks[index] for index in chosen_indices(keep, len(self))), self.size)

    def touching(self, window: Window) -> SceneMasks:
        """Return the objects whose boxes reach into a window."""
        x0, y0, x1, y1 = window.box
        boxes = self.boxes
        return self.where((boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0))

    def within(self, window: Window) -> Masks:
        """Return the parts of the objects in a window, as masks of the size of the window. Objects without a pixel there are left out.

        Raises:
            InputError: The window has more than `promptseg.images.MAX_PIXELS` pixels.
        """
        parts = (mask.within(window) for mask in self.touching(window))
        return Masks((part for part in parts if part.area), window.size)

    def to_masks(self) -> Masks:
        """Return the objects as masks of the size of the raster.

        Raises:
            InputError: The raster has more than `promptseg.images.MAX_PIXELS` pixels, which is as many as a mask can have.
        """
        height, width = self.size
        if height * width > MAX_PIXELS:
            raise InputError(
                f"a raster of {height} x {width} has more than {MAX_PIXELS} pixels, as many as a mask can have: "
                "take the objects of a window with within(window), or as polygons"
            )
        whole = between(0, 0, width, height)
        return Masks([] if whole is None else [mask.within(whole) for mask in self._masks], self.size)


def _size_of(given: Any) -> Size:
    """Return the height and width of a raster whose run lengths COCO can count.

    Raises:
        ValueError: They are none.
    """
    height, width = given
    if not (is_whole_number(height, 1) and is_whole_number(width, 1) and height * width <= _MOST_COUNTED):
        raise ValueError(f"height and width are whole numbers, and their product is at most {_MOST_COUNTED}")
    return height, width


def _compressed(counts: Any, size: Size) -> bytes:
    """Return run lengths as COCO compresses them, unless they are.

    Raises:
        ValueError: They are not text, or are none of this size.
    """
    if isinstance(counts, (str, bytes)):
        return counts.encode("ascii") if isinstance(counts, str) else counts
    runs = np.array(counts, np.int64).reshape(-1)
    check_runs(runs, size[0] * size[1])
    return compressed(runs.tolist(), size)


_MOST_COUNTED = (1 << 32) - 1
"""Maximum number of pixels that run lengths of COCO count."""

_DECODED = 1 << 24
"""Number of pixels of whole columns that are decoded at once."""
