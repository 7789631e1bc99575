"""Names of the classes of exported detectors: of option ``names``, of a ``config.json`` beside the file or, with a warning, of COCO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._checks import is_whole_number
from ..datasets.class_list import read_classes
from ..errors import ConfigError, PromptSegError, WeightsMismatchError, shown
from ..models.detr.class_columns import ClassColumns

CONFIG = "config.json"
"""Name of the configuration beside a file, as transformers writes it."""

MAX_CONFIG_BYTES = 4 << 20

_DIGITS = 6
"""Most digits of the number of a class."""


def class_columns(option: Any, count: int | None, config: Mapping[str, Any], origin: str, model: str) -> ClassColumns:
    """Return the classes of a model.

    Args:
        option: Option ``names``, or None.
        count: Number of the classes, or None if it is not known.
        config: Configuration beside the file; empty if there is none.
        origin: Where the configuration is, for messages.
        model: Name of the file, for messages.

    Raises:
        ConfigError: The option is not a list of names, or does not fit the model.
        WeightsMismatchError: The configuration has no names that fit the model, or nothing names the classes.
    """
    if option is not None:
        return ClassColumns.of(_given(option), count, "option names", ConfigError)
    labels = config.get("id2label")
    if not labels:
        return ClassColumns.of_coco(count, model)
    numbers = _numbers(labels) if isinstance(labels, Mapping) else None
    if numbers is None:
        raise WeightsMismatchError(f"{origin} has id2label={shown(labels)}, expected names by their numbers")
    return ClassColumns.of(numbers, count, origin)


def _given(option: Any) -> Mapping[int, Any]:
    """Return the names of classes by their numbers, as an option gives them."""
    if isinstance(option, (str, Path)):
        try:
            listed = read_classes(option)
        except PromptSegError as error:
            raise ConfigError(f"option names: {error}") from error
        return {place if one.number is None else one.number: one.name for place, one in enumerate(listed)}
    if isinstance(option, (list, tuple)):
        return dict(enumerate(option))
    numbers = _numbers(option) if isinstance(option, Mapping) else None
    if numbers is None:
        raise ConfigError(f"option names is a list of names, names by their numbers, or the path of a file with them, got {shown(option)}")
    return numbers


def _numbers(names: Mapping[Any, Any]) -> dict[int, Any] | None:
    """Return names by whole numbers, which may be written as text; None if a key is not a number."""
    found = {}
    for key, name in names.items():
        written = isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= _DIGITS
        if not written and not is_whole_number(key, 0):
            return None
        found[int(key)] = name
    return found
