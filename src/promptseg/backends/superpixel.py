"""Segmenter from SLIC superpixels, without weights and without learning, for teaching and tests.

This is not a model. SLIC divides an image into a few hundred superpixels of similar color (Achanta et al., "SLIC Superpixels Compared to
State-of-the-Art Superpixel Methods", 2012; the implementation is that of scikit-image). Prompts select superpixels:

- A foreground point selects the superpixel under it. A background point deselects the superpixel under it, even if a foreground point or a
  box selected it. With background points alone the mask is empty.
- A box selects the superpixels of which more than half lies inside the box. A box smaller than a superpixel selects nothing.
- A box with points selects the superpixels of both, without those under background points.
- An everything prompt returns each superpixel as a mask.

Superpixels have no notion of an object. A click on the door of a car selects a part of the door; a model returns the door or the car.
The backend shows this difference. It is also a fast and deterministic segmenter for trying code. Do not report its results as those of a
model.

The score of a mask is not a predicted IoU. It is ``contrast / (contrast + spread + 1)``, in CIELAB units. `contrast` is the distance
between the mean color of the mask and the mean colors of the neighboring superpixels, averaged along the outline. `spread` is the root mean
square distance of the mask's pixels from its mean color. The 1 is less than a visible difference; because of it, noise on a uniform image
scores almost 0. The score is near 1 for a uniform superpixel on a very different background, and 0 for an empty mask and for a mask of the
whole image.

Options of `promptseg.load` and their defaults:

- ``n_segments`` (``300``): Approximate number of superpixels per image.
- ``compactness`` (``10.0``): Balance between square shapes (high) and following color closely (low).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import positive, whole_number
from .._prompt_hints import not_everything
from ..errors import ConfigError, PromptError, shown
from ..images import ImageLike, load_image_copy
from ..masks import Mask, Masks, Size
from ..notebook.session import SessionDisplay
from ..prompts import EverythingPrompt, Prompt, PromptKind, SpatialPrompt, spatial
from ..protocols import EmbeddingStore
from ..registry import LoadRequest
from ..results import Provenance
from ..tiling.session import OpensTiled

MAX_SIDE = 1024
"""Maximum of the longer side in pixels at which superpixels are computed. Larger images are reduced first, and have coarser outlines."""


def load(request: LoadRequest) -> SuperpixelSegmenter:
    """Return the segmenter of a load request; the factory of backend ``superpixel``.

    Raises:
        ConfigError: An option has an invalid value, the device is not the CPU, or the user gave weights.
    """
    if request.device not in ("auto", "cpu"):
        raise ConfigError(f"superpixels are computed on the CPU: device is 'auto' or 'cpu', got {shown(request.device)}")
    if request.weights.files:
        raise ConfigError(f"superpixels have no weights, got {', '.join(str(path) for path in request.weights.files.values())}")
    provenance = request.provenance(f"scikit-image {version('scikit-image')}")
    return SuperpixelSegmenter(**request.options, provenance=provenance)


class SuperpixelSegmenter(OpensTiled):
    """Segmenter from SLIC superpixels; a `promptseg.protocols.Segmenter`.

    Args:
        n_segments: Approximate number of superpixels per image.
        compactness: Weight of spatial distance relative to color distance.
        provenance: Provenance of the results. None: model and backend ``superpixel`` with the version of scikit-image.

    Raises:
        ConfigError: A value is out of range.
    """

    accepts: frozenset[PromptKind] = frozenset({"point", "box", "everything"})

    def __init__(self, n_segments: int = 300, compactness: float = 10.0, *, provenance: Provenance | None = None) -> None:
        self.n_segments = whole_number("n_segments", n_segments, 1)
        self.compactness = positive("compactness", compactness)
        self.provenance = provenance or Provenance(
            "superpixel", "superpixel", f"scikit-image {version('scikit-image')}", license="Apache-2.0"
        )

    def with_cache(self, cache: EmbeddingStore | None) -> SuperpixelSegmenter:  # noqa: ARG002 - There is nothing to keep.
        """Return this segmenter: superpixels have no embeddings."""
        return self

    def open(self, image: ImageLike) -> SuperpixelSession:
        """Divide an image into superpixels.

        Raises:
            InputError: The image cannot be read.
        """
        pixels = load_image_copy(image)
        started = time.perf_counter()
        superpixels = _cut(pixels, self.n_segments, self.compactness)
        return SuperpixelSession(pixels, self.provenance, superpixels, {"encode": time.perf_counter() - started})


@dataclass(frozen=True, eq=False, repr=False)
class SuperpixelSession(SessionDisplay):
    """Image divided into superpixels; a `promptseg.protocols.Session`. It is immutable and safe to use from several threads."""

    image: NDArray[np.uint8]
    provenance: Provenance
    superpixels: _Superpixels
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.superpixels.size

    def segment(self, prompts: Iterable[Prompt], *, candidates: bool = False) -> Masks:  # noqa: ARG002
        """Return one mask per prompt.

        Args:
            prompts: Points, boxes or both combined, one object per prompt.
            candidates: Has no effect: a selection of superpixels has no alternatives.

        Raises:
            PromptError: A prompt has a mask, is not spatial or does not fit the image.
        """
        checked = list(spatial(prompts, self.size))
        for index, prompt in enumerate(checked):
            if "mask" in prompt.kinds:
                raise PromptError(f"prompt {index} is {shown(prompt)}, and superpixels accept no mask: use point, box or everything")
        return Masks((self.superpixels.mask(self.superpixels.select(prompt), index) for index, prompt in enumerate(checked)), self.size)

    def everything(self, prompt: EverythingPrompt | None = None) -> Masks:
        """Return each superpixel as a mask, best score first.

        The settings of the prompt have no effect: there is no point grid and no predicted IoU, and superpixels do not overlap.

        Raises:
            PromptError: `prompt` is not an `EverythingPrompt`.
        """
        if not isinstance(prompt, (EverythingPrompt, type(None))):
            raise PromptError(f"everything() takes Prompt.everything(), got {shown(prompt)}{not_everything(prompt)}")
        masks = [self.superpixels.mask(np.array([superpixel])) for superpixel in range(self.superpixels.count)]
        masks.sort(key=lambda mask: -(mask.score or 0.0))
        return Masks(masks, self.size)


@dataclass(frozen=True, eq=False)
class _Superpixels:
    """Superpixels of one image on a resized copy, with the statistics for their scores.

    Attributes:
        size: ``(height, width)`` of the image.
        labels: (h, w) int32 index of the superpixel of each pixel of the copy.
        rows: (H,) row of the copy for each row of the image.
        columns: (W,) column of the copy for each column of the image.
        boxes: (N, 4) ``xyxy`` of each superpixel on the copy, half-open.
        areas: (N,) area of each superpixel in pixels of the image.
        colors: (N, 3) mean CIELAB color of each superpixel.
        squares: (N,) mean squared norm of the CIELAB colors in each superpixel.
        borders: (M, 2) pairs of neighboring superpixels, each pair in both orders.
        lengths: (M,) length of the common border of each pair, in pixels of the copy.
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
        """Return the indices of the superpixels that a prompt selects, in ascending order."""
        under = self._under(prompt.xy)
        chosen = np.zeros(self.count, bool)
        if prompt.xyxy is not None:
            chosen = self._inside(prompt.xyxy) > self.areas / 2
        chosen[under[prompt.foreground]] = True
        chosen[under[~prompt.foreground]] = False
        return np.flatnonzero(chosen)

    def mask(self, chosen: NDArray[np.intp], prompt_index: int | None = None) -> Mask:
        """Return the mask of the chosen superpixels."""
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
        """Return the index of the superpixel under each point."""
        height, width = self.size
        x = np.clip(np.floor(xy[:, 0] + 0.5).astype(int), 0, width - 1)
        y = np.clip(np.floor(xy[:, 1] + 0.5).astype(int), 0, height - 1)
        under: NDArray[np.int32] = self.labels[self.rows[y], self.columns[x]]
        return under

    def _inside(self, box: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (N,) areas: for each superpixel, the number of its image pixels whose center lies inside a box."""
        rows = self.rows[_centers_between(box[1], box[3], self.size[0])]
        columns = self.columns[_centers_between(box[0], box[2], self.size[1])]
        return _areas(self.labels, rows, columns, self.count)

    def _score(self, among: NDArray[np.bool_]) -> float:
        """Return ``contrast / (contrast + spread + 1)`` for the chosen superpixels, or 0 if nothing surrounds them."""
        weights = self.areas[among] / self.areas[among].sum()
        color = weights @ self.colors[among]
        spread = math.sqrt(max(0.0, float(weights @ self.squares[among] - color @ color)))
        outline = among[self.borders[:, 0]] & ~among[self.borders[:, 1]]
        if not outline.any():
            return 0.0
        distances = np.linalg.norm(self.colors[self.borders[outline, 1]] - color, axis=1)
        contrast = float(np.average(distances, weights=self.lengths[outline]))
        return contrast / (contrast + spread + 1)


def _cut(image: NDArray[np.uint8], n_segments: int, compactness: float) -> _Superpixels:
    import cv2
    from skimage.color import rgb2lab
    from skimage.segmentation import slic

    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    small_height, small_width = max(1, round(height * scale)), max(1, round(width * scale))
    small: NDArray[Any] = image if scale == 1 else cv2.resize(image, (small_width, small_height), interpolation=cv2.INTER_AREA)
    raw = slic(small, n_segments=n_segments, compactness=compactness, start_label=0, channel_axis=-1)
    # Labels of SLIC may have gaps. A gap would be a superpixel without pixels.
    _, labels = np.unique(raw, return_inverse=True)
    labels = labels.reshape(raw.shape).astype(np.int32)
    count = int(labels.max()) + 1
    lab = rgb2lab(small).astype(np.float64)
    pixels = np.bincount(labels.ravel())
    rows = _nearest(height, small_height)
    columns = _nearest(width, small_width)
    return _Superpixels(
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
    """Return, for each of `full` pixels, the index of the one of `small` pixels that covers its center. `small` is at most `full`."""
    return ((2 * np.arange(full) + 1) * small // (2 * full)).astype(np.intp)


def _centers_between(low: float, high: float, length: int) -> NDArray[np.bool_]:
    centers = np.arange(length) + 0.5
    return (centers >= low) & (centers < high)


def _areas(labels: NDArray[np.int32], rows: NDArray[np.intp], columns: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Return (N,) areas of the superpixels in pixels of the image, within the given rows and columns.

    Args:
        labels: (h, w) superpixel of each pixel of the copy.
        rows: Row of the copy for each row of the image to count.
        columns: Column of the copy for each column of the image to count.
        count: Number of superpixels.
    """
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
    """Return the pairs of superpixels that share pixel edges, in both orders, and the number of shared edges of each pair."""
    beside = [(labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])]
    first = np.concatenate([a.ravel() for a, _ in beside]).astype(np.int64)
    second = np.concatenate([b.ravel() for _, b in beside]).astype(np.int64)
    apart = first != second
    first, second = first[apart], second[apart]
    pairs, lengths = np.unique(np.concatenate([first * count + second, second * count + first]), return_counts=True)
    return np.stack(np.divmod(pairs, count), axis=1).astype(np.intp), lengths.astype(np.float64)
