"""How the writing of the objects of a scene to a file begins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..datasets.writer_base import WriteStats
from ..runtime.files import output_errors


@contextlib.contextmanager
def begun_output(path: Path) -> Iterator[WriteStats]:
    """Make the folder of a file, and give the counts of what is written to it in the block, beginning with its one image.

    Args:
        path: The file.

    Raises:
        OutputError: The folder cannot be made, or something in the block cannot be written.
    """
    stats = WriteStats()
    stats.images = 1
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield stats
