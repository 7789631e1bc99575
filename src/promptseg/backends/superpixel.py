"""Superpixels as a segmenter: no weights, no learning, for teaching.

This is not a model. SLIC (Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", 2012; here that of
scikit-image) cuts an image into a few hundred patches of similar color, and a prompt selects patches:

- a point selects the patch under it; a background point takes the patch under it away again, also where a foreground point or the box
  selected it. Background points alone select nothing, and the mask is empty.
- a box selects the patches of which more than half lies inside it, so that a box smaller than a patch selects nothing.
- a box with points selects both, less what background points take away.
- everything is every patch, each as its own mask.

What it cannot do is know what an object is: a click on a car's door gives a piece of the door, where a model gives the door or the car.
That is what it is here to show; it also gives code something quick and deterministic to run on. Do not report its results as a model's.

The score of a mask is no predicted IoU. It is ``contrast / (contrast + spread + 1)``, in CIELAB units: `contrast` is how far the mean
colors of the patches around the mask lie from the mask's own mean color (averaged along the outline), `spread` how far the mask's
pixels lie from it (root mean square), and 1 is less than the eye can tell apart, so that noise on a flat image scores next to nothing. It
is near 1 for a flat patch on a very different ground, and 0 for an empty mask and for one without surroundings.

Options of `load`: ``n_segments`` (about how many patches; default 300), ``compactness`` (how square they are, against how closely they
follow color; default 10).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number, whole_number
from ..errors import ConfigError, PromptError
from ..images import ImageLike, own_image
from ..masks import Mask, Masks, Size
from ..prompts import EverythingPrompt, Prompt, PromptKind, SpatialPrompt, spatial
from ..protocols import EmbeddingStore
from ..registry import LoadRequest
from ..results import Provenance

MAX_SIDE = 1024
"""Longer side in pixels of the copy on which superpixels are computed; the patches of a larger photo have edges as coarse as that."""


def load(request: LoadRequest) -> SuperpixelSegmenter:
    """The factory of backend ``superpixel``.

    Raises:
        ConfigError: An unknown or impossible option, a device other than the CPU, or weights.
    """
    if request.device not in ("auto", "cpu"):
        raise ConfigError(f"superpixels are computed on the CPU: device is 'auto' or 'cpu', got {request.device!r}")
    if request.weights.files:
        raise ConfigError(f"superpixels have no weights, got {', '.join(str(path) for path in request.weights.files.values())}")
    provenance = request.provenance(f"scikit-image {version('scikit-image')}")
    return SuperpixelSegmenter(**request.options, provenance=provenance)


class SuperpixelSegmenter:
    """A `promptseg.protocols.Segmenter` that answers with SLIC superpixels.

    Args:
        n_segments: About how many patches an image is cut into.
        compactness: Weight of nearness against likeness in color.
        provenance: Which model this is; default: the method alone.

    Raises:
        ConfigError: A value is out of its range.
    """

    accepts: frozenset[PromptKind] = frozenset({"point", "box", "everything"})

    def __init__(self, n_segments: int = 300, compactness: float = 10.0, *, provenance: Provenance | None = None) -> None:
        self.n_segments = whole_number("n_segments", n_segments, 1)
        if not is_number(compactness) or not 0 < compactness < math.inf:
            raise ConfigError(f"compactness is a finite number above 0, got {compactness!r}")
        self.compactness = float(compactness)
        self.provenance = provenance or Provenance(
            "superpixel", "superpixel", f"scikit-image {version('scikit-image')}", license="Apache-2.0"
        )

    def with_cache(self, cache: EmbeddingStore | None) -> SuperpixelSegmenter:  # noqa: ARG002 - There is nothing to keep.
        """Return this segmenter: superpixels have no embeddings."""
        return self

    def open(self, image: ImageLike) -> SuperpixelSession:
        """Cuts an image into superpixels.

        Raises:
            InputError: The image cannot be used.
        """
        pixels = own_image(image)
        started = time.perf_counter()
        patches = _cut(pixels, self.n_segments, self.compactness)
        return SuperpixelSession(pixels, self.provenance, patches, {"encode": time.perf_counter() - started})


@dataclass(frozen=True, eq=False)
class SuperpixelSession:
    """An image cut into superpixels that answers prompts; a `promptseg.protocols.Session`. Immutable and safe to share between threads."""

    image: NDArray[np.uint8] = field(repr=False)
    provenance: Provenance
    patches: _Patches = field(repr=False)
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.patches.size

    def segment(self, prompts: Sequence[Prompt], *, candidates: bool = False) -> Masks:  # noqa: ARG002
        """Selects superpixels, one mask a prompt.

        Args:
            prompts: Points, boxes or both together, one object each.
            candidates: Changes nothing: a selection of superpixels has no alternatives.

        Raises:
            PromptError: A prompt has a mask, is not spatial or does not fit the image.
        """
        checked = list(spatial(prompts, self.size))
        for index, prompt in enumerate(checked):
            if "mask" in prompt.kinds:
                raise PromptError(f"prompt {index} is {prompt!r}, and superpixels take no mask: they take point, box and everything")
        return Masks((self.patches.mask(self.patches.select(prompt), index) for index, prompt in enumerate(checked)), self.size)

    def everything(self, prompt: EverythingPrompt | None = None) -> Masks:
        """Every superpixel as a mask, best score first.

        No setting of the prompt changes that: there is no grid of points, no predicted IoU to filter by, and superpixels do not overlap.

        Raises:
            PromptError: `prompt` is of another kind.
        """
        if not isinstance(prompt, (EverythingPrompt, type(None))):
            raise PromptError(f"everything() takes Prompt.everything(), got {prompt!r}: use segment()")
        masks = [self.patches.mask(np.array([patch])) for patch in range(self.patches.count)]
        masks.sort(key=lambda mask: -(mask.score or 0.0))
        return Masks(masks, self.size)


@dataclass(frozen=True, eq=False)
class _Patches:
    """The superpixels of one image, on a copy that may be smaller, with what their scores are computed from.

    Attributes:
        size: ``(height, width)`` of the image.
        labels: (h, w) int32, the superpixel of each pixel of the copy, from 0.
        rows: (H,) row of the copy for each row of the image.
        columns: (W,) column of the copy for each column of the image.
        boxes: (N, 4) ``x0, y0, x1, y1`` of each superpixel on the copy, half-open.
        areas: (N,) pixels of the image in each superpixel.
        colors: (N, 3) mean CIELAB color of each superpixel.
        squares: (N,) mean square of the CIELAB color's length in each superpixel.
        borders: (M, 2) pairs of neighbors, each pair both ways.
        lengths: (M,) length of their common border in pixels of the copy.
    """

    size: Size
    labels: NDArray[np.int32]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    boxes: NDArray[np.intp]
    areas: NDArray[np.float64]
    colors: NDArray[np.float64]
    squares: NDArray[np.float64]
    borders: NDArray[np.intp]
    lengths: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.areas)

    def select(self, prompt: SpatialPrompt) -> NDArray[np.intp]:
        """Indices of the superpixels that a prompt asks for, ascending."""
        under = self._under(prompt.xy)
        chosen = np.zeros(self.count, bool)
        if prompt.xyxy is not None:
            chosen = self._inside(prompt.xyxy) > self.areas / 2
        chosen[under[prompt.foreground]] = True
        chosen[under[~prompt.foreground]] = False
        return np.flatnonzero(chosen)

    def mask(self, chosen: NDArray[np.intp], prompt_index: int | None = None) -> Mask:
        """The pixels of the chosen superpixels."""
        if not len(chosen):
            return Mask.from_crop(np.zeros((1, 1), bool), (0, 0), self.size, score=0.0, prompt_index=prompt_index)
        boxes = self.boxes[chosen]
        (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        among = np.zeros(self.count, bool)
        among[chosen] = True
        small = among[self.labels[top:bottom, left:right]]
        y0, y1 = np.searchsorted(self.rows, (top, bottom)).tolist()
        x0, x1 = np.searchsorted(self.columns, (left, right)).tolist()
        crop = small[self.rows[y0:y1] - top][:, self.columns[x0:x1] - left]
        return Mask.from_crop(crop, (x0, y0), self.size, score=self._score(among), prompt_index=prompt_index)

    def _under(self, xy: NDArray[np.float32]) -> NDArray[np.int32]:
        """The superpixel under each point."""
        height, width = self.size
        x = np.clip(np.floor(xy[:, 0] + 0.5).astype(int), 0, width - 1)
        y = np.clip(np.floor(xy[:, 1] + 0.5).astype(int), 0, height - 1)
        under: NDArray[np.int32] = self.labels[self.rows[y], self.columns[x]]
        return under

    def _inside(self, box: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N,) pixels of the image in each superpixel whose center lies inside a box."""
        rows = self.rows[_centers_between(box[1], box[3], self.size[0])]
        columns = self.columns[_centers_between(box[0], box[2], self.size[1])]
        return _areas(self.labels, rows, columns, self.count)

    def _score(self, among: NDArray[np.bool_]) -> float:
        """Contrast against spread, as the module's docstring defines it."""
        weights = self.areas[among] / self.areas[among].sum()
        color = weights @ self.colors[among]
        spread = math.sqrt(max(0.0, float(weights @ self.squares[among] - color @ color)))
        outline = among[self.borders[:, 0]] & ~among[self.borders[:, 1]]
        if not outline.any():
            return 0.0
        distances = np.linalg.norm(self.colors[self.borders[outline, 1]] - color, axis=1)
        contrast = float(np.average(distances, weights=self.lengths[outline]))
        return contrast / (contrast + spread + 1)


