"""`Window`: a rectangle of a raster, in whole pixels of its full resolution."""

from __future__ import annotations

from dataclasses import dataclass

from .._checks import is_whole_number
from ..errors import InputError, shown
from ..masks import Size


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of a raster, at least one pixel wide and high.

    Attributes:
        y: Top row.
        x: Left column.
        height: Number of rows.
        width: Number of columns.

    Raises:
        InputError: A number is not whole, or out of its range.
    """

    y: int
    x: int
    height: int
    width: int

    def __post_init__(self) -> None:
        whole = all(is_whole_number(value) for value in (self.y, self.x, self.height, self.width))
        if not whole or self.y < 0 or self.x < 0 or self.height < 1 or self.width < 1:
            given = ", ".join(shown(value) for value in (self.y, self.x, self.height, self.width))
            raise InputError(f"a window has y and x of at least 0, height and width of at least 1, in whole pixels; got {given}")

    @property
    def bottom(self) -> int:
        """The row below the window."""
        return self.y + self.height

    @property
    def right(self) -> int:
        """The column right of the window."""
        return self.x + self.width

    @property
    def size(self) -> Size:
        """``(height, width)``."""
        return self.height, self.width

    @property
    def box(self) -> tuple[int, int, int, int]:
        """``(x0, y0, x1, y1)``, half-open."""
        return self.x, self.y, self.right, self.bottom

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point lies in the window. Its right and lower edge belong to the next one."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def shared(self, other: Window) -> Window | None:
        """Return the part that lies in another window too, or None where there is none."""
        return between(max(self.x, other.x), max(self.y, other.y), min(self.right, other.right), min(self.bottom, other.bottom))

    def grown(self, by: int, size: Size) -> Window:
        """Return the window with a margin on each side, cut off at the border of a raster of a size ``(height, width)``."""
        x0, y0 = max(0, self.x - by), max(0, self.y - by)
        return Window(y0, x0, min(size[0], self.bottom + by) - y0, min(size[1], self.right + by) - x0)


def between(x0: int, y0: int, x1: int, y1: int) -> Window | None:
    """Return the window between two corners, half-open, or None where it has no pixel."""
    return Window(y0, x0, y1 - y0, x1 - x0) if x1 > x0 and y1 > y0 else None
