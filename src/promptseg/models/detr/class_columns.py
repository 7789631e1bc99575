"""Names of the classes of a model, and the columns of its outputs that have one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import PromptSegError, WeightsMismatchError, shown
from ..coco_classes import COCO_BY_NUMBER, COCO_CLASSES

_NO_CLASS = frozenset({"", "n/a"})
"""Names of columns without a class, in lower case. Models that count by COCO's numbers have ten of them."""


@dataclass(frozen=True)
class ClassColumns:
    """Classes of a model.

    Attributes:
        names: Names of the classes.
        columns: Column of each class in the scores of the model.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]

    @classmethod
    def of(
        cls, names: Mapping[int, str], count: int | None, origin: str, error: type[PromptSegError] = WeightsMismatchError
    ) -> ClassColumns:
        """Return the classes that have a name.

        Args:
            names: Name of each column; of a column without a class, none or ``"N/A"``.
            count: Number of columns, or None if it is not known.
            origin: Where the names are from, for messages.
            error: Class of the errors.

        Raises:
            PromptSegError: There are none, a number is not a column, or a name is not text.
        """
        last = None if count is None else count - 1
        for number, name in names.items():
            if not isinstance(name, str):
                raise error(f"{origin} has {shown(name)} for class {number}, expected its name")
            if number < 0 or (last is not None and number > last):
                raise error(f"{origin} has a class {number} ({shown(name)}), and the model has the classes 0 to {last}")
        named = {number: name.strip() for number, name in sorted(names.items()) if name.strip().casefold() not in _NO_CLASS}
        if not named:
            raise error(f"{origin} names no class")
        return cls(tuple(named.values()), tuple(named))

    @classmethod
    def of_coco(cls, count: int | None, model: str) -> ClassColumns:
        """Return the classes of COCO for a model that does not name its own, with a warning.

        Args:
            count: Number of columns: 80, or 91 for COCO's numbers, which are 1 to 90. None: not known, taken for 80.
            model: Name of the model, for messages.

        Raises:
            WeightsMismatchError: There is another number of columns.
        """
        known = {None: dict(enumerate(COCO_CLASSES)), 80: dict(enumerate(COCO_CLASSES)), 91: COCO_BY_NUMBER}
        if count not in known:
            raise WeightsMismatchError(
                f"{model} does not name its {count} classes: give them as option names, a list or a file, "
                "or put the config.json of the model beside it"
            )
        what = "its classes" if count is None else f"its {count} classes"
        warnings.warn(
            f"{model} does not name {what}: they are taken for those of COCO; option names gives others", UserWarning, stacklevel=2
        )
        return cls.of(known[count], count, model)
