"""`ImageList`: the images of a project, with those that are put into its folders while it is open."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from ..annotation.sources import SourceImage, open_source
from ..datasets.safe_names import safe_name
from ..errors import InputError, shown
from ..image_files import list_names
from ..images import IMAGE_SUFFIXES
from ..runtime.files import output_errors, write_atomically
from ..server.errors import NotFoundError
from .rasters.files import is_zarr

DROPPED = "images"
"""Folder of the dataset for images that were dropped into the page."""


class ImageList:
    """Images of a source and images that were dropped into the page. Not for several threads at once.

    Args:
        source: A folder, or what else `promptseg.annotation.sources.open_source` takes but a video; None for dropped images alone.
        out: The dataset folder. Images in it do not belong to the source.

    Raises:
        InputError: The source cannot be read. A folder may be empty.
    """

    def __init__(self, source: Path | str | None, out: Path) -> None:
        self._out, self._dropped = out, out / DROPPED
        self._folder = Path(source) if source is not None and Path(source).is_dir() and not is_zarr(Path(source)) else None
        self._listed = self._without_folder(source)
        self._images: dict[str, SourceImage] = {}
        self._keys: dict[str, str] = {}
        self._next = 0.0
        self.scan()

    def scan(self) -> bool:
        """Look for images that are new or gone, unless that was done a moment ago. Return whether there is a change.

        Raises:
            InputError: The folder cannot be read.
        """
        started = time.monotonic()
        if started < self._next:
            return False
        found = {image.name: image for image in self._dropped_images()}
        found |= {image.name: image for image in self._listed}
        if self._folder is not None:
            names, _ = list_names(self._folder, without=self._out)
            found |= {name: SourceImage(name, self._folder / name) for name in names}
        changed = found.keys() != self._images.keys()
        if changed:
            self._keys = {key_of(name): name for name in found}
        self._images = found
        self._next = time.monotonic() + max(LEAST_SECONDS, 10 * (time.monotonic() - started))
        return changed

    @property
    def all(self) -> list[SourceImage]:
        """The images: those of the source in its order, then the dropped ones."""
        dropped = {name: image for name, image in self._images.items() if image.path.parent == self._dropped}
        return [image for name, image in self._images.items() if name not in dropped] + list(dropped.values())

    def get(self, key: str) -> SourceImage:
        """Return the image of a key.

        Raises:
            NotFoundError: There is none.
        """
        name = self._keys.get(key)
        if name is None:
            raise NotFoundError(f"there is no image {shown(key)} in this project, or no longer")
        return self._images[name]

    def put(self, name: str, content: bytes) -> SourceImage:
        """Keep an image that was dropped, under a name that no other image has.

        Raises:
            InputError: The name has no suffix of an image.
            OutputError: It cannot be written.
        """
        safe = Path(safe_name(name.replace("\\", "/").rpartition("/")[2][-MAX_NAME:] or "image"))
        if safe.suffix.lower() not in IMAGE_SUFFIXES:
            raise InputError(f"the name of an image ends with one of {', '.join(sorted(IMAGE_SUFFIXES))}, got {shown(name)}")
        with output_errors(self._dropped):
            self._dropped.mkdir(parents=True, exist_ok=True)
        number = 1
        while (path := self._dropped / (safe.name if number == 1 else f"{safe.stem}-{number}{safe.suffix}")).exists() or (
            _name(path.name) in self._images
        ):
            number += 1
        with output_errors(path), write_atomically(path) as file:
            file.write(content)
        image = SourceImage(_name(path.name), path)
        self._images[image.name] = image
        self._keys[key_of(image.name)] = image.name
        return image

    def _without_folder(self, source: Path | str | None) -> tuple[SourceImage, ...]:
        """Return the images of a source that is not a folder of images."""
        if source is None or self._folder is not None:
            return ()
        path = Path(source)
        return (SourceImage(path.resolve().name, path),) if is_zarr(path) else tuple(open_source(str(source), None, self._out))

    def _dropped_images(self) -> list[SourceImage]:
        if not self._dropped.is_dir():
            return []
        names, _ = list_names(self._dropped, recursive=False)
        return [SourceImage(_name(name), self._dropped / name) for name in names]


def _name(file: str) -> str:
    """Return the name of a dropped image: its path within the dataset folder, whatever the source is."""
    return f"{DROPPED}/{file}"


def key_of(name: str) -> str:
    """Return the key of an image name: its address in the API, 16 hexadecimal digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


LEAST_SECONDS = 1.0
"""Least time between two looks into the folders."""

MAX_NAME = 200
"""Number of characters of a dropped file's name that are kept, from its end."""
