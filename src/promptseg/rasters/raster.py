"""`Raster`: an image of any size that is read window by window."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from .georeference import Georeference
from .window import Window


@runtime_checkable
class Raster(Protocol):
    """An image of any size, of which no more is in memory than the windows that were read last. Several threads may read it.

    `promptseg.open_raster` makes one from a file. Your own class needs these members and no base class.
    """

    @property
    def name(self) -> str:
        """Name for people and for outputs, such as ``scene.tif``."""
        ...

    @property
    def size(self) -> Size:
        """``(height, width)`` in pixels at full resolution. The product may be far beyond `promptseg.images.MAX_PIXELS`."""
        ...

    @property
    def georeference(self) -> Georeference | None:
        """Where the raster lies in the world, or None where it does not say."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """How to open this raster again with the same pixels, as JSON values: `promptseg.rasters.opening.reopen_raster` takes them.

        They hold the path, the choice of bands, and the limits of the stretching as numbers, so that every process stretches alike. They
        also hold what shows that a file was replaced: its size in bytes and its time of modification.
        """
        ...

    def read(self, window: Window, size: Size | None = None) -> NDArray[np.uint8]:
        """Return the pixels of a window as RGB.

        Args:
            window: The window. It must lie in the raster.
            size: ``(height, width)`` of the result; by default that of the window. A smaller result is read from the overviews where the
                file has them, and is an average otherwise.

        Returns:
            (height, width, 3) uint8 RGB. Pixels without data are black.

        Raises:
            InputError: The window does not lie in the raster, or the file cannot be read there.
        """
        ...

    def valid(self, window: Window, size: Size | None = None) -> NDArray[np.bool_]:
        """Return which pixels of a window have data, (height, width) bool. The arguments are those of `read`."""
        ...

    def close(self) -> None:
        """Close the file. Nothing can be read afterwards."""
        ...

    def __enter__(self) -> Raster: ...  # noqa: PYI034 - Python 3.10 has no Self.

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None: ...
