"""Files of the project's images in the image store of the server, so that its routes know them."""

from __future__ import annotations

from ..annotation.sources import SourceImage
from ..errors import InputError
from ..server.errors import RefusedError
from ..server.images import ImageStore, StoredImage
from ..server.rasters import Segmentable
from ..server.service import Service
from .rasters.files import RasterFiles


def segmentable(service: Service, image: SourceImage, rasters: RasterFiles) -> Segmentable:
    """Let the server know an image, or offer a raster, and return what it is asked by. Not for the event loop: it reads the file.

    Raises:
        InputError: It cannot be read.
        TooLargeError: It has too many pixels.
        OutputError: It cannot be kept.
        MissingDependencyError: A package that reads it is not installed.
    """
    if not rasters.has(image.path):
        return stored_image(service.images, image, rasters)
    with rasters.open(image.path) as raster:
        return service.rasters.put(raster.description, raster.size)


def stored_image(store: ImageStore, image: SourceImage, rasters: RasterFiles) -> StoredImage:
    """Put the file of an image into a store, unless it is there, and return it. Not for the event loop: it reads the file.

    Raises:
        InputError: It cannot be read.
        RefusedError: It is a raster, of which only parts are read.
        TooLargeError: It has too many pixels.
        OutputError: It cannot be kept.
    """
    if rasters.has(image.path):
        raise RefusedError(f"{image.name} is a raster, of which only parts are read")
    return store.put(file_of(image))


def file_of(image: SourceImage) -> bytes:
    """Return the file of an image.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return image.path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the image {image.name}: {error.strerror or error}") from error
