"""Masks as values: `Mask` is one run-length encoded binary mask, `Masks` an immutable sequence of them on one image.

A mask is stored as COCO run-length encoding (RLE): column-major runs, compressed by pycocotools. Area, box, IoU and union work on the
runs. Pixels are made when `Mask.array` is read. A thousand masks of a 12-megapixel image take megabytes, not gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco

from ._rle import decode_box, encode_crop, run_lengths, sample, without_empty_runs
from .errors import InputError

Size = tuple[int, int]
"""``(height, width)`` in pixels."""


class Polygon(NamedTuple):
    """One connected part of a mask: its outline and the outlines of its holes, each (N, 2) float32 ``(x, y)`` on pixel edges."""

    exterior: NDArray[np.float32]
    holes: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True, eq=False)
class Mask:
    """One binary mask of an image, run-length encoded. Make one with `from_array`, `from_crop`, `from_coco_rle` or `from_polygons`.

    Attributes:
        size: ``(height, width)`` of the image in pixels.
        counts: Compressed COCO run lengths, column-major.
        score: The model's estimate of the mask's quality (for SAM: its predicted IoU), or None.
        label: What the mask shows, or None.
        logits: The model's low-resolution logits (256, 256) float32, which cover the model input, for refining the mask; or None.
        prompt_index: Index of this mask's prompt among those given together, or None.
        detection_index: Index of this mask's detection in `Result.detections`, or None.
        from_box: Whether this mask is the filled box of a detection whose mask failed. After merging: whether a part of it is.
    """

    size: Size
    counts: bytes
    score: float | None = None
    label: str | None = None
    logits: NDArray[np.float32] | None = field(default=None, repr=False)
    prompt_index: int | None = None
    detection_index: int | None = None
    from_box: bool = False

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        *,
        score: float | None = None,
        label: str | None = None,
        logits: NDArray[np.float32] | None = None,
        prompt_index: int | None = None,
    ) -> Mask:
        """Encode the pixels of a mask.

        Args:
            array: (H, W) bool, or integers or floats that are all 0 or 1 (or all 0 or 255).
            score: Quality estimate to keep with the mask.
            label: Label to keep with the mask.
            logits: Low-resolution logits to keep with the mask.
            prompt_index: Index of the mask's prompt.

        Raises:
            InputError: `array` is not two-dimensional, is empty, or holds other values.
        """
        pixels = _binary(np.asarray(array))
        encoded = coco.encode(np.asfortranarray(pixels))
        return cls(pixels.shape, encoded["counts"], score, label, logits, prompt_index)

    @classmethod
    def from_crop(
        cls,
        crop: NDArray[np.bool_],
        origin: tuple[int, int],
        size: Size,
        *,
        score: float | None = None,
        label: str | None = None,
        logits: NDArray[np.float32] | None = None,
        prompt_index: int | None = None,
    ) -> Mask:
        """Encode a mask that is given inside a rectangle, without making the pixels of the whole image.

        Args:
            crop: (h, w) bool, the mask inside the rectangle. Outside it the mask is empty.
            origin: ``(x, y)`` of the rectangle's top-left pixel in the image.
            size: ``(height, width)`` of the image.
            score: Quality estimate to keep with the mask.
            label: Label to keep with the mask.
            logits: Low-resolution logits to keep with the mask.
            prompt_index: Index of the mask's prompt.

        Raises:
            InputError: The rectangle does not lie inside the image.
        """
        (x, y), (height, width) = origin, size
        if crop.ndim != 2 or x < 0 or y < 0 or x + crop.shape[1] > width or y + crop.shape[0] > height:
            raise InputError(f"crop of shape {crop.shape} at x={x}, y={y} does not lie inside an image of {height} x {width}")
        return cls(size, _compressed(encode_crop(crop, x, y, height, width), size), score, label, logits, prompt_index)

    @classmethod
    def from_coco_rle(cls, rle: dict[str, Any], *, score: float | None = None, label: str | None = None) -> Mask:
        """Read a COCO RLE dictionary, compressed (``counts`` a string or bytes) or not (``counts`` a list of run lengths).

        Raises:
            InputError: Keys are missing, or the runs do not add up to the size.
        """
        try:
            height, width = (int(v) for v in rle["size"])
            counts = rle["counts"]
            if isinstance(counts, str):
                counts = counts.encode("ascii")
            runs = run_lengths(counts) if isinstance(counts, bytes) else [int(c) for c in counts]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"not a COCO RLE: expected {{'size': [height, width], 'counts': …}}, got {_short(rle)}") from error
        total = sum(runs)
        if height < 1 or width < 1 or total != height * width:
            raise InputError(f"broken COCO RLE: its runs cover {total} pixels, its size {height} x {width} has {height * width}")
        if min(runs) < 0:  # pycocotools would read them as huge runs.
            raise InputError(f"broken COCO RLE: it has a run of {min(runs)} pixels")
        return cls((height, width), _compressed(without_empty_runs(runs), (height, width)), score, label)

    @classmethod
    def from_polygons(
        cls, polygons: Sequence[Polygon | ArrayLike], size: Size, *, score: float | None = None, label: str | None = None
    ) -> Mask:
        """Rasterize the union of polygons by the rule of the COCO API.

        Args:
            polygons: Each a `Polygon` (with holes), an (N, 2) array of ``(x, y)`` on pixel edges, or COCO's flat ``[x0, y0, x1, …]``.
            size: ``(height, width)`` of the image.
            score: Quality estimate to keep with the mask.
            label: Label to keep with the mask.

        Raises:
            InputError: A polygon has fewer than three corners or coordinates that are not finite.
        """
        rasters = []
        for polygon in polygons:
            exterior, holes = polygon if isinstance(polygon, Polygon) else (polygon, ())
            raster = _rasterize(exterior, size)
            for hole in holes:
                raster &= ~_rasterize(hole, size)
            rasters.append(raster)
        union = np.logical_or.reduce(rasters) if rasters else np.zeros(size, bool)
        return cls.from_array(union, score=score, label=label)

    @property
    def array(self) -> NDArray[np.bool_]:
        """Pixels of the mask, (H, W) bool. Each access decodes them."""
        return np.asarray(coco.decode(_rle(self)), dtype=np.bool_)

    def crop(self) -> tuple[NDArray[np.bool_], tuple[int, int]]:
        """Return the mask inside its bounding box, without decoding the whole image. `from_crop` reverses it.

        Returns:
            crop: (h, w) bool; (0, 0) for an empty mask.
            origin: ``(x, y)`` of its top-left pixel in the image.
        """
        left, top, right, bottom = self.box.astype(int).tolist()
        return decode_box(self.counts, self.size[0], (left, top, right, bottom)), (left, top)

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return int(coco.area(_rle(self)))

    @property
    def box(self) -> NDArray[np.float32]:
        """Tight bounding box ``[x0, y0, x1, y1]`` float32 in pixels, half-open; zeros for an empty mask."""
        x, y, width, height = coco.toBbox(_rle(self))
        return np.array([x, y, x + width, y + height], np.float32)

    def iou(self, other: Mask) -> float:
        """Return the intersection over union with another mask of the same image; 0 if both are empty.

        Raises:
            InputError: The sizes differ.
        """
        if self.size != other.size:
            raise InputError(f"IoU needs masks of one size, got {self.size} and {other.size}")
        return float(coco.iou([_rle(self)], [_rle(other)], [0])[0, 0])

    def to_coco_rle(self) -> dict[str, Any]:
        """Return the mask as a COCO RLE dictionary that `json` can write."""
        return {"size": list(self.size), "counts": self.counts.decode("ascii")}

    def resized(self, size: Size) -> Mask:
        """Return the mask for the image at another size, by nearest-neighbor sampling of the runs. Logits are dropped.

        Args:
            size: ``(height, width)`` of the resized image.
        """
        if size == self.size:
            return replace(self, logits=None)
        (height, width), (tall, wide) = self.size, size
        rows = ((np.arange(tall) + 0.5) * height / tall).astype(np.int64)
        columns = ((np.arange(wide) + 0.5) * width / wide).astype(np.int64)
        x0, y0, x1, y1 = self.box.tolist()
        top, bottom = np.searchsorted(rows, (y0, y1)).tolist()
        left, right = np.searchsorted(columns, (x0, x1)).tolist()
        if top == bottom or left == right:  # The mask lies between the sampled pixels.
            return replace(self, size=size, counts=_compressed(encode_crop(np.zeros((1, 1), bool), 0, 0, tall, wide), size), logits=None)
        inside = sample(self.counts, height, rows[top:bottom], columns[left:right])
        return replace(self, size=size, counts=_compressed(encode_crop(inside, left, top, tall, wide), size), logits=None)

    def polygons(self) -> list[Polygon]:
        """Return the outlines along pixel edges, holes included. `from_polygons` restores the same mask.

        Parts that touch only at a corner belong to one polygon.
        """
        import cv2

        crop, (left, top) = self.crop()
        if crop.size == 0:
            return []
        # At twice the size, a contour pixel u lies beside the pixel edge (u + 1) // 2, so that OpenCV's contours through pixel
        # centers become exact outlines along pixel edges.
        doubled = crop.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
        contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        rings = [_corners((contour[:, 0] + 1) // 2) + np.array([left, top], np.float32) for contour in contours]
        parents = hierarchy[0, :, 3]
        return [
            Polygon(ring, tuple(rings[h] for h in np.flatnonzero(parents == index)))
            for index, ring in enumerate(rings)
            if parents[index] < 0
        ]

    def __eq__(self, other: object) -> bool:
        """Compare size and pixels. Score, label and logits do not count."""
        if not isinstance(other, Mask):
            return NotImplemented
        return self.size == other.size and self.counts == other.counts

    def __hash__(self) -> int:
        return hash((self.size, self.counts))


class Masks(Sequence[Mask]):
    """An immutable sequence of masks on one image.

    Args:
        masks: The masks, all of one size.
        size: ``(height, width)``; needed only when there are no masks.

    Raises:
        InputError: The masks are of different sizes, or there are none and no size is given.
    """

    __slots__ = ("_masks", "size")

    def __init__(self, masks: Iterable[Mask], size: Size | None = None) -> None:
        self._masks = tuple(masks)
        sizes = {mask.size for mask in self._masks} | ({(int(size[0]), int(size[1]))} if size else set())
        if len(sizes) != 1:
            raise InputError(f"masks of one image have one size, got {sorted(sizes) or 'no masks and no size'}")
        self.size: Size = sizes.pop()

    @classmethod
    def from_supervision(cls, detections: Any, size: Size | None = None, classes: Sequence[str] | None = None) -> Masks:
        """Return the masks of `supervision.Detections`, with `promptseg.interop.supervision.from_supervision`."""
        from .interop.supervision import from_supervision

        return from_supervision(detections, size, classes)

    def __len__(self) -> int:
        return len(self._masks)

    def __iter__(self) -> Iterator[Mask]:
        return iter(self._masks)

    @overload
    def __getitem__(self, index: int) -> Mask: ...
    @overload
    def __getitem__(self, index: slice) -> Masks: ...
    def __getitem__(self, index: int | slice) -> Mask | Masks:
        if isinstance(index, slice):
            return Masks(self._masks[index], self.size)
        return self._masks[index]

    def __repr__(self) -> str:
        return f"Masks({len(self)} on {self.size[0]} x {self.size[1]})"

    @property
    def scores(self) -> NDArray[np.float32]:
        """Scores, (N,) float32; NaN where a mask has none."""
        return np.array([np.nan if m.score is None else m.score for m in self], np.float32)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Labels, one per mask; None where a mask has none."""
        return tuple(mask.label for mask in self)

    @property
    def boxes(self) -> NDArray[np.float32]:
        """Tight bounding boxes, (N, 4) float32 ``xyxy``, half-open."""
        return np.array([mask.box for mask in self], np.float32).reshape(-1, 4)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Number of pixels per mask, (N,) int64."""
        return np.array([mask.area for mask in self], np.int64)

    def best(self) -> Mask:
        """Return the mask with the highest score, or the first mask if none has a score.

        Raises:
            InputError: There are no masks.
        """
        if not self._masks:
            raise InputError("there is no best mask: the result has no masks")
        scores = self.scores
        return self._masks[0 if np.isnan(scores).all() else int(np.nanargmax(scores))]

    def where(self, keep: ArrayLike) -> Masks:
        """Return the masks where `keep` is true (N booleans), or those at the given indices in their order.

        Raises:
            InputError: `keep` does not fit the number of masks.
        """
        return Masks((self._masks[i] for i in chosen_indices(keep, len(self))), self.size)

    def union(self) -> Mask:
        """Return the union of all masks."""
        if not self._masks:
            return Mask.from_array(np.zeros(self.size, bool))
        merged = coco.merge([_rle(mask) for mask in self], intersect=False)
        return Mask(self.size, merged["counts"])

    def iou_matrix(self, other: Masks | None = None) -> NDArray[np.float32]:
        """Return the (N, M) IoU of each mask with each of `other` (default: with one another).

        Raises:
            InputError: The sizes differ.
        """
        columns = self if other is None else other
        if columns.size != self.size:
            raise InputError(f"IoU needs masks of one size, got {self.size} and {columns.size}")
        if not len(self) or not len(columns):
            return np.zeros((len(self), len(columns)), np.float32)
        rows = [_rle(mask) for mask in self]
        return np.asarray(coco.iou(rows, [_rle(m) for m in columns], [0] * len(columns)), np.float32)

    def labeled(self, label: str | None) -> Masks:
        """Return the same masks, each with `label`."""
        return Masks((replace(mask, label=label) for mask in self), self.size)


def chosen_indices(keep: ArrayLike, count: int) -> NDArray[np.intp]:
    """Return the indices that the argument `keep` of `where` selects among `count` elements.

    Args:
        keep: `count` booleans, or the indices themselves.
        count: Number of elements.

    Raises:
        InputError: `keep` is neither.
    """
    chosen = np.asarray(keep)
    if chosen.dtype == bool:
        if chosen.shape != (count,):
            raise InputError(f"expected {count} booleans, got an array of shape {chosen.shape}")
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and (chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= count)):
        raise InputError(f"indices must be whole numbers from 0 to {count - 1}, got {_short(keep)}")
    return chosen.astype(np.intp)


def _rle(mask: Mask) -> dict[str, Any]:
    return {"size": mask.size, "counts": mask.counts}


def _compressed(runs: list[int], size: Size) -> bytes:
    counts: bytes = coco.frPyObjects({"size": list(size), "counts": runs}, *size)["counts"]
    return counts


def _binary(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"a mask is a two-dimensional array (height, width), got shape {array.shape}")
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind in "uif":
        values = np.unique(array)
        if values.size <= 2 and np.isin(values, (0, 1)).all():
            return array.astype(np.uint8)
        if values.size <= 2 and np.isin(values, (0, 255)).all():
            return (array > 0).astype(np.uint8)
        raise InputError(
            f"a mask holds 0 and 1 (or 0 and 255), got {values.size} values from {values[0]} to {values[-1]}; threshold it first"
        )
    raise InputError(f"a mask is an array of booleans or numbers, got dtype {array.dtype}")


def _rasterize(ring: ArrayLike, size: Size) -> NDArray[np.bool_]:
    try:
        flat = np.asarray(ring, np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise InputError(f"a polygon is corners (x, y) of numbers, got {_short(ring)}") from error
    if flat.size < 6 or flat.size % 2 or not np.isfinite(flat).all():
        raise InputError(f"a polygon has at least three corners (x, y) of finite numbers, got {_short(ring)}")
    return np.asarray(coco.decode(coco.frPyObjects([flat.tolist()], *size))[..., 0], dtype=bool)


def _corners(ring: NDArray[Any]) -> NDArray[np.float32]:
    """Return a ring without repeated points and without points in the middle of straight edges."""
    ring = ring[np.any(ring != np.roll(ring, 1, axis=0), axis=1)]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    corners: NDArray[np.float32] = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]].astype(np.float32)
    return corners


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
