"""Masks as values: `Mask` is one run-length encoded binary mask, `Masks` an immutable sequence of them on one image.

A mask is stored as COCO run-length encoding (RLE): column-major runs, compressed by pycocotools. Area, box, IoU and union work on the
runs. Pixels are made when `Mask.array` is read. A thousand masks of a 12-megapixel image take megabytes, not gigabytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from pycocotools import mask as coco

from ._checks import flag, is_number, is_whole_number, number_array, plain, whole_number
from ._display import Displayed
from ._polygons import FARTHEST, boundaries
from ._rle import changes, check_runs, compressed, decode_box, encode_crop, run_lengths, runs_between, sample
from .errors import InputError, OutOfMemoryError, shown
from .image_formats import MAX_PIXELS
from .runtime.host import available_memory

if TYPE_CHECKING:
    from PIL.Image import Image

    from ._cutouts import Softening
    from .images import ImageLike
    from .notebook.views import View
    from .prompts import Prompt

Size = tuple[int, int]
"""``(height, width)`` in pixels."""


def checked_size(size: object, what: str = "the size of an image") -> Size:
    """Return ``(height, width)`` as two integers, checked.

    Args:
        size: Two whole numbers. Floats without a fraction, which some tools write to JSON, count as whole.
        what: Name of the size. The message begins with it.

    Raises:
        InputError: `size` is something else, has a number below 1, or has more than `promptseg.images.MAX_PIXELS` pixels.
    """
    try:
        height, width = (_whole(side) for side in size)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} is two whole numbers (height, width), got {shown(size)}") from error
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise InputError(f"{what} is at least 1 x 1 and at most {MAX_PIXELS} pixels, got {shown(height)} x {shown(width)} (height, width)")
    return height, width


def _whole(value: object) -> int:
    if not is_number(value) or value != int(value):
        raise ValueError(f"expected a whole number, got {shown(value)}")
    return int(value)


class Polygon(NamedTuple):
    """One connected part of a mask: its outline and the outlines of its holes, each (N, 2) float32 ``(x, y)`` on pixel edges."""

    exterior: NDArray[np.float32]
    holes: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Mask(Displayed):
    """One binary mask of an image, run-length encoded. Make one with `from_array`, `from_crop`, `from_coco_rle` or `from_polygons`.

    A mask is checked when it is made: damaged run lengths never reach pycocotools, which reads beyond the end of some.

    Attributes:
        size: ``(height, width)`` of the image in pixels.
        counts: Compressed COCO run lengths, column-major.
        score: Estimate of the mask's quality, or None: the model's own (for SAM: its predicted IoU), or the IoU that a calibration expects.
        label: What the mask shows, or None.
        logits: The model's low-resolution logits (256, 256) float32, which cover the model input, for refining the mask; or None. In the
            padding, where the input shows no image, they are -8.
        prompt_index: Index of this mask's prompt among those given together, or None.
        detection_index: Index of this mask's detection in `Result.detections`, or None.
        from_box: Whether this mask is the filled box of a detection whose mask failed. After merging: whether a part of it is.
        predicted_iou: The model's own score, if `score` was made with a calibration (`promptseg.calibration.scores`); else None.
    """

    size: Size
    counts: bytes
    score: float | None = None
    label: str | None = None
    logits: NDArray[np.float32] | None = field(default=None, repr=False)
    prompt_index: int | None = None
    detection_index: int | None = None
    from_box: bool = False
    predicted_iou: float | None = None

    def __post_init__(self) -> None:
        """Check size, run lengths, score, label and indices. NumPy's numbers become Python's.

        Raises:
            InputError: They are not those of a mask.
        """
        size = checked_size(self.size, "the size of a mask")
        object.__setattr__(self, "size", size)
        if not isinstance(self.counts, bytes):
            raise InputError(f"the run lengths of a mask are bytes, got {shown(self.counts)}: make a mask with Mask.from_coco_rle")
        runs = _decoded(self.counts, size)
        if not runs[1:].all():  # pycocotools stops at two empty runs.
            object.__setattr__(self, "counts", compressed(runs_between(changes(runs), size[0] * size[1]), size))
        for name in ("score", "predicted_iou"):
            score = getattr(self, name)
            if score is not None and not is_number(score):
                raise InputError(f"the {name} of a mask is a number or None, got {shown(score)}")
            object.__setattr__(self, name, plain(score))
        for name in ("prompt_index", "detection_index"):
            index = getattr(self, name)
            if index is not None:
                object.__setattr__(self, name, whole_number(f"the {name} of a mask", index, 0, InputError))
        object.__setattr__(self, "from_box", flag("from_box of a mask", self.from_box, InputError))
        if self.label is not None and not isinstance(self.label, str):
            raise InputError(f"the label of a mask is text or None, got {shown(self.label)}")

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
            InputError: `array` is not two-dimensional, is empty or of more than `promptseg.images.MAX_PIXELS`, or holds other values.
        """
        pixels = _binary(array)
        encoded = coco.encode(np.asfortranarray(pixels))
        return cls((pixels.shape[0], pixels.shape[1]), encoded["counts"], score, label, logits, prompt_index)

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
            InputError: The rectangle does not lie inside the image, or an argument is of another kind.
        """
        size = height, width = checked_size(size)
        if not isinstance(crop, np.ndarray) or crop.dtype != bool:
            raise InputError(f"a crop is an array of booleans (height, width), got {shown(crop)}")
        if not isinstance(origin, Sequence) or len(origin) != 2 or not all(is_whole_number(place) for place in origin):
            raise InputError(f"the origin of a crop is two whole numbers (x, y), got {shown(origin)}")
        x, y = int(origin[0]), int(origin[1])
        if crop.ndim != 2 or x < 0 or y < 0 or x + crop.shape[1] > width or y + crop.shape[0] > height:
            raise InputError(f"crop of shape {crop.shape} at x={shown(x)}, y={shown(y)} does not lie inside an image of {height} x {width}")
        return cls(size, compressed(encode_crop(crop, x, y, height, width), size), score, label, logits, prompt_index)

    @classmethod
    def from_coco_rle(cls, rle: dict[str, Any], *, score: float | None = None, label: str | None = None) -> Mask:
        """Read a COCO RLE dictionary, compressed (``counts`` a string or bytes) or not (``counts`` a list of run lengths).

        Raises:
            InputError: Keys are missing, numbers are not whole, or the runs do not add up to the size.
        """
        try:
            height, width = (_whole(side) for side in rle["size"])
            counts = rle["counts"]
            if isinstance(counts, str):
                counts = counts.encode("ascii")
            runs = None if isinstance(counts, bytes) else np.array([_whole(run) for run in counts], np.int64)
        except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
            raise InputError(f"not a COCO RLE: expected {{'size': [height, width], 'counts': …}}, got {shown(rle)}") from error
        size = checked_size((height, width), "broken COCO RLE: the size")
        if runs is not None:
            _check_runs(runs, size)
            counts = compressed(runs_between(changes(runs), height * width), size)
        return cls(size, counts, score, label)

    @classmethod
    def from_polygons(
        cls, polygons: Sequence[Polygon | ArrayLike], size: Size, *, score: float | None = None, label: str | None = None
    ) -> Mask:
        """Rasterize the union of polygons by the rule of the COCO API. Memory grows with the outlines, not with the pixels.

        Args:
            polygons: Each a `Polygon` (with holes), an (N, 2) array of ``(x, y)`` on pixel edges, or COCO's flat ``[x0, y0, x1, …]``. The
                part outside the image is cut off, however far it reaches.
            size: ``(height, width)`` of the image.
            score: Quality estimate to keep with the mask.
            label: Label to keep with the mask.

        Raises:
            InputError: A polygon has fewer than three corners, or coordinates that are not finite or above 1e12; or the size is not one.
        """
        height, width = checked_size(size)
        try:
            parts = [polygon if isinstance(polygon, Polygon) else Polygon(polygon) for polygon in polygons]  # type: ignore[arg-type]
            rings = [[_ring(exterior), *map(_ring, holes)] for exterior, holes in parts]
        except TypeError as error:
            raise InputError(f"polygons are a list, and so are the holes of a polygon, got {shown(polygons)}") from error
        runs = runs_between(boundaries(rings, height, width), height * width)
        return cls((height, width), compressed(runs, (height, width)), score, label)

    @property
    def array(self) -> NDArray[np.bool_]:
        """Pixels of the mask, (H, W) bool. Each access decodes them."""
        return np.asarray(coco.decode(_rle(self)), dtype=np.bool_)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the pixels for `numpy.asarray`: (H, W) bool, or 0 and 1 of `dtype`.

        Raises:
            InputError: ``copy=False`` is asked for. The pixels are made on demand, so the array is always a new one.
        """
        _check_copy(copy)
        pixels = self.array
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def cutout(self, image: ImageLike, *, crop: bool = True, margin: int = 0, matting: Softening = None, band: int | None = None) -> Image:
        """Return the pixels of an image inside the mask as an RGBA image, transparent outside. A PNG or WebP file keeps the transparency.

        With `matting`, the border is soft: pixels near it are transparent by the share that the background has in them, and have the
        color of the object alone.

        Args:
            image: The image, in any form that `promptseg.load_image` takes.
            crop: Whether to return the bounding box of what is seen alone, not the whole image.
            margin: Number of transparent pixels around the box, up to the border of the image.
            matting: ``"guided"`` for a guided filter, which needs no model; a model that `promptseg.load` returns, or any other
                `promptseg.matting.Matting`; None for a hard border.
            band: Width in pixels, on either side of the mask's border, of the band in which alpha is computed. Default: a 150th of the
                image's longer side, and less for a small object.

        Raises:
            InputError: The image cannot be read or has another size than the mask; the mask is empty and `crop` is set; or an argument is
                out of its range.
        """
        from ._cutouts import cutout

        return cutout(image, self, crop=crop, margin=margin, matting=matting, band=band)

    def crop(self) -> tuple[NDArray[np.bool_], tuple[int, int]]:
        """Return the mask inside its bounding box, without decoding the whole image. `from_crop` reverses it.

        Returns:
            crop: (h, w) bool; (0, 0) for an empty mask.
            origin: ``(x, y)`` of its top-left pixel in the image.
        """
        left, top, right, bottom = self.box.astype(int).tolist()
        if (bottom - top, right - left) == self.size:  # The masks of scenes are as large as their objects.
            return np.ascontiguousarray(self.array), (0, 0)
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
        if not isinstance(other, Mask):
            raise InputError(f"IoU needs another Mask, got {shown(other)}")
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

        Raises:
            InputError: The size has a number below 1, or more than `promptseg.images.MAX_PIXELS` pixels.
        """
        size = checked_size(size)
        if size == self.size:
            return replace(self, logits=None)
        (height, width), (tall, wide) = self.size, size
        rows = ((np.arange(tall) + 0.5) * height / tall).astype(np.int64)
        columns = ((np.arange(wide) + 0.5) * width / wide).astype(np.int64)
        x0, y0, x1, y1 = self.box.tolist()
        top, bottom = np.searchsorted(rows, (y0, y1)).tolist()
        left, right = np.searchsorted(columns, (x0, x1)).tolist()
        if top == bottom or left == right:  # The mask lies between the sampled pixels.
            return replace(self, size=size, counts=compressed(encode_crop(np.zeros((1, 1), bool), 0, 0, tall, wide), size), logits=None)
        inside = sample(self.counts, height, rows[top:bottom], columns[left:right])
        return replace(self, size=size, counts=compressed(encode_crop(inside, left, top, tall, wide), size), logits=None)

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

    def overlay(self, image: ImageLike, **style: Any) -> Image:
        """Return an image of the mask's size with the mask drawn on it. `style` is passed to `promptseg.overlay.draw`."""
        return Masks([self]).overlay(image, **style)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the mask as a black and white image: ``.png``, ``.tif``, ``.tiff`` or ``.bmp``. Missing folders are made.

        Raises:
            OutputError: The file cannot be written, or the suffix says another format.
        """
        from .notebook.saving import save_mask

        save_mask(self, path)

    def _summary(self) -> str:
        about = [] if self.label is None else [shown(self.label)]
        about += [] if self.score is None else [f"score {self.score:.2f}"]
        box = ", ".join(f"{value:.0f}" for value in self.box.tolist())
        return ", ".join([*about, f"area {self.area}, box ({box}), {self.size[1]} wide, {self.size[0]} high"])

    def _view(self) -> View:
        from .notebook.views import of_mask

        return of_mask(self)

    def __eq__(self, other: object) -> bool:
        """Compare size and pixels. Score, label and logits do not count. An array is never equal: compare ``numpy.asarray(mask)``."""
        if isinstance(other, np.ndarray):  # NumPy would compare pixel by pixel, and an `if` would not take its answer.
            return False
        if not isinstance(other, Mask):
            return NotImplemented
        return self.size == other.size and self.counts == other.counts

    def __hash__(self) -> int:
        return hash((self.size, self.counts))


class Masks(Sequence[Mask], Displayed):
    """An immutable sequence of masks on one image.

    Two are equal if their size is the same and they have the same masks in the same order. As for `Mask`, pixels count, and scores and
    labels do not. Equal ones have the same hash.

    Args:
        masks: The masks, all of one size.
        size: ``(height, width)``; needed only when there are no masks.

    Raises:
        InputError: The masks are of different sizes, there are none and no size is given, or an element is not a `Mask`.
    """

    __slots__ = ("_masks", "size")

    def __init__(self, masks: Iterable[Mask], size: Size | None = None) -> None:
        try:
            self._masks = tuple(masks)
        except TypeError as error:
            raise InputError(f"masks are a sequence of Mask, got {shown(masks)}") from error
        for mask in self._masks:
            if not isinstance(mask, Mask):
                raise InputError(f"masks are a sequence of Mask, got {shown(mask)} among them")
        sizes = {mask.size for mask in self._masks} | (set() if size is None else {checked_size(size)})
        if len(sizes) != 1:
            raise InputError(f"masks of one image have one size, got {sorted(sizes) or 'no masks and no size'}")
        self.size: Size = sizes.pop()

    @classmethod
    def from_supervision(cls, detections: Any, size: Size | None = None, classes: Sequence[str] | None = None) -> Masks:
        """Return the masks of `supervision.Detections`, with `promptseg.interop.supervision.from_supervision`."""
        from .interop.supervision import from_supervision

        return from_supervision(detections, size, classes)

    def to_dataframe(self, library: Literal["pandas", "polars"] | None = None) -> Any:
        """Return one row for each mask as a data frame, with `promptseg.interop.dataframe.to_dataframe`."""
        from .interop.dataframe import to_dataframe

        return to_dataframe(self, library)

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

    def __eq__(self, other: object) -> bool:
        """Compare sizes and masks in their order. Scores, labels and logits do not count. A list or an array is never equal."""
        if isinstance(other, np.ndarray):
            return False
        if not isinstance(other, Masks):
            return NotImplemented
        return self.size == other.size and self._masks == other._masks

    def __hash__(self) -> int:
        return hash((self.size, self._masks))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the pixels of all masks for `numpy.asarray`: (N, H, W) bool, or 0 and 1 of `dtype`.

        Raises:
            InputError: ``copy=False`` is asked for. The pixels are made on demand, so the array is always a new one.
            OutOfMemoryError: There is no memory for so many pixels.
        """
        _check_copy(copy)
        kind, (height, width) = np.dtype(bool if dtype is None else dtype), self.size
        need, room = len(self) * height * width * kind.itemsize, available_memory()
        message = f"{len(self)} masks of {height} x {width} take {need:,} bytes as one array of {kind}: read one mask after another"
        if room is not None and need > room:  # Linux promises memory that it does not have, and would end the process.
            raise OutOfMemoryError(f"{message}. There is room for {room:,}")
        try:
            pixels = np.empty((len(self), height, width), kind)
        except (MemoryError, ValueError) as error:  # ValueError: more bytes than an address can name.
            raise OutOfMemoryError(message) from error
        for index, mask in enumerate(self):
            pixels[index] = mask.array
        return pixels

    def _summary(self) -> str:
        scores = self.scores
        best = "" if np.isnan(scores).all() else f"best score {np.nanmax(scores):.2f}, "
        return f"{len(self)} mask{'' if len(self) == 1 else 's'}, {best}{self.size[1]} wide, {self.size[0]} high"

    def _view(self) -> View:
        from .notebook.views import of_masks

        return of_masks(self)

    def overlay(self, image: ImageLike, **style: Any) -> Image:
        """Return the image of the masks with the masks drawn on it.

        After `Session.segment`, this is the way to an image: ``masks.overlay(session.image)``.

        Args:
            image: The image, in any form that `promptseg.load_image` takes.
            **style: Further arguments of `promptseg.overlay.draw`, such as ``prompts`` and ``opacity``.

        Raises:
            InputError: The image cannot be read or has another size.
        """
        from .overlay import draw

        return draw(image, self, **style)

    def side_by_side(
        self, image: ImageLike | None = None, *, titles: Sequence[str] | None = None, prompts: Sequence[Prompt] = (), columns: int = 3
    ) -> Image:
        """Return an image with each mask alone on its panel, with `promptseg.notebook.panels.side_by_side`."""
        from .notebook.panels import side_by_side

        return side_by_side(self, image, titles=titles, prompts=prompts, columns=columns)

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
        if not isinstance(columns, Masks):
            raise InputError(f"IoU needs other Masks, got {shown(columns)}")
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
    try:
        chosen = np.asarray(keep)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"expected {count} booleans or indices, got {shown(keep)}") from error
    if chosen.dtype == bool:
        if chosen.shape != (count,):
            raise InputError(f"expected {count} booleans, got an array of shape {chosen.shape}")
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and (chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= count)):
        raise InputError(f"indices must be whole numbers from 0 to {count - 1}, got {shown(keep)}")
    return chosen.astype(np.intp)