def _cut(image: NDArray[np.uint8], n_segments: int, compactness: float) -> _Patches:
    import cv2
    from skimage.color import rgb2lab
    from skimage.segmentation import slic

    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    small_height, small_width = max(1, round(height * scale)), max(1, round(width * scale))
    small: NDArray[Any] = image if scale == 1 else cv2.resize(image, (small_width, small_height), interpolation=cv2.INTER_AREA)
    raw = slic(small, n_segments=n_segments, compactness=compactness, start_label=0, channel_axis=-1)
    # SLIC's labels may have gaps, and a gap would be a superpixel without pixels.
    _, labels = np.unique(raw, return_inverse=True)
    labels = labels.reshape(raw.shape).astype(np.int32)
    count = int(labels.max()) + 1
    lab = rgb2lab(small).astype(np.float64)
    pixels = np.bincount(labels.ravel())
    rows = _nearest(height, small_height)
    columns = _nearest(width, small_width)
    return _Patches(
        (height, width),
        labels,
        rows,
        columns,
        _boxes(labels, count),
        _areas(labels, rows, columns, count),
        np.stack([np.bincount(labels.ravel(), lab[..., channel].ravel()) / pixels for channel in range(3)], axis=1),
        np.bincount(labels.ravel(), np.square(lab).sum(axis=-1).ravel()) / pixels,
        *_borders(labels, count),
    )


