"""Which photos to learn from and which to judge by: by their content, so that copies of one photo are never on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..errors import InputError


def split(digests: Sequence[str], validation: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the photos to learn from, and of those to judge by.

    Which side a photo falls on depends on its content, the contents of the others and the seed, not on names or order.

    Args:
        digests: A digest of each photo's content.
        validation: The share of different photos to judge by, at least one if it is more than 0.
        seed: Another seed gives another split.

    Raises:
        InputError: There are too few different photos for both sides.
    """
    different = sorted(set(digests), key=lambda digest: hashlib.sha256(f"{seed} {digest}".encode()).digest())
    held_out = max(1, round(validation * len(different))) if validation else 0
    if len(different) <= held_out:
        raise InputError(f"{len(digests)} photos, of which {len(different)} differ in content, are too few to learn from and to judge by")
    judges = set(different[:held_out])
    return (
        [index for index, digest in enumerate(digests) if digest not in judges],
        [index for index, digest in enumerate(digests) if digest in judges],
    )
