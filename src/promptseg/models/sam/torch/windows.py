"""Windows of a grid of tokens, in parts that fit into a CPU cache."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from .workspace import Workspace


@dataclass(frozen=True)
class Windows:
    """Windows of equal size that form a rectangle.

    Attributes:
        top: First row of the rectangle.
        left: Its first column.
        rows: Number of windows below one another.
        columns: Number of windows beside one another.
        height: Rows of a window inside the grid.
        width: Columns of a window inside the grid.
        padding: Number of tokens of a window outside the grid.
    """

    top: int
    left: int
    rows: int
    columns: int
    height: int
    width: int
    padding: int

    @property
    def tokens(self) -> int:
        """Number of tokens of a window inside the grid."""
        return self.height * self.width

    def halved(self) -> Windows:
        """Return the windows of a grid with half the rows and columns."""
        return Windows(self.top // 2, self.left // 2, self.rows, self.columns, self.height // 2, self.width // 2, 0)

    def gather(self, grid: Tensor, own: Workspace) -> Tensor:
        """Return a copy of the tokens of these windows, (N, tokens, C)."""
        seen = self._view(grid)
        found = own.empty("tokens", tuple(seen.shape), grid)
        found.copy_(seen)
        return found.view(-1, self.tokens, grid.shape[-1])

    def scatter(self, tokens: Tensor, grid: Tensor) -> None:
        """Write tokens (N, tokens, C) of these windows to the grid."""
        there = self._view(grid)
        there.copy_(tokens.view(there.shape))

    def _view(self, grid: Tensor) -> Tensor:
        """Return a view (B, rows, columns, height, width, C)."""
        seen = grid[:, self.top : self.top + self.rows * self.height, self.left : self.left + self.columns * self.width]
        return seen.view(len(grid), self.rows, self.height, self.columns, self.width, -1).transpose(2, 3)


def window_parts(grid: tuple[int, int], sides: tuple[int, int], tokens: int) -> list[Windows]:
    """Return parts that cover a grid, each with at most `tokens` tokens of an image but at least one window.

    Args:
        grid: Height and width of the grid.
        sides: Height and width of a window.
        tokens: Maximum number of tokens in a part.
    """
    return [
        part
        for rows, columns in itertools.product(*map(_runs, grid, sides))
        for part in _split(rows, columns, sides[0] * sides[1], max(1, tokens // (rows[2] * columns[2])))
    ]


def _runs(length: int, side: int) -> Iterator[tuple[int, int, int]]:
    """Yield the start, the number and the length of the whole windows in a row, then those of the window over the border."""
    whole = length // side
    if whole:
        yield 0, whole, side
    if length % side:
        yield whole * side, 1, length % side


def _split(rows: tuple[int, int, int], columns: tuple[int, int, int], area: int, windows: int) -> Iterator[Windows]:
    """Yield parts of a rectangle of windows, with at most `windows` windows each."""
    (top, high, height), (left, wide, width) = rows, columns
    lines, beside = max(1, windows // wide), min(windows, wide)
    for row, column in itertools.product(range(0, high, lines), range(0, wide, beside)):
        count = min(lines, high - row), min(beside, wide - column)
        yield Windows(top + row * height, left + column * width, *count, height, width, area - height * width)
