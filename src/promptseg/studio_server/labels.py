"""`Labels`: the labels of a project with their colors and keys, kept in a file of the dataset folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .. import class_colors
from ..errors import InputError, shown
from ..runtime.files import output_errors, write_atomically
from ..runtime.structured import is_text, read_json
from .documents import COLOR, MAX_LABEL

_log = logging.getLogger(__name__)

MAX_LABELS = 5000
"""Maximum number of labels of a project."""

KEYS = tuple("123456789")
"""Keys that can give a label."""


@dataclass(frozen=True)
class Label:
    """A label that the page offers.

    Attributes:
        name: Its name.
        color: ``"#rrggbb"``.
        key: The key that gives it, ``"1"`` to ``"9"``, or None.
    """

    name: str
    color: str
    key: str | None = None


class Labels:
    """The labels of a project, in their order.

    Args:
        path: The file.
        names: Names of labels that are added if the file has none of them.
    """

    def __init__(self, path: Path, names: Iterable[str] = ()) -> None:
        self._path = path
        self._labels = _read(path)
        self.add(names)

    @property
    def all(self) -> tuple[Label, ...]:
        """The labels."""
        return self._labels

    def replace(self, labels: Sequence[Label]) -> None:
        """Replace all labels. They are on the disk when this returns.

        Raises:
            InputError: A label is not usable, or a name or key is there twice.
            OutputError: The file cannot be written.
        """
        check_labels(labels)
        if tuple(labels) != self._labels:
            self._write(tuple(labels))

    def add(self, names: Iterable[str]) -> bool:
        """Add labels that are not there, with the next colors and free keys. Return whether there was one.

        Raises:
            OutputError: The file cannot be written.
        """
        known = {label.name for label in self._labels}
        missing = [name for name in dict.fromkeys(names) if name not in known and is_text(name, 1) and len(name) <= MAX_LABEL]
        missing = missing[: max(0, MAX_LABELS - len(known))]
        if missing:
            self._write(_with_keys([*self._labels, *(Label(name, _color(len(known) + place)) for place, name in enumerate(missing))]))
        return bool(missing)

    def _write(self, labels: tuple[Label, ...]) -> None:
        with output_errors(self._path), write_atomically(self._path, text=True) as file:
            json.dump({"labels": [asdict(label) for label in labels]}, file, indent=1)
        self._labels = labels


def check_labels(labels: Sequence[Label]) -> None:
    """Check labels that come from outside.

    Raises:
        InputError: A label is not usable, or a name or key is there twice.
    """
    if len(labels) > MAX_LABELS:
        raise InputError(f"a project has at most {MAX_LABELS} labels, got {len(labels)}")
    names: set[str] = set()
    keys: set[str] = set()
    for label in labels:
        if not is_text(label.name, 1) or len(label.name) > MAX_LABEL or label.name in names:
            raise InputError(f"the name of a label has 1 to {MAX_LABEL} characters, and no other label has it, got {shown(label.name)}")
        if not COLOR.fullmatch(label.color):
            raise InputError(f"the color of a label is written #rrggbb, got {shown(label.color)}")
        if label.key is not None and (label.key not in KEYS or label.key in keys):
            raise InputError(f"the key of a label is one of 1 to 9, and no other label has it, got {shown(label.key)}")
        names.add(label.name)
        keys |= set() if label.key is None else {label.key}


def _read(path: Path) -> tuple[Label, ...]:
    """Return the labels of a file; none if it is absent or was damaged, in which case it is kept under another name."""
    if not path.exists():
        return ()
    try:
        labels = tuple(_label(each) for each in read_json(path, MAX_BYTES)["labels"])
        check_labels(labels)
    except (InputError, KeyError, TypeError) as error:
        aside = path.with_suffix(".damaged.json")
        path.replace(aside)
        _log.warning("the labels in %s cannot be read (%s): they are kept as %s, and the labels begin anew", path, error, aside.name)
        return ()
    return labels


def _label(values: Mapping[str, Any]) -> Label:
    name, color, key = values["name"], values["color"], values.get("key")
    if not (isinstance(name, str) and isinstance(color, str) and (key is None or isinstance(key, str))):
        raise InputError(f"expected name, color and key of a label as texts, got {shown(values)}")
    return Label(name, color, key)


def _with_keys(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Return labels of which those without a key have the next free one."""
    given = list(labels)
    free = [key for key in KEYS if key not in {label.key for label in given}]
    return tuple(replace(label, key=free.pop(0)) if label.key is None and free else label for label in given)


def _color(place: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*class_colors.color(place))


MAX_BYTES = 16 << 20
"""Size of the largest file of labels that is read."""
