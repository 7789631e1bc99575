"""Segmenter on GrabCut of OpenCV, for boxes and for boxes with points.

GrabCut (Rother, Kolmogorov, Blake: "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", 2004) treats the pixels outside
the box as background. It models the colors of foreground and background as mixtures of Gaussians, cuts the image along its edges, and
repeats both steps with the result. A point fixes the pixels around it as foreground or background.

The score of a mask is not a predicted IoU. It is the IoU of the masks after the last two rounds, and shows whether the cut has converged.

Options of `promptseg.load` and their defaults:

- ``rounds`` (``5``): Number of rounds, at least 2.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from promptseg.errors import BackendError, ConfigError, PromptError
from promptseg.images import ImageLike, load_image_copy
from promptseg.masks import Mask, Masks, Size
from promptseg.prompts import EverythingPrompt, Prompt, PromptKind, SpatialPrompt, spatial
from promptseg.protocols import EmbeddingStore
from promptseg.registry import LoadRequest
from promptseg.results import Provenance

MAX_SIDE = 512
"""Maximum of the longer side in pixels at which GrabCut runs. It would take minutes on a large image."""

ACCEPTED = "GrabCut accepts a box, or a box with points"


def load(request: LoadRequest) -> GrabCutSegmenter:
    """Return the segmenter of a load request. The `BackendSpec` names this function, and `promptseg.load` calls it.

    Raises:
        ConfigError: An option has an invalid value, or the device is not the CPU.
    """
    if request.device not in ("auto", "cpu"):
        raise ConfigError(f"GrabCut runs on the CPU: device is 'auto' or 'cpu', got {request.device!r}")
    rounds = request.options["rounds"]  # The BackendSpec declares the option and its default.
    if not isinstance(rounds, int) or rounds < 2:
        raise ConfigError(f"option rounds is a whole number of at least 2, got {rounds!r}")
    return GrabCutSegmenter(request.provenance(f"opencv {cv2.__version__}"), rounds)


@dataclass(frozen=True)
class GrabCutSegmenter:
    """Segmenter on GrabCut. It follows `promptseg.protocols.Segmenter` and inherits from nothing."""

    provenance: Provenance
    rounds: int

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Kinds of prompts: boxes, optionally with points."""
        return frozenset({"box"})

    def with_cache(self, cache: EmbeddingStore | None) -> GrabCutSegmenter:  # noqa: ARG002  # GrabCut has no embeddings.
        """Return this segmenter itself: GrabCut has nothing to cache."""
        return self

    def open(self, image: ImageLike) -> GrabCutSession:
        """Read an image in any form and return a session for it.

        Raises:
            InputError: The image cannot be read.
        """
        pixels = load_image_copy(image)  # Applies EXIF orientation and converts gray images to RGB. The array is never the caller's.
        started = time.perf_counter()
        scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        small = pixels if scale == 1 else cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        return GrabCutSession(pixels, small, self.provenance, self.rounds, {"encode": time.perf_counter() - started})


@dataclass(frozen=True, eq=False)
class GrabCutSession:
    """Image that is ready for prompts; a `promptseg.protocols.Session`. It is immutable, so threads may share it."""

    image: NDArray[np.uint8] = field(repr=False)
    small: NDArray[np.uint8] = field(repr=False)
    provenance: Provenance
    rounds: int = 5
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return (self.image.shape[0], self.image.shape[1])

    def segment(self, prompts: Iterable[Prompt], *, candidates: bool = False) -> Masks:  # noqa: ARG002  # GrabCut has one candidate.
        """Return one mask per prompt, in their order.

        Raises:
            PromptError: A prompt has no box or has a mask, is not spatial, or does not fit the image.
        """
        checked = list(spatial(prompts, self.size))  # Refuses text, an empty list and points outside the image. Clips boxes to it.
        for index, prompt in enumerate(checked):
            if "box" not in prompt.kinds or "mask" in prompt.kinds:
                raise PromptError(f"prompt {index} is {prompt!r}: {ACCEPTED}")
        return Masks((self._mask(prompt, index) for index, prompt in enumerate(checked)), self.size)

    def everything(self, prompt: EverythingPrompt | None = None) -> Masks:
        """Raise an error: GrabCut needs a box.

        Raises:
            PromptError: Always.
        """
        raise PromptError(f"got {prompt!r}: {ACCEPTED}")

    def _mask(self, prompt: SpatialPrompt, index: int) -> Mask:
        marks = self._marks(prompt)
        pixels, score = _cut(self.small, marks, self.rounds)
        height, width = self.size
        full = cv2.resize(pixels.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return Mask.from_array(full, score=score, prompt_index=index)

    def _marks(self, prompt: SpatialPrompt) -> NDArray[np.uint8]:
        """Return the initial label of each pixel of the resized image, one of OpenCV's four values."""
        height, width = self.small.shape[:2]
        scale = np.array([width / self.size[1], height / self.size[0]])
        marks = np.full((height, width), cv2.GC_BGD, np.uint8)
        low = np.floor(prompt.xyxy[:2] * scale).astype(int)
        high = np.maximum(np.ceil(prompt.xyxy[2:] * scale).astype(int), low + 1)
        marks[low[1] : high[1], low[0] : high[0]] = cv2.GC_PR_FGD
        radius = max(1, int((high - low).min()) // 20)
        for xy, foreground in zip(prompt.xy, prompt.foreground, strict=True):
            x, y = np.floor((xy + 0.5) * scale).astype(int).tolist()
            cv2.circle(marks, (x, y), radius, cv2.GC_FGD if foreground else cv2.GC_BGD, thickness=-1)
        return marks


def _cut(image: NDArray[np.uint8], marks: NDArray[np.uint8], rounds: int) -> tuple[NDArray[np.bool_], float]:
    """Return the foreground and its score. `marks` is modified."""
    if not _foreground(marks).any() or _foreground(marks).all():
        return _foreground(marks), 0.0  # GrabCut needs pixels of both foreground and background.
    background_model, foreground_model = np.zeros((1, 65)), np.zeros((1, 65))
    # OpenCV initializes its mixtures at random, with one generator per thread. The seed makes the masks deterministic.
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(image, marks, None, background_model, foreground_model, rounds - 1, cv2.GC_INIT_WITH_MASK)
        before = _foreground(marks)
        if before.any() and not before.all():
            cv2.grabCut(image, marks, None, background_model, foreground_model, 1, cv2.GC_EVAL)
    except cv2.error as error:
        raise BackendError(f"OpenCV's GrabCut failed: {error}") from error
    after = _foreground(marks)
    union = np.count_nonzero(before | after)
    return after, np.count_nonzero(before & after) / union if union else 0.0


def _foreground(marks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
