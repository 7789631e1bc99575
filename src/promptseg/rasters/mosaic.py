"""Files of which a description for GDAL (VRT or MRF) makes a raster. They are looked at before GDAL opens it.

GDAL would fetch what lies at an address. Of a file that is not there it sometimes tells nothing, and shows zeros.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from ..errors import InputError, shown

_MOST_BYTES = 1 << 28
"""Maximum size of a description."""

_HEAD = 1024
"""Bytes in which GDAL looks for what a description begins with."""

_PART = re.compile(r"<(SourceFilename|SourceDataset|Source)\b([^>]*)>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_RELATIVE = re.compile(r"relativeToVRT\s*=\s*[\"']\s*1", re.IGNORECASE)
_NETWORK = "vsi(?:curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)"
_ELSEWHERE = re.compile(rf"://|^<|[/\"]{_NETWORK}", re.IGNORECASE)
_MARKS = (b"<VRTDataset", b"<MRF_META")
_PREFIXED = re.compile(r"^[A-Za-z][A-Za-z0-9_]+:")
"""A part of a file, such as ``NETCDF:"file.nc":variable``, which GDAL finds."""


def check_parts(path: Path) -> None:
    """Check the files of which a mosaic is made, and of which those are made that are mosaics themselves; so are overviews beside a file.

    Raises:
        InputError: A part is not there, lies at an address, describes what to fetch, or is the mosaic itself.
    """
    _check(path, (), set())
    overviews = Path(f"{path}.ovr")
    if overviews.is_file():
        _check(overviews, (path,), set())


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files of which a mosaic is made, as far as they are there, and of which those are made; none for any other file.

    Raises:
        OSError: The file cannot be read.
    """
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        for place in _files_of(each := waiting.pop(), each.stat().st_size, each.stat().st_mtime_ns):
            if place not in found and place.is_file():
                found[place] = None
                waiting.append(place)
    return tuple(found)


@lru_cache(maxsize=65_536)
def _files_of(path: Path, size: int, modified: int) -> tuple[Path, ...]:  # noqa: ARG001 - Size and time are of the key of the cache.
    """Return where the parts of a file of a size and time are, or would be; none where it is not a mosaic."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    is_mosaic = any(mark in head for mark in _MARKS)
    return tuple(place for _, place in _parts(path)) if is_mosaic else ()


def _check(path: Path, above: tuple[Path, ...], seen: set[Path]) -> None:
    if path in above:
        raise InputError(f"{path} is made of itself: its parts are {' of '.join(map(str, above[above.index(path) :]))}")
    if path in seen or not _is_description(path, above):
        return
    seen.add(path)
    for text, place in _parts(path):
        if _ELSEWHERE.search(text):
            raise InputError(
                f"{path} is made of parts at addresses, and nothing is fetched: {shown(text)}. Get the files, and name their paths"
            )
        if _PREFIXED.match(text) or text.startswith("/vsi"):
            continue
        if not place.exists():
            raise InputError(f"{path} is made of other files, and one cannot be opened: {place}: No such file or directory")
        if place.is_file():
            _check(place, (*above, path), seen)


def _is_description(path: Path, above: tuple[Path, ...]) -> bool:
    """Return whether a file is a mosaic.

    Raises:
        InputError: It is a part, and describes what to fetch.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if any(mark in head for mark in _MARKS):
        return True
    if above and head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"<", b"{"):
        raise InputError(f"{above[-1]} has {path} as a part, which is a description and no raster: nothing is fetched")
    return False


def _parts(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the parts of a mosaic: what it calls them, and where they are if that is a path."""
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} has {path.stat().st_size} bytes, and a description of a mosaic has at most {_MOST_BYTES}")
    for _, attributes, content in _PART.findall(path.read_text("utf-8", "replace")):
        text = html.unescape(content.replace("<![CDATA[", "").replace("]]>", "")).strip()
        yield text, (path.parent / text if _RELATIVE.search(attributes) else Path(text)).absolute()
