"""The decoder graph of a pair in layout ``transformers-js``: what it takes is found out by trying it, and prompts go through it in batches.

The graph is not that of the file, but the one that `prompt_graph` makes of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import BackendError, PromptError, WeightsMismatchError
from ....runtime.onnx import Runtime, Session
from ..mask_batch import DecodedMasks
from ..model import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING, PointPrompts
from .encoder import NUMBERS
from .layouts import HAS_MASK, INPUT_BOXES, INPUT_LABELS, INPUT_POINTS, MASK, Pair, inputs_of
from .prompt_graph import MASKS, SCORES, pads_points, prompt_graph

_DTYPES = {**NUMBERS, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
_MAX_CANDIDATES = 16
_CLOSE = 1e-4
"""Largest difference, as a share of the largest value, between prompts that are decoded together and one by one."""


@dataclass(frozen=True)
class _Graph:
    """One graph with its sessions: one that uses all threads, and one that computes on the calling thread."""

    shared: Session
    one_thread: Session

    @classmethod
    def of(cls, model: Any, runtime: Runtime) -> _Graph:
        content = model.SerializeToString()
        return cls(*(each.session(content, memory_pattern=True) for each in (runtime, runtime.one_thread())))


class PromptDecoder:
    """Decoder of a pair in layout ``transformers-js``.

    Args:
        pair: The encoder and the decoder.
        runtime: ONNX Runtime with its device and threads.

    Attributes:
        candidates: Number of masks that the decoder gives for a prompt.
        takes_boxes: Whether it takes boxes. Published files of SAM and SlimSAM lack the embeddings of their corners.
        takes_masks: Whether it takes an earlier mask.
        batches: Whether it decodes several prompts at once with the same results.

    Raises:
        WeightsMismatchError: The decoder's inputs or outputs are not those of its layout.
    """

    def __init__(self, pair: Pair, runtime: Runtime) -> None:
        outputs = [value.name for value in pair.graph.graph.output]
        if not {SCORES, MASKS} <= set(outputs):
            raise WeightsMismatchError(f"{pair.decoder} gives {', '.join(outputs)}; expected {SCORES} and {MASKS}")
        self._low_res = pair.low_res
        try:
            model = prompt_graph(pair.graph, boxes=False)
            self._pads = pads_points(model)
        except Exception as error:  # Any error of onnx or graphlib means that the graph is of another form.
            raise WeightsMismatchError(f"{pair.decoder} is not a decoder in layout {pair.layout}: {error}") from error
        self.takes_masks = {MASK, HAS_MASK} <= {value.name for value in pair.graph.graph.input}
        self._boxes: _Graph | None = None
        self.batches = False
        zeros = pair.zero_features
        try:
            self._points = _Graph.of(model, runtime)
            self.candidates = self._try(zeros, FOREGROUND).scores.shape[1]
            left, right = self._try(zeros, BOX_TOP_LEFT), self._try(zeros, BOX_BOTTOM_RIGHT)
            self._knows_corners = not _same(left, right)
            self.batches = self._decodes_together(zeros, left, right)
            if not self._knows_corners and INPUT_BOXES in inputs_of(pair.graph):
                self._boxes = _Graph.of(prompt_graph(pair.graph, boxes=True), runtime)
            self.takes_boxes = self._knows_corners or self._boxes is not None
        except (BackendError, WeightsMismatchError, KeyError, ValueError) as error:
            raise WeightsMismatchError(f"{pair.decoder} does not decode as a decoder in layout {pair.layout} does: {error}") from error

    def __call__(self, features: Mapping[str, Any], prompts: PointPrompts, *, one_thread: bool) -> DecodedMasks:
        """Return the decoded prompts.

        Args:
            features: The image's features by the names of the decoder's inputs: arrays, or values on the device.
            prompts: The prompts.
            one_thread: Whether to compute only on the calling thread.

        Raises:
            PromptError: The decoder takes no boxes or no earlier mask, and a prompt has one.
            BackendError: ONNX Runtime failed.
        """
        boxed = (prompts.labels == BOX_TOP_LEFT).any(axis=1)
        if boxed.any() and not self.takes_boxes:
            raise PromptError(
                "this ONNX decoder takes no boxes, because its file lacks the embeddings of their corners: give points, or take a model "
                "such as sam2.1-hiera-tiny"
            )
        if prompts.mask_logits is not None and not self.takes_masks:
            raise PromptError("this ONNX decoder takes no earlier mask, because its file has no input for one: give points or a box")
        scores = np.empty((len(prompts), self.candidates), np.float32)
        masks = np.empty((len(prompts), self.candidates, self._low_res, self._low_res), np.float32)
        for rows, points, labels in self._groups(prompts, boxed):
            graph = self._points if self._boxes is None or not boxed[rows[0]] else self._boxes
            found = self._run(graph, features, points, labels, prompts.mask_logits, one_thread=one_thread)
            scores[rows], masks[rows] = found.scores, found.all_logits
        return DecodedMasks(scores, masks)

    def _groups(self, prompts: PointPrompts, boxed: NDArray[np.bool_]) -> Iterator[tuple[list[int], NDArray[Any], NDArray[Any]]]:
        """Yield prompts that are decoded together: their indices, points (N, P, 2) and labels (N, P).

        A graph that pads points itself gets them without padding. Then prompts may have other lengths.
        """
        groups: dict[tuple[int, bool], list[int]] = defaultdict(list)
        kept = [labels != PADDING if self._pads else np.ones(len(labels), np.bool_) for labels in prompts.labels]
        for row, keep in enumerate(kept):
            groups[int(keep.sum()), bool(boxed[row])].append(row)
        for (_, box), group in groups.items():
            together = self.batches and not (box and self._boxes)
            for rows in [group] if together else [[row] for row in group]:
                arrays = [(prompts.points[row][kept[row]], prompts.labels[row][kept[row]]) for row in rows]
                yield rows, np.stack([points for points, _ in arrays]), np.stack([labels for _, labels in arrays])

    def _run(
        self,
        graph: _Graph,
        features: Mapping[str, Any],
        points: NDArray[np.float32],
        labels: NDArray[np.int64],
        mask_logits: NDArray[np.float32] | None = None,
        *,
        one_thread: bool = False,
    ) -> DecodedMasks:
        boxes = np.zeros((1, 0, 4), np.float32)
        if graph is self._boxes:  # One prompt, with a box.
            corners, rest = labels[0] >= BOX_TOP_LEFT, (labels[0] >= 0) & (labels[0] < BOX_TOP_LEFT)
            boxes, points, labels = points[:, corners].reshape(1, 1, 4), points[:, rest], labels[:, rest]
        mask = np.zeros((self._low_res, self._low_res), np.float32) if mask_logits is None else mask_logits
        given = {
            **features,
            INPUT_POINTS: points[None],
            INPUT_LABELS: labels[None],
            INPUT_BOXES: boxes,
            MASK: mask[None, None],
            HAS_MASK: np.array([mask_logits is not None]),
        }
        session = graph.one_thread if one_thread else graph.shared
        inputs = {name: _as_taken(given[name], value.kind) for name, value in session.inputs.items()}
        scores, masks = (value.numpy().astype(np.float32, copy=False) for value in session(inputs))
        prompts = len(points)
        return DecodedMasks(scores.reshape(prompts, -1), masks.reshape(prompts, -1, self._low_res, self._low_res))

    def _try(self, features: Mapping[str, Any], *labels: int) -> DecodedMasks:
        """Return what the decoder gives for prompts of one point each, all at one place."""
        found = self._run(self._points, features, np.full((len(labels), 1, 2), 3, np.float32), np.array(labels)[:, None])
        if found.all_logits.shape[:2] != found.scores.shape or found.scores.shape[1] > _MAX_CANDIDATES:
            raise ValueError(f"{MASKS} {found.all_logits.shape} for {SCORES} {found.scores.shape}")
        return found

    def _decodes_together(self, features: Mapping[str, Any], *singles: DecodedMasks) -> bool:
        """Return whether the two prompts with corners give the same in a batch. A quantized graph may give something else."""
        try:
            both = self._try(features, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT)
        except (BackendError, ValueError):  # The graph holds more than the declared shape that fixes the number of prompts to one.
            return False
        expected = [np.concatenate(arrays) for arrays in zip(*((each.scores, each.all_logits) for each in singles), strict=True)]
        return all(_is_close(found, wanted) for found, wanted in zip((both.scores, both.all_logits), expected, strict=True))


def _same(one: DecodedMasks, other: DecodedMasks) -> bool:
    pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]] = ((one.scores, other.scores), (one.all_logits, other.all_logits))
    return all(np.array_equal(first, second, equal_nan=True) for first, second in pairs)


def _is_close(found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    return found.shape == expected.shape and bool(np.abs(found - expected).max() <= _CLOSE * max(1.0, float(np.abs(expected).max())))


def _as_taken(value: Any, kind: str) -> Any:
    """Return an input in the number type that a graph takes. A value that has it stays where it is."""
    if not isinstance(value, np.ndarray):
        if value.data_type() == kind:
            return value
        value = value.numpy()
    return np.ascontiguousarray(value, _DTYPES[kind])
