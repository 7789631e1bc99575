"""Propagation of one object from a frame to the next, with any segmenter that takes boxes.

Here the tracker itself finds a lost object again, by its appearance. In `promptseg.tracking.redetection` a detector finds it again.

1. The last mask, warped by optical flow, predicts where the object is. The memory of the object says which cells of the new frame look
   like it. The *expectation* is the likeness of each cell, times a Gaussian around the predicted place.
2. The segmenter is prompted in several ways. First with the warped mask without the cells that no longer look like the object: its box; box
   and mask; box, mask and points at the cells that look most like the object. If no candidate looks like the object and lies where it is
   expected, then with the connected cells that look like the object (box and points; box and mask), and with a box of the object's last
   size at the center of the expectation. All candidates are considered.
3. The candidate is chosen that agrees best with the expectation and the warped mask, weighted by the IoU that the model predicts.
4. An object is *lost* if its agreement with the expectation is far below its mean agreement. A lost object is not added to memory, and
   the flow is ignored, because it would follow what occludes the object. The expectation stays at the last place of the object and widens
   with each frame. The object is recovered by a candidate that looks like it.

Example: a cyclist passes behind a tree. The flow follows the tree, so the warped mask drifts onto it. The cells of the tree do not look
like the cyclist: they are removed from the warped mask, and candidates on them get low scores. When the cyclist comes out on the other
side, a candidate there looks like the cyclist, and the object is recovered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask
from ..prompts import Prompt, PromptKind, SpatialPrompt
from ..protocols import Session
from .appearance import Appearance, FeatureGrid, appearance_of, likeness, overlap
from .flow import Flow

LOST = 0.5
"""An object is lost if its agreement with the expectation is below this share of the mean agreement."""

GONE = 0.25
"""Below this share of the mean agreement, the object counts as invisible and its mask is empty."""

LEARNED = 0.8
"""From this share of the mean agreement on, the frame is added to the memory."""

MAX_LEARNED = 3
"""Maximum number of frames in the memory of an object, besides the prompted ones."""

SURE = 0.5
"""IoU with the warped mask from which on a candidate, if it also reaches `LEARNED`, is sure: no more prompts are tried."""

FLOW_WEIGHT = 0.5
"""Weight of the agreement with the warped mask, relative to the agreement with the expectation."""

PRIOR_SIGMA = 0.5
"""Standard deviation of the Gaussian around the predicted place, as a share of the object's box. One cell is added."""

WIDENING, WIDEST = 0.1, 10
"""Growth of the Gaussian with each frame on which an object is lost, and the number of frames after which growth stops."""

ALIKE = 0.2
"""Pixels of the warped mask with a likeness not above this are removed from it."""

MIN_AREA = 20
"""Candidates with fewer pixels are ignored, unless the object was as small when it was prompted."""


@dataclass(frozen=True)
class Signals:
    """Signals of how well an object was found on a frame. All but `lost` are from 0 to 1.

    Attributes:
        score: IoU that the model predicts.
        appearance: Agreement with the expectation, as a share of the mean agreement.
        flow: IoU with the last mask warped by the flow, times the share of that mask in which the flow is consistent.
        lost: Number of frames for which the object has been lost.
    """

    score: float = 1.0
    appearance: float = 1.0
    flow: float = 1.0
    lost: int = 0

    @property
    def confidence(self) -> float:
        """All signals combined. If `flow` is 0 the confidence is halved; if `score` or `appearance` is 0 it is 0."""
        return self.score * self.appearance * (1 + self.flow) / 2


@dataclass(frozen=True, eq=False)
class Track:
    """Immutable state of one tracked object on the last frame.

    Attributes:
        mask: (H, W) bool, its mask on the last frame.
        prompted: Its appearance on the frames on which it was prompted.
        learned: Its appearance on the later frames that are in memory, the latest last.
        last_found_box: Box ``x0, y0, x1, y1`` of its mask on the last frame on which the segmenter found it.
        mean_agreement: Running mean of its agreement with the expectation, over the prompted frame and the frames added to memory.
        area: Number of pixels of its mask when it was prompted.
        signals: Signals of how well it was found.
        gap: Number of frames for which flow alone has moved the mask, since the segmenter was last asked.
        asked_area: Number of pixels of the mask when the segmenter was last asked.
        consistency: Share of the mask in which the flow is consistent, multiplied over these frames.
        way: Length of its way over these frames, in units of the square root of `asked_area`.
    """

    mask: NDArray[np.bool_]
    prompted: tuple[Appearance, ...]
    learned: tuple[Appearance, ...]
    last_found_box: NDArray[np.float32]
    mean_agreement: float
    area: int
    signals: Signals = Signals()
    gap: int = 0
    asked_area: int = 0
    consistency: float = 1.0
    way: float = 0.0


