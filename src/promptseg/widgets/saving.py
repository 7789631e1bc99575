"""Images of a widget as a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..datasets.writing import WriteReport, check_format, write
from ..errors import ConfigError, shown
from ..runtime.output_files import write_image
from .shown_images import ShownImage

SavedFormats = Mapping[str, WriteReport]
"""Reports by the name of the format."""


def save_images(images: Iterable[ShownImage], folder: Path, formats: str | Sequence[str], labels: Sequence[str]) -> SavedFormats:
    """Write images that were read with their masks as a dataset, as `StudioWidget.save` describes."""
    names = [formats] if isinstance(formats, str) else list(formats)
    if not names:
        raise ConfigError(f"formats are one or several names of formats, such as 'coco', got {shown(formats)}")
    for name in names:
        check_format(name, {})
    annotated = [_annotated(each, folder / "images") for each in images]
    return {name: write(name, annotated, folder, classes=labels) for name in names}


def _annotated(image: ShownImage, folder: Path) -> AnnotatedImage:
    """Return an image with its objects. One that has no file is written to a folder first."""
    path = image.path
    if path is None:
        path = folder / image.name
        write_image(Image.fromarray(image.read()), path)
    assert image.document is not None  # noqa: S101 - It was read.
    return AnnotatedImage(image.name, path, image.document.size, tuple(_objects(image)))


def _objects(image: ShownImage) -> Iterator[AnnotatedObject]:
    assert image.document is not None  # noqa: S101
    for number, mask in enumerate(image.document.masks, 1):
        if mask.area:
            yield AnnotatedObject(f"{image.name}#{number}", mask)
