"""`BandedWeights`: interpolation along one axis, in which each output uses only a few neighboring inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class BandedWeights:
    """Matrix of interpolation weights (outputs, inputs), in which each output uses only a few neighboring inputs.

    Products are computed in strips of rows without the zero columns. On a large image that is a tenth of the work of the dense product.
    """

    STRIP = 16
    """Number of rows of a strip: so few that BLAS computes the product on one thread. Further BLAS threads would wait by spinning."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights
        used = weights != 0
        self._first = used.argmax(axis=1)
        self._stop = weights.shape[1] - used[:, ::-1].argmax(axis=1)
        touched = used.any(axis=0)
        first_output = np.where(touched, used.argmax(axis=0), len(weights))
        last_output = np.where(touched, len(weights) - used[::-1].argmax(axis=0), 0)
        # Inputs in the padding touch no output. A range that begins or ends there uses the nearest input that does.
        self._output_start = np.minimum.accumulate(first_output[::-1])[::-1]
        self._output_stop = np.maximum.accumulate(last_output)

    def outputs(self, first: int, last: int) -> tuple[int, int]:
        """Return the half-open range of outputs that use any of the inputs `first` to `last`; an empty range if none does."""
        return int(self._output_start[first]), int(self._output_stop[last])

    def inputs(self, start: int, stop: int) -> slice:
        """Return the inputs that the outputs `start` to `stop` (exclusive) use."""
        return slice(int(self._first[start]), int(self._stop[stop - 1]))

    def strips(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the strips in which `apply` computes the outputs `start` to `stop` (exclusive).

        Returns:
            edges: (S + 1,) where each of the S strips begins, and where the last one ends.
            first: (S,) the first input that each strip uses.
            last: (S,) the input after the last one.
        """
        edges = np.append(np.arange(start, stop, self.STRIP), stop)
        return edges, self._first[edges[:-1]], self._stop[edges[1:] - 1]

    def apply(self, values: NDArray[np.float32], start: int, stop: int, offset: int = 0) -> NDArray[np.float32]:
        """Return ``weights[start:stop] @ values``, where row 0 of `values` is input number `offset`."""
        result = np.empty((stop - start, values.shape[1]), np.float32)
        for begin in range(start, stop, self.STRIP):
            end = min(begin + self.STRIP, stop)
            used = self.inputs(begin, end)
            np.matmul(
                self._weights[begin:end, used], values[used.start - offset : used.stop - offset], out=result[begin - start : end - start]
            )
        return result
