"""Images to annotate, with their prompts, and sources of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...image_files import Unused
from ...prompts import Prompt


@dataclass(frozen=True)
class SourceImage:
    """Image to annotate, with its prompts.

    Attributes:
        name: Path within the source, with ``/`` between the parts; unique in the source.
        path: Path of the file.
        prompts: Prompts for this image alone. None means the prompts of the run; an empty tuple means that there is nothing to segment.
        labels: Label of the object that each of `prompts` is for, or None where it is unknown.
        problem: Reason why its prompts cannot be used, or None.
        group: Group of images that are not independent of one another, such as the frames of one video; empty for none.
    """

    name: str
    path: Path
    prompts: tuple[Prompt, ...] | None = None
    labels: tuple[str | None, ...] = ()
    problem: str | None = None
    group: str = ""


class Source(Protocol):
    """Images that can be iterated more than once."""

    @property
    def description(self) -> Mapping[str, Any]:
        """Identity of the source as JSON values. A run can only be resumed with the source that it was started with."""
        ...

    @property
    def has_prompts(self) -> bool:
        """Whether images may have prompts of their own."""
        ...

    @property
    def unused(self) -> Unused:
        """Files that the source holds and that are no images of it."""
        ...

    def __iter__(self) -> Iterator[SourceImage]:
        """Return the images, in the same order each time."""
        ...


@dataclass(frozen=True)
class NamedImages:
    """Images of a folder, of which only the names are in memory.

    Attributes:
        description: Identity of the source as JSON values.
        root: The folder.
        names: Paths of the images within the folder, in order.
        unused: Files and folders in it that are not used.
    """

    description: Mapping[str, Any]
    root: Path
    names: tuple[str, ...] = field(repr=False)
    unused: Unused = Unused()
    has_prompts: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[SourceImage]:
        return (SourceImage(name, self.root / name) for name in self.names)


@dataclass(frozen=True)
class ListedImages:
    """List of images, which may have prompts of their own.

    Attributes:
        description: Identity of the source as JSON values.
        images: The images.
        has_prompts: Whether images may have prompts of their own.
    """

    description: Mapping[str, Any]
    images: tuple[SourceImage, ...] = field(repr=False)
    has_prompts: bool = False
    unused: Unused = field(default=Unused(), init=False)

    def __iter__(self) -> Iterator[SourceImage]:
        return iter(self.images)
