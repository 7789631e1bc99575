"""Annotation files that a person gives to the studio: one file, or a ZIP of files, in any format that `promptseg.datasets` reads.

The format is told by the content, unless it is named. A ZIP is unpacked within bounds: a small one can stand for any number of files.
"""

from __future__ import annotations

import errno
import json
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ...datasets.catalog import READABLE, READERS
from ...datasets.core import Dataset
from ...datasets.safe_names import safe_name
from ...errors import ConfigError, InputError, nearest
from .yolo_files import beside_images

MAX_FILES = 20_000
"""Maximum number of files in a ZIP."""

MAX_BYTES = 2 << 30
"""Maximum size of a ZIP's files, unpacked."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError)
"""Exceptions of a ZIP that cannot be read. NotImplementedError: of a compression that Python lacks. RuntimeError: it is encrypted."""

_FAULTS_OF_NAMES = (None, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
"""Numbers of operating system errors that are the ZIP's fault: a member is a file and a folder, or has a long path. bz2 gives none."""

_HEAD = 1 << 16
"""Bytes of a file that tell its format."""


def open_annotations(file: Path, folder: Path, images: Path, format_name: str | None = None, *, boxes: bool = False) -> Dataset:
    """Open what a person gave as annotations of images.

    Args:
        file: The file. Its name counts where a format pairs files with images by their names.
        folder: An empty folder for what a ZIP holds.
        images: Folder of the images.
        format_name: Format of the annotations, one of `promptseg.datasets.catalog.READABLE`; None to tell it by the content.
        boxes: Whether to read objects that have only a box as the filled box.

    Raises:
        ConfigError: There is no such format, or it has no boxes.
        InputError: The file cannot be read, is of no known format, or is a ZIP with too much in it.
    """
    if format_name is not None and format_name not in READABLE:
        raise ConfigError(
            f"there is no format {format_name[:80]!r} to read: expected {', '.join(READABLE)}.{nearest(format_name, READABLE)}"
        )
    if zipfile.is_zipfile(file) and format_name != "parquet":
        _unpack(file, folder)
    else:
        shutil.copyfile(file, folder / file.name)
    format_name = format_name or _format_of(folder)
    reader = READERS[format_name]
    options: dict[str, Any] = {}
    if boxes:
        if "boxes" not in reader.options:
            known = ", ".join(name for name in READABLE if "boxes" in READERS[name].options)
            raise ConfigError(f"the format {format_name} has no boxes to read as objects: {known} have")
        options["boxes"] = True
    if "fit" in reader.options:
        options["fit"] = True  # The person sees at once what became of them, and can correct it.
    if "crowds" in reader.options:
        options["crowds"] = True  # Some tools call every mask a crowd.
    place = _place(format_name, folder, images)
    if format_name == "yolo" and (names := _class_names(folder)) is not None:
        options["names"] = names  # Its folders are not followed: they would be those of another machine.
    return reader.read(images, place, **options)


