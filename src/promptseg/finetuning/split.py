"""Which photos to learn from and which to judge by. Those of one group, such as copies of a photo, are never on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .._checks import whole_number
from ..errors import InputError


def split(groups: Sequence[str], validation: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the photos to learn from, and of those to judge by.

    Which side a group falls on depends on its key, the keys of the others and the seed, not on names or order.

    Args:
        groups: The key of each photo's group.
        validation: The share of groups to judge by, at least one if it is more than 0.
        seed: Another seed gives another split.

    Raises:
        InputError: There are too few groups for both sides.
    """
    different = _shuffled(groups, seed)
    held_out = max(1, round(validation * len(different))) if validation else 0
    if len(different) <= held_out:
        raise InputError(f"{len(groups)} photos, of which {len(different)} are independent, are too few to learn from and to judge by")
    judges = set(different[:held_out])
    return (
        [index for index, group in enumerate(groups) if group not in judges],
        [index for index, group in enumerate(groups) if group in judges],
    )


def folds(groups: Sequence[str], count: int, seed: int) -> list[list[int]]:
    """Indices of the photos of each fold: every photo is in one, folds are as equal as whole groups allow.

    Args:
        groups: The key of each photo's group.
        count: How many folds.
        seed: Another seed gives other folds.

    Raises:
        ConfigError: The count is no whole number of at least 2.
        InputError: There are fewer groups than folds.
    """
    count = whole_number("folds", count, 2)
    different = _shuffled(groups, seed)
    if len(different) < count:
        raise InputError(f"{len(groups)} photos, of which {len(different)} are independent, are too few for {count} folds")
    found: list[list[int]] = [[] for _ in range(count)]
    for key in different:
        min(found, key=len).extend(index for index, group in enumerate(groups) if group == key)
    return [sorted(fold) for fold in found]


def _shuffled(groups: Sequence[str], seed: int) -> list[str]:
    return sorted(set(groups), key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
