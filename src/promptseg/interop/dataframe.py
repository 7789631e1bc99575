"""Data frames of pandas or polars: one row for each mask, for counting, filtering and plotting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..errors import ConfigError, MissingDependencyError, nearest, shown
from ..masks import Masks
from .packages import import_package

Library = Literal["pandas", "polars"]
"""Libraries of data frames, the preferred one first."""

_LIBRARIES: tuple[Library, ...] = ("pandas", "polars")

_KINDS = {
    "source": "text",
    "label": "text",
    "score": "number",
    "area": "count",
    "x0": "count",
    "y0": "count",
    "x1": "count",
    "y1": "count",
    "prompt_index": "index",
    "detection_index": "index",
    "from_box": "flag",
}
"""Kind of each column, in their order. Text, numbers and indices may be missing."""

_PANDAS = {"text": "string", "number": "float64", "count": "int64", "index": "Int64", "flag": "bool"}
_POLARS = {"text": "Utf8", "number": "Float64", "count": "Int64", "index": "Int64", "flag": "Boolean"}


def to_dataframe(masks: Masks, library: Library | None = None, *, sources: Sequence[str | None] | None = None) -> Any:
    """Return masks as a data frame with one row for each.

    Args:
        masks: The masks.
        library: ``"pandas"`` or ``"polars"``. Default: pandas if it is installed, else polars.
        sources: Path of the image of each mask, for a column ``source``. By default there is no such column.

    Returns:
        A `pandas.DataFrame` or `polars.DataFrame`. Its columns are ``label``, ``score`` (float), ``area`` (pixels), ``x0``, ``y0``, ``x1``
        and ``y1`` (the half-open bounding box in whole pixels, zeros for an empty mask), ``prompt_index``, ``detection_index`` and
        ``from_box``, as `promptseg.masks.Mask` has them. Types are the same for any number of rows, so that frames can be joined. What a
        mask does not have is missing: ``NA`` or ``NaN`` in pandas, null in polars.

    Raises:
        ConfigError: `library` is another one.
        MissingDependencyError: The library is not installed, or neither is.
    """
    package = _package(library)
    boxes = masks.boxes.astype(int)
    columns: dict[str, list[Any]] = {} if sources is None else {"source": list(sources)}
    columns |= {"label": list(masks.labels), "score": [mask.score for mask in masks], "area": masks.areas.tolist()}
    columns |= {name: boxes[:, index].tolist() for index, name in enumerate(("x0", "y0", "x1", "y1"))}
    columns |= {name: [getattr(mask, name) for mask in masks] for name in ("prompt_index", "detection_index", "from_box")}
    if package.__name__ == "pandas":
        return package.DataFrame({name: package.Series(values, dtype=_PANDAS[_KINDS[name]]) for name, values in columns.items()})
    return package.DataFrame(columns, schema={name: getattr(package, _POLARS[_KINDS[name]]) for name in columns})


def _package(library: object) -> Any:
    if library is not None:
        if not isinstance(library, str) or library not in _LIBRARIES:
            hint = nearest(library, _LIBRARIES) if isinstance(library, str) else ""
            raise ConfigError(f"library is {' or '.join(map(repr, _LIBRARIES))}, got {shown(library)}.{hint}")
        return import_package(library)
    for name in _LIBRARIES:
        try:
            return import_package(name)
        except MissingDependencyError as error:
            cause = error
    raise MissingDependencyError("a data frame needs pandas or polars, and neither can be imported: pip install pandas") from cause
