"""Splits into training and validation images, and into folds. Images of one group, such as copies of one image, stay together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .._checks import whole_number
from ..errors import InputError


def split(groups: Sequence[str], validation: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the indices of the training images and of the validation images.

    The side of a group depends on its key, the keys of the other groups and the seed, not on file names or their order.

    Args:
        groups: The key of each image's group.
        validation: Share of the groups for validation, 0 to below 1. Above 0, at least one group is held out.
        seed: Random seed.

    Raises:
        InputError: There are too few groups for both sides.
    """
    independent = _shuffled(groups, seed)
    held_out = max(1, round(validation * len(independent))) if validation else 0
    if len(independent) <= held_out:
        raise InputError(f"{len(groups)} images, of which {len(independent)} are independent, are too few for training and validation")
    validation_groups = set(independent[:held_out])
    return (
        [index for index, group in enumerate(groups) if group not in validation_groups],
        [index for index, group in enumerate(groups) if group in validation_groups],
    )


def folds(groups: Sequence[str], count: int, seed: int) -> list[list[int]]:
    """Return the indices of the images of each fold.

    Each image is in one fold. Folds are as equal in size as whole groups allow.

    Args:
        groups: The key of each image's group.
        count: Number of folds.
        seed: Random seed.

    Raises:
        ConfigError: The count is not a whole number of at least 2.
        InputError: There are fewer groups than folds.
    """
    count = whole_number("folds", count, 2)
    independent = _shuffled(groups, seed)
    if len(independent) < count:
        raise InputError(f"{len(groups)} images, of which {len(independent)} are independent, are too few for {count} folds")
    found: list[list[int]] = [[] for _ in range(count)]
    for key in independent:
        min(found, key=len).extend(index for index, group in enumerate(groups) if group == key)
    return [sorted(fold) for fold in found]


def _shuffled(groups: Sequence[str], seed: int) -> list[str]:
    return sorted(set(groups), key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
