"""`ProjectImages`: images with their objects, read one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..datasets.core import AnnotatedImage


@dataclass(frozen=True)
class ProjectImages:
    """Images of a project with their objects, as datasets are written from. It can be iterated any number of times.

    Attributes:
        read: Function from the key of an image to the image with its objects.
        keys: Keys of the images.
    """

    read: Callable[[str], AnnotatedImage]
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return map(self.read, self.keys)
