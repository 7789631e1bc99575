"""What a format declares of itself: how it is read, in which forms it is written, and the options of both."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import ConfigError
from .core import Dataset
from .writer import Writer


@dataclass(frozen=True)
class Option:
    """An option that reading or writing a format takes.

    Attributes:
        summary: What it says, for people.
        default: Its value where none is given.
        choices: The values that it may have; empty where others than a few are possible.
    """

    summary: str
    default: Any
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: object) -> None:
        """Refuse a value that is none of the choices.

        Raises:
            ConfigError: It is none of them.
        """
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} is {', '.join(self.choices[:-1])} or {self.choices[-1]}, got {value!r}")


@dataclass(frozen=True)
class Reader:
    """How a format is read.

    Attributes:
        read: ``read(images, place, **options)`` with the folder of the images, or None, and the file or folder of the annotations.
        place: What the place is, for people, such as ``"COCO file of instances"``.
        images: Whether the folder of the images is ``"required"``, ``"optional"`` (the format may know them itself) or ``"ignored"`` (it
            always does).
        options: The options that it takes, by name.
    """

    read: Callable[..., Dataset]
    place: str
    images: Literal["required", "optional", "ignored"] = "required"
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """One form in which a format is written.

    Attributes:
        name: The name by which `promptseg.datasets.writing.write` knows it.
        summary: What is written, for people.
        writer: Makes a writer from the folder to write to, the classes, the tally and the options.
        options: The options that it takes, by name.
    """

    name: str
    summary: str
    writer: Callable[..., Writer]
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A format of annotated images.

    Attributes:
        name: The name by which it is read: the argument of `promptseg.datasets.reading.open_dataset`, with ``_`` for ``-``.
        summary: What it is, for people.
        reader: How it is read, or None where it is written alone.
        forms: The forms in which it is written; none where it is read alone.
    """

    name: str
    summary: str
    reader: Reader | None = None
    forms: tuple[Form, ...] = ()


BOXES = Option("Read objects that are boxes alone as these boxes, filled, rather than skip them.", False)
"""The option of formats in which an object may be a box alone."""

Place = str | os.PathLike[str]
"""A file or folder."""


def check_options(name: str, given: Mapping[str, Any], own: Mapping[str, Option], others: Mapping[str, Mapping[str, Option]]) -> None:
    """Refuse options that a format does not take, and values that an option cannot have.

    Args:
        name: The format's name.
        given: The options that were given.
        own: The options that it takes.
        others: The options that each format takes, by its name, to tell where an option belongs.

    Raises:
        ConfigError: There is one.
    """
    wrong = sorted(set(given) - set(own))
    if wrong:
        homes = " and ".join(other for other, options in others.items() if wrong[0] in options)
        hint = f", it is one of {homes}" if homes else f": the options are {', '.join(own) or 'none'}"
        raise ConfigError(f"the format {name} has no option {wrong[0]!r}{hint}")
    for option, value in given.items():
        own[option].check(option, value)
