"""Images of LabelMe files: by the name of the file, without reading it, or by the ``imagePath`` in it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ....images import IMAGE_SUFFIXES
from ...core import AnnotationError, Finding
from ...image_lookup import ImageLookup


class Found(NamedTuple):
    """An image of a dataset.

    Attributes:
        name: The image's name in the dataset.
        path: The image file.
    """

    name: str
    path: Path


class LabelmeImages:
    """Images of the LabelMe files in a folder.

    Args:
        annotations: Folder of the JSON files.
        images: Folder of the images, or None when each file names its image relative to itself.
    """

    def __init__(self, annotations: Path, images: Path | None) -> None:
        self._annotations, self._images = annotations, images
        self._lookup = ImageLookup(annotations if images is None else images)
        self._ways = [Path()]
        """Where images lie, from the folder of their file. A file that had to be read adds its way."""
        self._stems: dict[Path, dict[str, list[str]]] = {}
        self._files: dict[str, tuple[str, Path]] = {}

    def beside(self, file: str) -> Found | None:
        """Return the only image that has the name of a file, where images lie, or None. The file is not read.

        Args:
            file: Path of the JSON file within its folder, with ``/`` as separator.
        """
        inner = PurePosixPath(file)
        if self._images is None:
            parent = self._annotations / inner.parent
            folders = [parent / way for way in self._ways]
        else:
            folders = list(dict.fromkeys([self._images / inner.parent, self._images]))
        for folder in folders:
            names = self._images_by_stem(folder).get(inner.stem, [])
            if len(names) == 1:
                return Found(self._name(file, folder / names[0]), folder / names[0])
            if names:
                return None
        return None

    def stated(self, file: str, image_path: str) -> Found | None:
        """Return the image that a file names, or None when there is none.

        Args:
            file: Path of the JSON file within its folder, with ``/`` as separator.
            image_path: The ``imagePath`` of the file.
        """
        inner, stated = PurePosixPath(file).parent, portable(image_path)
        if self._images is None:
            path = self._annotations / inner / stated
            if is_file(path):
                if not stated.is_absolute() and (way := Path(stated.parent)) not in self._ways and len(self._ways) < _MOST_WAYS:
                    self._ways.append(way)
                return Found(self._name(file, path), path)
        beside = (inner / stated.name).as_posix()
        exact = is_file(self._lookup.folder / beside)
        name = self._lookup.find(beside if exact else f"{inner.as_posix()}/{stated.as_posix()}")
        return None if name is None else Found(name, self._lookup.folder / name)

    def absent(self, file: str, image_path: str) -> Found:
        """Return the image that a file names, which does not exist."""
        path = (self._annotations if self._images is None else self._images) / PurePosixPath(file).parent / portable(image_path).name
        return Found(self._name(file, path), path)

    def claim(self, found: Found, file: str) -> Finding | None:
        """Note that an image belongs to a file. Return a finding when another file has it, or another image has its name."""
        other, path = self._files.setdefault(found.name, (file, found.path))
        if other == file:
            return None
        message = f"{other} names it as well" if path == found.path else f"{other} names another image of this name, {path}"
        return Finding(file, "ambiguous", f"it is left out: its image is {found.path}, and {message}")

    def findings(self) -> list[Finding]:
        """Return the findings about images that were found by other names than their exact paths."""
        return self._lookup.findings()

    def _name(self, file: str, path: Path) -> str:
        """Return the name of an image: its path in the folder of the images, or its name in the folder of its file."""
        if self._images is None:
            return (PurePosixPath(file).parent / path.name).as_posix()
        return path.relative_to(self._images).as_posix()

    def _images_by_stem(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._stems:
            stems: dict[str, list[str]] = defaultdict(list)
            try:
                for path in folder.iterdir():
                    if path.suffix.lower() in IMAGE_SUFFIXES and is_file(path):
                        stems[path.stem].append(path.name)
            except OSError:  # There is no such folder.
                pass
            self._stems[folder] = stems
        return self._stems[folder]


def agreeing(path: Path, image_path: str, annotation: Path, *, relative: bool) -> tuple[Path, str]:
    """Return the image of a file that was found by the name of the file, and a note when the file names another that does not exist.

    Args:
        path: The image with the name of the file.
        image_path: The ``imagePath`` of the file.
        annotation: The file.
        relative: Whether `image_path` is relative to the file. Otherwise images have a folder of their own, and only its name counts.

    Raises:
        AnnotationError: When the file names another image, which exists.
    """
    stated = portable(image_path)
    direct = annotation.parent / stated
    if not relative and is_file(direct) and direct.samefile(path):  # The target of a link, which may have another name.
        return path, ""
    other = direct if relative else path.with_name(stated.name)
    same = stated.name.casefold() in (path.name.casefold(), path.stem.casefold())
    if is_file(other):
        if same or other.samefile(path):
            return other, ""
        message = f"it is not clear whether its file is for {path.name}, which has its name, or for {image_path}, which is its imagePath"
        raise AnnotationError(Finding(path.name, "ambiguous", message))
    return path, "" if same else f"its imagePath {image_path} does not exist: it is read as the image that has the name of its file"


def portable(image_path: str) -> PurePosixPath:
    r"""Return an ``imagePath``, which has backslashes when it was written on Windows, as a path with ``/``."""
    path = PurePosixPath(image_path.replace("\\", "/"))
    return path if path.name not in ("", "..") else path / "_"


def is_file(path: Path) -> bool:
    """Return whether a path from a file is that of a file. It may be one that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # Too long for the file system, with a null character, or with characters that are not in UTF-8.
        return False


_MOST_WAYS = 16
"""Maximum number of places in which images are looked for by the name of their file."""
