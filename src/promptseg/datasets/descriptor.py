"""Descriptors of dataset formats: the reader, the output variants, and their options."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._checks import is_number
from ..errors import ConfigError, nearest
from .core import Dataset
from .writer_base import Writer


@dataclass(frozen=True)
class Option:
    """An option of reading or writing a format.

    Attributes:
        summary: Description for people.
        default: Value of the option when none is given. When it is a float, all values are numbers of at least 0.
        choices: The allowed values. Empty when any value is allowed.
    """

    summary: str
    default: Any
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: object) -> None:
        """Raise an error for a value that is not allowed.

        Raises:
            ConfigError: When the value is not one of the choices, or no number of at least 0 where one is expected.
        """
        if isinstance(self.default, float) and self._number(value) is None:
            raise ConfigError(f"{name} is a number of at least 0, got {value!r}")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} is {', '.join(self.choices[:-1])} or {self.choices[-1]}, got {value!r}")

    def value(self, value: Any) -> Any:
        """Return an allowed value as the format takes it: a number that is given as text becomes a float."""
        return self._number(value) if isinstance(self.default, float) else value

    @staticmethod
    def _number(value: object) -> float | None:
        try:
            number = float(value) if is_number(value) or isinstance(value, str) else math.nan
        except (TypeError, ValueError, OverflowError):
            return None
        return number if 0 <= number < math.inf else None


@dataclass(frozen=True)
class Reader:
    """The reader of a format.

    Attributes:
        read: Function ``read(images, place, **options)``. `images` is the folder of the images or None, `place` the file or folder of the
            annotations.
        place: Description of `place` for people, such as ``"COCO instances file"``.
        images: ``"required"``, ``"optional"`` or ``"ignored"``: whether the folder of the images must be given, may be left out because the
            annotations can name it, or is part of the format.
        options: The options of the reader, by name.
    """

    read: Callable[..., Dataset]
    place: str
    images: Literal["required", "optional", "ignored"] = "required"
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputVariant:
    """One variant in which a format is written, such as run lengths or polygons.

    Attributes:
        name: Name of the variant in `promptseg.datasets.writing.write`.
        summary: Description of the files for people.
        writer: Function or class that makes a `Writer` from the output folder, the classes, the `WriteStats` and the options.
        options: The options of the writer, by name.
    """

    name: str
    summary: str
    writer: Callable[..., Writer]
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A format of annotated images.

    Attributes:
        name: Name of the format. The argument of `promptseg.datasets.reading.open_dataset` has ``_`` in place of ``-``.
        summary: Description for people.
        reader: The reader, or None for a format that is only written.
        variants: The variants that can be written. Empty for a format that is only read.
    """

    name: str
    summary: str
    reader: Reader | None = None
    variants: tuple[OutputVariant, ...] = ()


BOXES = Option("Read objects that have only a box as the filled box, instead of skipping them.", False)
"""Option of formats in which an object may have a box and no mask."""

CROWDS = Option("Read crowds as objects, instead of regions to ignore.", False)
"""Option of formats that mark crowds."""

FIT = Option("Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.", False)
"""Option of formats that state the size of the image."""

TOLERANCE = Option("Distance in pixels by which outlines may be simplified; 0 keeps every pixel.", 0.0)
"""Option of formats with polygons."""

Place = str | os.PathLike[str]
"""A file or folder."""


def check_options(name: str, given: Mapping[str, Any], own: Mapping[str, Option], others: Mapping[str, Mapping[str, Option]]) -> None:
    """Raise an error for an option that a format does not have, or a value that an option does not allow.

    Args:
        name: The format's name.
        given: The given options.
        own: The options of the format.
        others: The options of each format, by its name. The error message names the formats that have the option.

    Raises:
        ConfigError: When an option or a value is not allowed.
    """
    wrong = sorted(set(given) - set(own))
    if wrong:
        homes = " and ".join(other for other, options in others.items() if wrong[0] in options)
        options = f": the options are {', '.join(own)}.{nearest(wrong[0], own)}" if own else ": it has none, leave it out"
        hint = f", it is one of {homes}" if homes else options
        raise ConfigError(f"the format {name} has no option {wrong[0]!r}{hint}")
    for option, value in given.items():
        own[option].check(f"{name}.{option}", value)