def _check_copy(copy: bool | None) -> None:
    if copy is not None and not copy:
        raise InputError("a mask has no pixels that an array could share: leave copy=False out")


def _rle(mask: Mask) -> dict[str, Any]:
    return {"size": mask.size, "counts": mask.counts}


def _decoded(counts: bytes, size: Size) -> NDArray[np.int64]:
    """Return the run lengths that compressed ones stand for.

    Raises:
        InputError: They are damaged, or are not those of a mask of this size.
    """
    if len(counts) > 7 * (size[0] * size[1] + 1):
        raise InputError(f"broken COCO RLE: {len(counts)} bytes of run lengths, more than a mask of size {size[0]} x {size[1]} can need")
    try:
        runs = run_lengths(counts)
    except ValueError as error:
        raise InputError(f"not a COCO RLE: {error}, got {shown(counts)}") from error
    _check_runs(runs, size)
    return runs


def _check_runs(runs: NDArray[np.int64], size: Size) -> None:
    try:
        check_runs(runs, size[0] * size[1])
    except ValueError as error:
        raise InputError(f"broken COCO RLE: {error}, its size {size[0]} x {size[1]} has {size[0] * size[1]}") from error


def _binary(values: ArrayLike) -> NDArray[np.uint8]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"a mask is a two-dimensional array (height, width), got {shown(values)}") from error
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"a mask is a two-dimensional array (height, width), got shape {array.shape}")
    if array.size > MAX_PIXELS:
        raise InputError(f"a mask has at most {MAX_PIXELS} pixels, got shape {array.shape}")
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind in "uif":
        found = np.unique(array)
        if found.size <= 2 and np.isin(found, (0, 1)).all():
            return array.astype(np.uint8)
        if found.size <= 2 and np.isin(found, (0, 255)).all():
            return (array > 0).astype(np.uint8)
        raise InputError(f"a mask holds 0 and 1 (or 0 and 255), got {found.size} values from {found[0]} to {found[-1]}; threshold it first")
    raise InputError(f"a mask is an array of booleans or numbers, got dtype {array.dtype}")


def _ring(corners: ArrayLike) -> NDArray[np.float64]:
    array = number_array(corners, "the corners (x, y) of a polygon", InputError).astype(np.float64)
    if array.size < 6 or array.size % 2 or (array.ndim > 1 and array.shape[-1] != 2) or not np.isfinite(array).all():
        raise InputError(f"a polygon has at least three corners (x, y) of finite numbers, got {shown(corners)}")
    if np.abs(array).max() > FARTHEST:
        raise InputError(f"a polygon has coordinates of at most {FARTHEST:g} pixels, got one of {array.flat[np.abs(array).argmax()]:g}")
    return array.reshape(-1, 2)


def _corners(ring: NDArray[Any]) -> NDArray[np.float32]:
    """Return a ring without repeated points and without points in the middle of straight edges."""
    ring = ring[np.any(ring != np.roll(ring, 1, axis=0), axis=1)]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    corners: NDArray[np.float32] = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]].astype(np.float32)
    return corners