def file_name(name: str, content: bytes) -> str:
    """Return a safe name for a file. One without a suffix of annotations gets that of what it begins with.

    Args:
        name: The name that it was given, perhaps with a path, or an empty text.
        content: Its content.
    """
    safe = safe_name(name.replace("\\", "/").rpartition("/")[2] or "annotations")
    if PurePosixPath(safe).suffix.lower() in _SUFFIXES:
        return safe
    start = content[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    return safe + next((suffix for beginning, suffix in _BEGINNINGS.items() if start.startswith(beginning)), "")


def _unpack(file: Path, folder: Path) -> None:
    """Unpack a ZIP into a folder."""
    try:
        with zipfile.ZipFile(file) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if len(members) > MAX_FILES:
                raise InputError(f"{file.name} has {len(members)} files: at most {MAX_FILES} are read")
            left = MAX_BYTES
            for member in members:
                if _is_hidden(member.filename):
                    continue
                target = folder / safe_name(member.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as content, target.open("wb") as written:
                    while chunk := content.read(min(1 << 20, left + 1)):
                        left -= len(chunk)
                        if left < 0:  # Counted here: the sizes that a ZIP states may be false.
                            raise InputError(f"{file.name} has more than {MAX_BYTES} bytes when it is unpacked")
                        written.write(chunk)
    except _DAMAGE as error:
        raise InputError(f"{file.name} cannot be unpacked: {error}") from error
    except OSError as error:
        if error.errno not in _FAULTS_OF_NAMES:  # Such as a full disk, which is no fault of the file.
            raise
        raise InputError(f"{file.name} cannot be unpacked: {error.strerror or error}") from error


def _is_hidden(name: str) -> bool:
    """Return whether a member is what an operating system adds, such as ``__MACOSX/._a.json``."""
    return any(step.startswith(".") or step == "__MACOSX" for step in PurePosixPath(name).parts)


def _format_of(folder: Path) -> str:
    """Return the format of the files of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for suffix, known in _BY_SUFFIX.items():
        if any(path.suffix.lower() == suffix for path in files):
            return known
    names = {path.name for path in files}
    if "objects.csv" in names:
        return "masks"
    if any((parent / "SegmentationObject").is_dir() for parent in (folder, *folder.rglob("*"))):
        return "voc"
    for path in files:
        if (found := _format_of_file(path)) is not None:
            return found
    if any(path.suffix.lower() == ".txt" for path in files):
        return "yolo"
    if any(path.suffix.lower() == ".png" for path in files):
        return "masks"
    known = "COCO, LabelMe, CVAT for images, Label Studio, GeoJSON, Parquet, YOLO, Pascal VOC, mask images, and results of promptseg"
    raise InputError(f"the format of the annotations is not known: expected {known}, as a file or a ZIP of files")


def _format_of_file(path: Path) -> str | None:
    """Return the format that the content of a file tells, or None."""
    suffix = path.suffix.lower()
    if suffix == ".xml":
        return "cvat" if re.search(rb"<annotations[\s>]", _head(path)) else None
    if suffix not in (".json", ".geojson"):
        return None
    members = _members(path)
    if members is None:
        return "label-studio"
    for name, telling in _BY_MEMBERS.items():
        if telling <= members.keys() and (name != "geojson" or members["type"] == "FeatureCollection"):
            return name
    return None


def _members(path: Path) -> Mapping[str, Any] | None:
    """Return the members of a JSON file; None if it is a list. A file that is not JSON has none."""
    if _head(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return None
    try:
        content = json.loads(path.read_bytes())  # Its size is bounded: it came as a body, or from a ZIP within bounds.
    except (ValueError, RecursionError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _place(format_name: str, folder: Path, images: Path) -> Path:
    """Return the file or folder that the reader of a format takes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if format_name in _SINGLE:
        suffixes = _SINGLE[format_name]
        own = [path for path in files if path.suffix.lower() in suffixes]
        telling = [path for path in own if _format_of_file(path) == format_name] or own
        if not telling:
            raise InputError(f"there is no file of the format {format_name}: expected one that ends in {' or '.join(suffixes)}")
        if len(telling) > 1:
            raise InputError(f"there are {len(telling)} files of the format {format_name}, such as {telling[0].name}: give one of them")
        return telling[0]
    if format_name == "voc":
        found = next((path.parent for path in sorted(folder.rglob("SegmentationObject")) if path.is_dir()), None)
        return found or folder
    if format_name == "yolo":
        texts = [path for path in files if path.suffix.lower() == ".txt" and path.stem not in _CLASS_LISTS]
        return beside_images(texts, folder, images)
    if format_name == "masks":
        return next((path.parent for path in files if path.name == "objects.csv"), _only_folder(folder))
    return _only_folder(folder)


def _only_folder(folder: Path) -> Path:
    """Return the folder in which the files are: that of a ZIP is often within one that has its name."""
    inside = list(folder.iterdir())
    while len(inside) == 1 and inside[0].is_dir():
        folder = inside[0]
        inside = list(folder.iterdir())
    return folder


def _class_names(folder: Path) -> Path | None:
    """Return the file with the class names of YOLO text files."""
    found = [path for path in sorted(folder.rglob("*")) if path.stem in _CLASS_LISTS or path.suffix.lower() in (".yaml", ".yml", ".names")]
    return next((path for path in found if path.is_file()), None)


_BY_SUFFIX = {".parquet": "parquet", ".yaml": "yolo", ".yml": "yolo"}
_BY_MEMBERS: Mapping[str, frozenset[str]] = {
    "coco": frozenset({"images", "annotations"}),
    "labelme": frozenset({"shapes", "imagePath"}),
    "geojson": frozenset({"type", "features"}),
    "promptseg": frozenset({"masks", "size"}),
}
"""Members that tell the format of a JSON object, the most telling format first."""

_BEGINNINGS = {b"{": ".json", b"[": ".json", b"<": ".xml", b"PK": ".zip", b"PAR1": ".parquet"}
"""Suffixes of files by the bytes that they begin with."""

_SUFFIXES = frozenset({".json", ".geojson", ".xml", ".zip", ".parquet", ".txt"})

_SINGLE = {"coco": (".json",), "cvat": (".xml",), "label-studio": (".json",), "parquet": (".parquet",)}
"""Formats that are one file, and the suffixes that it may have."""

_CLASS_LISTS = frozenset({"classes", "obj", "labels", "data", "dataset"})
"""Names without suffix of files that list class names beside YOLO text files."""
