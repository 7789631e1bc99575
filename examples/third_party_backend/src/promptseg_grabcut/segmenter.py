"""The segmenter: a box, and points as hints, answered by GrabCut.

GrabCut (Rother, Kolmogorov, Blake: "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", 2004) takes the colors outside
the box for background, models the colors on both sides as mixtures of Gaussians, cuts the image along its edges where the two meet, and
repeats that with what it found. A point fixes the pixels around it as foreground or background.

The score of a mask is no predicted IoU: it says how settled the cut is, as the IoU of the mask after the last round with that before it.

Option of `promptseg.load`: ``rounds`` (how often the cut is repeated, at least 2; default 5).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from promptseg.errors import BackendError, ConfigError, PromptError
from promptseg.images import ImageLike, load_image
from promptseg.masks import Mask, Masks, Size
from promptseg.prompts import EverythingPrompt, Prompt, SpatialPrompt, spatial
from promptseg.registry import LoadRequest
from promptseg.results import Provenance

MAX_SIDE = 512
"""Longer side in pixels of the copy that is cut: GrabCut on a whole photo takes minutes."""

TAKES = "GrabCut takes a box, or a box with points as hints"


def load(request: LoadRequest) -> GrabCutSegmenter:
    """The factory that the `BackendSpec` names; `promptseg.load` calls it.

    Raises:
        ConfigError: An option or device that does not exist here.
    """
    if request.device not in ("auto", "cpu"):
        raise ConfigError(f"GrabCut runs on the CPU: device is 'auto' or 'cpu', got {request.device!r}")
    rounds = request.take(rounds=5)["rounds"]  # Refuses options that are not named here.
    if not isinstance(rounds, int) or rounds < 2:
        raise ConfigError(f"rounds is a whole number of at least 2, got {rounds!r}")
    provenance = Provenance(request.model.name, "grabcut", f"opencv {cv2.__version__}", license=request.model.license)
    return GrabCutSegmenter(provenance, rounds)


@dataclass(frozen=True)
class GrabCutSegmenter:
    """A `promptseg.protocols.Segmenter`. It need not inherit from anything: it has `provenance` and `open`."""

    provenance: Provenance
    rounds: int

    def open(self, image: ImageLike) -> GrabCutSession:
        """Reads an image of any form that promptseg takes."""
        pixels = load_image(image)  # Refuses what is no image, turns photos upright, makes gray images RGB.
        started = time.perf_counter()
        scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        # The copy also keeps the session from changing with the caller's array.
        small = pixels.copy() if scale == 1 else cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        return GrabCutSession((pixels.shape[0], pixels.shape[1]), small, self.rounds, {"encode": time.perf_counter() - started})


@dataclass(frozen=True, eq=False)
class GrabCutSession:
    """A `promptseg.protocols.Session`: one image, ready for prompts. It is never changed, so threads may share it."""

    size: Size
    image: NDArray[np.uint8] = field(repr=False)
    rounds: int = 5
    timings: Mapping[str, float] = field(default_factory=dict)

    def segment(self, prompts: Sequence[Prompt], *, candidates: bool = False) -> Masks:  # noqa: ARG002  # GrabCut has one answer.
        """One mask a prompt, in their order.

        Raises:
            PromptError: A prompt has no box or has a mask, is not spatial, or does not fit the image.
        """
        checked = list(spatial(prompts, self.size))  # Refuses text, an empty list, points outside the image; cuts boxes to it.
        for index, prompt in enumerate(checked):
            if "box" not in prompt.kinds or "mask" in prompt.kinds:
                raise PromptError(f"prompt {index} is {prompt!r}: {TAKES}")
        return Masks((self._answer(prompt, index) for index, prompt in enumerate(checked)), self.size)

    def everything(self, prompt: EverythingPrompt) -> Masks:
        """Refused: GrabCut needs to be told where to look.

        Raises:
            PromptError: Always.
        """
        raise PromptError(f"got {prompt!r}: {TAKES}")

    def _answer(self, prompt: SpatialPrompt, index: int) -> Mask:
        marks = self._marks(prompt)
        pixels, score = _cut(self.image, marks, self.rounds)
        height, width = self.size
        full = cv2.resize(pixels.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return Mask.from_array(full, score=score, prompt_index=index)

    def _marks(self, prompt: SpatialPrompt) -> NDArray[np.uint8]:
        """What is known beforehand of each pixel of the copy, in OpenCV's four values."""
        height, width = self.image.shape[:2]
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
    """The foreground and how settled it is; `marks` is changed."""
    if not _foreground(marks).any() or _foreground(marks).all():
        return _foreground(marks), 0.0  # Without pixels on both sides there is nothing to tell apart.
    background_model, foreground_model = np.zeros((1, 65)), np.zeros((1, 65))
    # OpenCV starts its mixtures at random, with one generator a thread: the same prompt must always give the same mask.
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
