"""One object from a frame to the next, by any segmenter that answers boxes.

1. The last mask, moved by optical flow, says where the object should be; its memory says which cells of the new frame look like it. Their
   product with a bell around the expected place is the *expectation*.
2. The segmenter is asked in several ways: by the moved mask without what no longer looks like the object (its box; box and mask; these and
   points at the cells that look most like it), by the connected cells that look like the object (box and points; box and mask), and by a
   box of the object's last size about the center of the expectation. All candidates of each answer count.
3. That candidate is taken which agrees best with the expectation and with the moved mask, weighed by the model's predicted IoU.
4. An agreement with the expectation far below what is usual for this object means that it is *lost*: then nothing is learned from the frame,
   the flow is no longer followed (it would follow what hides the object), the expectation stays at the place where the object was last held
   and widens from frame to frame, and a candidate that looks like the object brings it back.

An occluding tree, for example, takes the moved mask along with it. It does not look like the rider behind it, and so the moved mask loses
that part, the candidates there score low, and the rider is found again on the other side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask
from ..prompts import Prompt, PromptKind, SpatialPrompt
from ..protocols import Session
from .appearance import Cells, View, likeness, overlap, view
from .flow import Flow

LOST = 0.5
"""An object is lost where the agreement with the expectation falls under this share of what is usual."""

GONE = 0.25
"""Under this share nothing of the object is taken to be seen: the mask is empty."""

LEARNED = 0.8
"""From this share on, the frame is learned: it joins the memory."""

VIEWS = 3
"""How many learned frames are kept, beside those that were prompted."""

FLOW_WEIGHT = 0.5
"""Weight of the agreement with the moved mask, against that with the expectation."""

BELL = 0.5
"""Standard deviation of the bell around the expected place, as a share of the object's box (and one cell)."""

WIDENING, WIDEST = 0.1, 10
"""By how much the bell widens with each frame for which an object is lost, and for how many."""

ALIKE = 0.2
"""A cell of the moved mask with a lower likeness does not belong to the object any more."""

LEAST_AREA = 20
"""A candidate of fewer pixels is none, unless the object was as small when it was prompted."""


@dataclass(frozen=True)
class Signals:
    """How well an object was found on a frame, each from 0 to 1.

    Attributes:
        score: IoU as the model predicts it.
        appearance: Agreement with what looks like the object, as a share of what is usual for it.
        flow: Agreement with the last mask as the flow moved it, times the share of that mask at which the flow is consistent.
        lost: For how many frames the object has been lost.
    """

    score: float = 1.0
    appearance: float = 1.0
    flow: float = 1.0
    lost: int = 0

    @property
    def confidence(self) -> float:
        """All of them as one figure: flow that fails halves it, score and appearance that fail leave nothing."""
        return self.score * self.appearance * (1 + self.flow) / 2


@dataclass(frozen=True, eq=False)
class Track:
    """One object as it was last seen; a value.

    Attributes:
        mask: (H, W) bool, its mask on the last frame.
        prompted: What it looked like on frames where it was prompted.
        learned: What it looked like on frames since then, the latest last.
        held: ``x0, y0, x1, y1`` of where it was last held.
        usual: The usual agreement with the expectation.
        area: Pixels of its mask when it was prompted.
        signals: How well it was found.
    """

    mask: NDArray[np.bool_]
    prompted: tuple[View, ...]
    learned: tuple[View, ...]
    held: NDArray[np.float32]
    usual: float
    area: int
    signals: Signals = Signals()


def begin(cells: Cells, mask: Mask, before: tuple[View, ...] = ()) -> Track:
    """A track that begins with a prompted mask, which is not empty; `before` is what the object looks like on its other prompted frames."""
    pixels, box = mask.array, mask.box
    prompted = (*before, view(cells, pixels))
    usual = overlap(cells.share(pixels), likeness(cells, prompted) * _bell(cells, box, 1.0))
    score = 1.0 if mask.score is None else min(max(mask.score, 0.0), 1.0)
    return Track(pixels, prompted, (), box, max(usual, 1e-3), mask.area, Signals(score))