def start_track(grid: FeatureGrid, mask: Mask, before: tuple[Appearance, ...] = ()) -> Track:
    """Return a new track of an object.

    Args:
        grid: Feature grid of the prompted frame.
        mask: The mask on that frame, which must not be empty.
        before: Appearance of the object on its other prompted frames.
    """
    pixels, box = mask.array, mask.box
    prompted = (*before, appearance_of(grid, pixels))
    mean_agreement = overlap(grid.coverage(pixels), likeness(grid, prompted) * _gaussian_prior(grid, box, 1.0))
    score = 1.0 if mask.score is None else min(max(mask.score, 0.0), 1.0)
    return Track(pixels, prompted, (), box, max(mean_agreement, 1e-3), mask.area, Signals(score), asked_area=mask.area)


def carry_track(track: Track, flow: Flow) -> Track:
    """Return the track of an object on the next frame with its mask moved by flow alone, without the segmenter.

    Nothing is learned. The confidence falls with the share of the mask in which the flow is consistent. The mask of a lost object stays
    where it is, as long as the segmenter is not asked: the flow would follow what hides the object.

    Args:
        track: The track on the last frame.
        flow: Optical flow from the next frame back to the frame of the track.
    """
    signals, gap = track.signals, track.gap + 1
    if signals.lost:
        return replace(track, signals=replace(signals, lost=signals.lost + 1), gap=gap)
    moved = flow.move(track.mask)
    if not moved.any():
        return replace(track, mask=moved, signals=Signals(0.0, 0.0, 0.0, 1), gap=gap, consistency=0.0)
    consistency = flow.consistency(moved)
    signals = replace(signals, flow=signals.flow * consistency)
    way = track.way + flow.motion(moved) / max(track.asked_area, 1) ** 0.5
    return replace(track, mask=moved, signals=signals, gap=gap, consistency=track.consistency * consistency, way=way)


