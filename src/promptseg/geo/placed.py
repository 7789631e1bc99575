"""`Placed`: what reading of files beside a raster asks of the raster."""

from __future__ import annotations

from typing import Protocol

from ..masks import Size
from ..rasters.georeference import Georeference


class Placed(Protocol):
    """A raster, as far as its place counts. A `promptseg.rasters.raster.Raster` is one."""

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    @property
    def size(self) -> Size:
        """``(height, width)`` in pixels."""
        ...

    @property
    def georeference(self) -> Georeference | None:
        """Where the raster lies in the world, or None where it does not say."""
        ...
