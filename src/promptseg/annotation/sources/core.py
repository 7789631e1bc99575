"""Images to annotate, with their prompts, and sources of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...datasets.core import Category
from ...image_files import Unused
from ...prompts import Prompt
from ...tiling.grid import Tile


@dataclass(frozen=True)
class AskedObject:
    """Prompt for one object of an image.

    Attributes:
        prompt: The prompt.
        label: Label of the object, or None where it is unknown.
        id: Number of the object in the source, or None. The mask keeps it.
        place: Where the prompt is in the source, such as ``"annotation 12"``. Messages name it.
    """

    prompt: Prompt
    label: str | None = None
    id: int | None = None
    place: str = ""


@dataclass(frozen=True)
class SourceTile:
    """Where the pixels of an image lie in a raster.

    Attributes:
        raster: How to open the raster, as `promptseg.rasters.raster.Raster.description` has it.
        place: The tile.
        scale: Pixels of the image for each pixel of the raster.
    """

    raster: Mapping[str, Any] = field(repr=False)
    place: Tile
    scale: float = 1.0


@dataclass(frozen=True)
class SourceImage:
    """Image to annotate, with its prompts.

    Attributes:
        name: Path within the source, with ``/`` between the parts; unique in the source.
        path: Path of the file. Of a tile, it is the raster.
        asked: Prompts for this image alone. None means the prompts of the run; an empty tuple means that there is nothing to segment.
        dropped: Why prompts of the source cannot be used, each with its place in the source.
        group: Group of images that are not independent of one another, such as the frames of one video; empty for none.
        id: Number of the image in the source, or None. The image keeps it in the dataset.
        tile: Where in a raster its pixels lie, or None for an image that is a file of its own.
    """

    name: str
    path: Path
    asked: tuple[AskedObject, ...] | None = None
    dropped: tuple[str, ...] = ()
    group: str = ""
    id: int | None = None
    tile: SourceTile | None = None

    @property
    def prompts(self) -> tuple[Prompt, ...] | None:
        """Prompts for this image alone, as in `asked`."""
        return None if self.asked is None else tuple(each.prompt for each in self.asked)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Labels of the objects that `asked` is for."""
        return tuple(each.label for each in self.asked or ())


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
    def categories(self) -> tuple[Category, ...]:
        """Classes in the order of the source; empty where it has none."""
        ...

    @property
    def dropped(self) -> tuple[str, ...]:
        """Why parts of the source that belong to none of its images cannot be used."""
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
    categories: tuple[Category, ...] = field(default=(), init=False)
    dropped: tuple[str, ...] = field(default=(), init=False)

    def __iter__(self) -> Iterator[SourceImage]:
        return (SourceImage(name, self.root / name) for name in self.names)


@dataclass(frozen=True)
class ListedImages:
    """List of images, which may have prompts of their own.

    Attributes:
        description: Identity of the source as JSON values.
        images: The images.
        has_prompts: Whether images may have prompts of their own.
        categories: Classes in the order of the source.
        dropped: Why parts of the source that belong to none of its images cannot be used.
    """

    description: Mapping[str, Any]
    images: tuple[SourceImage, ...] = field(repr=False)
    has_prompts: bool = False
    categories: tuple[Category, ...] = ()
    dropped: tuple[str, ...] = ()
    unused: Unused = field(default=Unused(), init=False)

    def __iter__(self) -> Iterator[SourceImage]:
        return iter(self.images)