def propagate_track(track: Track, session: Session, grid: FeatureGrid, flow: Flow, accepts: frozenset[PromptKind]) -> Track:
    """Return the track of an object on the next frame.

    Args:
        track: The track on the last frame.
        session: The next frame, opened by the segmenter.
        grid: Feature grid of the next frame.
        flow: Optical flow from the next frame back to the frame of the track.
        accepts: Kinds of prompt that the segmenter takes.
    """
    moved = flow.move(track.mask)
    consistency, lost = flow.consistency(moved), track.signals.lost
    track = replace(track, gap=0, consistency=1.0, way=0.0)
    alike = likeness(grid, track.prompted + track.learned)
    place = track.last_found_box if lost or not moved.any() else _box(moved)
    expected = alike * _gaussian_prior(grid, place, 1 + WIDENING * min(lost, WIDEST))
    kept = moved & (grid.upsample(alike) > ALIKE)
    best: _Candidate | None = None
    for prompts in _prompts(grid, alike, expected, kept, track.last_found_box):
        taken = [prompt for prompt in prompts if prompt.kinds <= accepts]
        for mask in session.segment(taken, candidates=True) if taken else ():
            pixels = mask.array
            if np.count_nonzero(pixels) < min(MIN_AREA, track.area):
                continue
            score = 1.0 if mask.score is None else min(max(mask.score, 0.0), 1.0)
            one = _Candidate(pixels, overlap(grid.coverage(pixels), expected), 0.0 if lost else _iou(pixels, moved), score)
            if best is None or one.value(consistency) > best.value(consistency):
                best = one
        if best is not None and best.agreement >= LEARNED * track.mean_agreement and best.along >= SURE:
            break
    if best is None:
        nothing = Signals(0.0, 0.0, 0.0, lost + 1)
        return replace(track, mask=np.zeros_like(moved), signals=nothing, asked_area=0)
    pixels, found = best.pixels, best.agreement / track.mean_agreement
    signals = Signals(best.score, min(found, 1.0), consistency * best.along, lost + 1 if found < LOST else 0)
    track = replace(track, asked_area=int(np.count_nonzero(pixels)))
    if signals.lost:
        return replace(track, mask=pixels if found >= GONE else np.zeros_like(pixels), signals=signals)
    track = replace(track, mask=pixels, last_found_box=_box(pixels), signals=signals)
    if found < LEARNED:
        return track
    learned = (*track.learned, appearance_of(grid, pixels))[-MAX_LEARNED:]
    return replace(track, learned=learned, mean_agreement=0.9 * track.mean_agreement + 0.1 * best.agreement)


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Candidate for the mask of an object on a frame.

    Attributes:
        pixels: (H, W) bool.
        agreement: Agreement with the expectation.
        along: IoU with the warped mask; 0 if the object was lost.
        score: IoU that the model predicts.
    """

    pixels: NDArray[np.bool_]
    agreement: float
    along: float
    score: float

    def value(self, consistency: float) -> float:
        """Return how good it is, given the share of the warped mask in which the flow is consistent."""
        return self.agreement * (1 + FLOW_WEIGHT * consistency * self.along) * self.score


def _prompts(
    grid: FeatureGrid,
    alike: NDArray[np.float32],
    expected: NDArray[np.float32],
    kept: NDArray[np.bool_],
    last_found_box: NDArray[np.float32],
) -> Iterator[list[SpatialPrompt]]:
    """Yield the prompts for the object: those from the warped mask, and then the others.

    Args:
        grid: Feature grid of the frame.
        alike: (rows, columns) likeness of the cells to the object.
        expected: (rows, columns) expectation.
        kept: (H, W) bool, the warped mask without the pixels that no longer look like the object.
        last_found_box: Box of the object on the last frame on which it was not lost.
    """
    extent = float(min(last_found_box[2:] - last_found_box[:2]))
    if kept.any():
        box = Prompt.box(*_box(kept))
        both = box + Prompt.mask(kept)
        yield [box, both, *(both + points for points in _points(grid, grid.coverage(kept) * alike, extent))]
    others = []
    connected = _connected(alike, expected)
    pixels = grid.upsample(expected * connected) > 0.25
    points = list(_points(grid, expected * connected, extent))
    if pixels.any() and points:
        box = Prompt.box(*_box(pixels))
        others += [box + points[0], box + Prompt.mask(pixels)]
    for points_about in _points(grid, expected, extent):
        box = _box_at_expectation(grid, expected, last_found_box)
        others += [box, box + points_about]
    yield others


def _points(grid: FeatureGrid, weights: NDArray[np.float32], extent: float) -> Iterator[SpatialPrompt]:
    """Yield one prompt of up to three separate points at the cells with the highest weights, or nothing if all weights are low."""
    x, y = grid.centers()
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
    """Return, among connected regions of cells that look like the object, the one with the largest sum of the expectation."""
    import cv2

    count, labels = cv2.connectedComponents((alike > 0.5).astype(np.uint8), connectivity=8)
    weights = np.bincount(labels.ravel(), expected.ravel(), minlength=count)
    weights[0] = 0
    return np.asarray(labels == weights.argmax()) if weights.any() else np.zeros(alike.shape, bool)


def _box_at_expectation(grid: FeatureGrid, expected: NDArray[np.float32], last_found_box: NDArray[np.float32]) -> SpatialPrompt:
    """Return a box of the object's last size at the center of the expectation, clipped to the frame."""
    x, y = grid.centers()
    weights = expected / expected.sum()
    center = np.array([(weights.sum(0) * x).sum(), (weights.sum(1) * y).sum()])
    half = (last_found_box[2:] - last_found_box[:2]) / 2
    height, width = grid.size
    return Prompt.box(*np.clip([*(center - half), *(center + half)], 0, [width, height, width, height]))


def _gaussian_prior(grid: FeatureGrid, box: NDArray[np.float32], widening: float) -> NDArray[np.float32]:
    """Return a (rows, columns) Gaussian around a box, with value 1 at its center and a standard deviation multiplied by `widening`."""
    x, y = grid.centers()
    sigma = (PRIOR_SIGMA * (box[2:] - box[:2]) + 2 * np.array([x[0], y[0]])) * widening
    across = ((x - (box[0] + box[2]) / 2) / sigma[0]) ** 2
    down = ((y - (box[1] + box[3]) / 2) / sigma[1]) ** 2
    return np.asarray(np.exp(-0.5 * (across + down[:, None])), np.float32)


def _box(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the box ``x0, y0, x1, y1`` of a mask that is not empty; x1 and y1 are exclusive."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(first & second)) / max(int(np.count_nonzero(first | second)), 1)
