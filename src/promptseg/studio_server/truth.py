"""True masks of images, from annotations in any format that `promptseg evaluate` reads. They are read when an image is opened."""

from __future__ import annotations

import logging
from pathlib import Path

from ..datasets.core import AnnotatedObject, AnnotationError, Dataset
from ..datasets.reading import open_named
from ..masks import Size

_log = logging.getLogger(__name__)


class Truth:
    """The true objects of images.

    Args:
        dataset: The annotations, with the names that the images have in the studio.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._entries = {entry.name: entry for entry in dataset.entries}

    @classmethod
    def open(cls, place: str, images: Path) -> Truth:
        """Open annotations.

        Args:
            place: Format and place, such as ``"coco=annotations.json"``, as ``promptseg evaluate --truth`` takes it.
            images: The folder of the images.

        Raises:
            ConfigError: The text is not of this form.
            InputError: The annotations cannot be read, or are of none of the images.
        """
        return cls(open_named(place, images))

    def __len__(self) -> int:
        """Return the number of images with annotations."""
        return len(self._entries)

    def of(self, name: str, size: Size) -> tuple[AnnotatedObject, ...]:
        """Return the true objects of an image: none where there are no annotations of it, or they cannot be read, which is logged.

        Args:
            name: Name of the image.
            size: Its ``(height, width)`` in pixels. Annotations of another size are left out.
        """
        entry = self._entries.get(name)
        if entry is None:
            return ()
        try:
            image = entry.read()
        except AnnotationError as error:
            _log.warning("the true masks of an image cannot be read: %s", error)
            return ()
        if image.size != size:
            _log.warning("the true masks of %s are %d x %d, and the image is %d x %d", name, *image.size[::-1], *size[::-1])
            return ()
        return image.objects
