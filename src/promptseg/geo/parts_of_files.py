"""Names of what is meant within a file: ``trees.gpkg:points`` is the layer ``points`` of ``trees.gpkg``."""

from __future__ import annotations

import re
from pathlib import Path


def split_part(path: Path) -> tuple[Path, str | None]:
    """Return a file, and the name of what is meant in it, or None where a path names a file alone. After a colon, a name may be missing.

    A file whose own name has a colon is found by its name.

    Args:
        path: Such as ``trees.gpkg:points`` or ``trees.gpkg``.
    """
    found = _NAMED.fullmatch(str(path))
    if found is None or path.exists():
        return path, None
    return Path(found["file"]), found["part"]


_NAMED = re.compile(r"(?P<file>.+?\.(?:gpkg|tiff?|geojson|json|parquet|geoparquet)):(?P<part>.*)", re.IGNORECASE | re.DOTALL)
