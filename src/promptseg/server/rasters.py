"""`StoredRaster`: a raster that an application offers to be segmented. It stays in its file, and is read by tiles."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from .errors import NotFoundError, RefusedError
from .images import StoredImage

NOT_SENT = "a raster is segmented where its file is, and not by replicas on other hosts"

MOST = 1000
"""Number of rasters that are remembered."""


@dataclass(frozen=True)
class StoredRaster:
    """A raster in its file.

    Attributes:
        id: SHA-256 (hex) of its description.
        description: How to open it, as `promptseg.rasters.opening.reopen_raster` takes it.
        size: ``(height, width)`` in pixels.
    """

    id: str
    description: Mapping[str, Any]
    size: Size

    def pixels(self) -> NDArray[np.uint8]:
        """Refuse: no more than a window of a raster is read at once.

        Raises:
            RefusedError: Always.
        """
        raise RefusedError("an example is taken from an image, and this is a raster, of which only parts are read: cut the example out")


Segmentable = Union[StoredImage, StoredRaster]
"""What can be segmented."""


class RasterStore:
    """The rasters that an application offers, by their ids. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rasters: OrderedDict[str, StoredRaster] = OrderedDict()

    def put(self, description: Mapping[str, Any], size: Size) -> StoredRaster:
        """Offer a raster of a size ``(height, width)``, and return it."""
        name = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
        stored = StoredRaster(name, dict(description), size)
        with self._lock:
            self._rasters[name] = stored
            self._rasters.move_to_end(name)
            while len(self._rasters) > MOST:
                self._rasters.popitem(last=False)
        return stored

    def has(self, name: str) -> bool:
        """Return whether a raster is offered."""
        return name in self._rasters

    def get(self, name: str) -> StoredRaster:
        """Return the raster of an id.

        Raises:
            NotFoundError: There is none of this id, or no longer.
        """
        with self._lock:
            found = self._rasters.get(name)
        if found is None:
            raise NotFoundError(f"there is no raster {name[:80]!r}, or no longer: open it again")
        return found
