"""Files beside a raster that GDAL takes for a part of it. It says nothing of damaged ones, and reads on without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from ..errors import InputError


def check_companions(path: Path, opened: Callable[[Path], object]) -> None:
    """Check the files beside a raster that say what its pixels mean: its mask, and the facts that GDAL or ArcGIS wrote down.

    Args:
        path: The raster.
        opened: Function that opens a raster and closes it, or raises an exception.

    Raises:
        InputError: One is damaged.
    """
    auxiliary, mask = (path.with_name(path.name + suffix) for suffix in (".aux.xml", ".msk"))
    if auxiliary.is_file():
        _check_auxiliary(auxiliary)
    if damage := damage_of(mask, opened):
        raise InputError(f"{mask}, the mask of {path.name}, cannot be read ({damage}): make it again, or remove it")


def damage_of(path: Path, opened: Callable[[Path], object]) -> str | None:
    """Return why a raster cannot be opened, or None where it can or is not there.

    Args:
        path: The raster.
        opened: Function that opens a raster and closes it, or raises an exception.
    """
    if not path.is_file():
        return None
    try:
        opened(path)
    except Exception as error:  # rasterio's errors have no common base.
        return " ".join(str(error.__cause__ or error).split())[:300]
    return None


def _check_auxiliary(path: Path) -> None:
    """Check that a file is one of GDAL's with further facts about a raster."""
    roots: list[str] = []
    text: list[str] = []
    parser = expat.ParserCreate("iso-8859-1")  # GDAL takes any bytes for text. What matters here is the structure.

    def start(name: str, _: object) -> None:
        if not roots:
            roots.append(name)
        parser.CharacterDataHandler = text.append if name == "GeoTransform" else None

    def end(_: str) -> None:
        parser.CharacterDataHandler = None

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
        transform = [float(number) for number in "".join(text).split(",")] if text else []
    except (OSError, ValueError, expat.ExpatError) as error:
        raise _no_auxiliary(path, str(error)) from error
    if roots != ["PAMDataset"]:
        raise _no_auxiliary(path, f"it begins with <{roots[0]}>")
    if text and len(transform) != _NUMBERS:
        raise _no_auxiliary(path, f"its GeoTransform has {len(transform)} numbers")


def _no_auxiliary(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} is damaged ({why}), and may say where pixels have no data and where they lie: get it again, or remove it to do without"
    )


_NUMBERS = 6
"""Count of the numbers of an affine map."""