def _nearest(full: int, small: int) -> NDArray[np.intp]:
    """For each of `full` pixels the one of `small` pixels that covers its center; every one is named, as `small` is not larger."""
    return ((2 * np.arange(full) + 1) * small // (2 * full)).astype(np.intp)


def _centers_between(low: float, high: float, length: int) -> NDArray[np.bool_]:
    centers = np.arange(length) + 0.5
    return (centers >= low) & (centers < high)


def _areas(labels: NDArray[np.int32], rows: NDArray[np.intp], columns: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """(N,) pixels of the image in each superpixel, counting only the given rows and columns (indices on the copy, once for each pixel)."""
    if not len(rows) or not len(columns):
        return np.zeros(count)
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    weights = np.outer(np.bincount(rows - top), np.bincount(columns - left)).astype(np.float64)
    return np.bincount(labels[top:bottom, left:right].ravel(), weights.ravel(), minlength=count).astype(np.float64)


def _boxes(labels: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    height, width = labels.shape
    boxes = np.tile(np.array([width, height, 0, 0], np.intp), (count, 1))
    y, x = np.indices(labels.shape)
    for column, ufunc, values in ((0, np.minimum, x), (1, np.minimum, y), (2, np.maximum, x + 1), (3, np.maximum, y + 1)):
        ufunc.at(boxes[:, column], labels.ravel(), values.ravel())
    return boxes


def _borders(labels: NDArray[np.int32], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Pairs of superpixels that share pixel edges, each pair both ways, and how many edges they share."""
    beside = [(labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])]
    first = np.concatenate([a.ravel() for a, _ in beside]).astype(np.int64)
    second = np.concatenate([b.ravel() for _, b in beside]).astype(np.int64)
    apart = first != second
    first, second = first[apart], second[apart]
    pairs, lengths = np.unique(np.concatenate([first * count + second, second * count + first]), return_counts=True)
    return np.stack(np.divmod(pairs, count), axis=1).astype(np.intp), lengths.astype(np.float64)