def step(track: Track, session: Session, cells: Cells, flow: Flow, accepts: frozenset[PromptKind]) -> Track:
    """The object on the next frame.

    Args:
        track: The object as it was.
        session: The next frame, opened.
        cells: What the cells of that frame look like.
        flow: From that frame back to the one of the track.
        accepts: The kinds of prompt that the segmenter takes.
    """
    moved = flow.move(track.mask)
    consistency, lost = flow.consistency(moved), track.signals.lost
    alike = likeness(cells, track.prompted + track.learned)
    place = track.held if lost or not moved.any() else _box(moved)
    expected = alike * _bell(cells, place, 1 + WIDENING * min(lost, WIDEST))
    kept = moved & (cells.spread(alike) > ALIKE)
    prompts = [prompt for prompt in _prompts(cells, alike, expected, kept, track.held) if prompt.kinds <= accepts]
    best: tuple[float, float, float, float, NDArray[np.bool_]] | None = None
    for candidate in session.segment(prompts, candidates=True) if prompts else ():
        pixels = candidate.array
        if np.count_nonzero(pixels) < min(LEAST_AREA, track.area):
            continue
        agreement = overlap(cells.share(pixels), expected)
        along = 0.0 if lost else consistency * _iou(pixels, moved)
        score = 1.0 if candidate.score is None else min(max(candidate.score, 0.0), 1.0)
        value = agreement * (1 + FLOW_WEIGHT * along) * score
        if best is None or value > best[0]:
            best = value, agreement, along, score, pixels
    if best is None:
        nothing = Signals(0.0, 0.0, 0.0, lost + 1)
        return replace(track, mask=np.zeros_like(moved), signals=nothing)
    _, agreement, along, score, pixels = best
    found = agreement / track.usual
    signals = Signals(score, min(found, 1.0), along, lost + 1 if found < LOST else 0)
    if signals.lost:
        return replace(track, mask=pixels if found >= GONE else np.zeros_like(pixels), signals=signals)
    track = replace(track, mask=pixels, held=_box(pixels), signals=signals)
    if found < LEARNED:
        return track
    learned = (*track.learned, view(cells, pixels))[-VIEWS:]
    return replace(track, learned=learned, usual=0.9 * track.usual + 0.1 * agreement)


def _prompts(
    cells: Cells, alike: NDArray[np.float32], expected: NDArray[np.float32], kept: NDArray[np.bool_], held: NDArray[np.float32]
) -> Iterator[SpatialPrompt]:
    """The ways in which the segmenter is asked for an object."""
    extent = float(min(held[2:] - held[:2]))
    if kept.any():
        box, mask = Prompt.box(*_box(kept)), Prompt.mask(kept)
        yield box
        yield box + mask
        yield from (box + mask + points for points in _points(cells, cells.share(kept) * alike, extent))
    connected = _connected(alike, expected)
    pixels = cells.spread(expected * connected) > 0.25
    points = list(_points(cells, expected * connected, extent))
    if pixels.any() and points:
        box = Prompt.box(*_box(pixels))
        yield box + points[0]
        yield box + Prompt.mask(pixels)
    for points_about in _points(cells, expected, extent):
        box = _sized(cells, expected, held)
        yield box
        yield box + points_about


def _points(cells: Cells, weights: NDArray[np.float32], extent: float) -> Iterator[SpatialPrompt]:
    """One prompt of up to three points at the cells with the highest weights, apart from one another; none where all weights are low."""
    x, y = cells.centers()
    apart = max(x[0] * 2, extent / 4)
    left, found = weights.copy(), []
    for _ in range(3):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        if left[row, column] < 0.3:
            break
        found.append((float(x[column]), float(y[row])))
        left = left * (1 - np.exp(-0.5 * ((x - x[column]) ** 2 + (y[:, None] - y[row]) ** 2) / apart**2))
    if found:
        yield Prompt.points(found)


def _connected(alike: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The connected cells that look like the object and hold the most of the expectation."""
    import cv2

    count, labels = cv2.connectedComponents((alike > 0.5).astype(np.uint8), connectivity=8)
    weights = np.bincount(labels.ravel(), expected.ravel(), minlength=count)
    weights[0] = 0
    return np.asarray(labels == weights.argmax()) if weights.any() else np.zeros(alike.shape, bool)


def _sized(cells: Cells, expected: NDArray[np.float32], held: NDArray[np.float32]) -> SpatialPrompt:
    """A box of the object's last size about the center of the expectation, within the frame."""
    x, y = cells.centers()
    weights = expected / expected.sum()
    center = np.array([(weights.sum(0) * x).sum(), (weights.sum(1) * y).sum()])
    half = (held[2:] - held[:2]) / 2
    height, width = cells.size
    return Prompt.box(*np.clip([*(center - half), *(center + half)], 0, [width, height, width, height]))


def _bell(cells: Cells, box: NDArray[np.float32], wider: float) -> NDArray[np.float32]:
    """(rows, columns) a Gaussian bell about a box, 1 at its center."""
    x, y = cells.centers()
    spread = (BELL * (box[2:] - box[:2]) + 2 * np.array([x[0], y[0]])) * wider
    across = ((x - (box[0] + box[2]) / 2) / spread[0]) ** 2
    down = ((y - (box[1] + box[3]) / 2) / spread[1]) ** 2
    return np.asarray(np.exp(-0.5 * (across + down[:, None])), np.float32)


def _box(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``x0, y0, x1, y1`` of a mask that is not empty, half-open."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(first & second)) / max(int(np.count_nonzero(first | second)), 1)
