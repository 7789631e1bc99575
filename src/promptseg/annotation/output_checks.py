"""Checks of the outputs of a run before its first image: whatever would fail at the end fails at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.writing import check_output, write
from ..runtime.files import output_errors
from .own_folders import mark_folder


def check_outputs(folder: Path, formats: Sequence[str], options: Mapping[str, Mapping[str, Any]], gallery: Path | None) -> None:
    """Check the place of every output, and write every format without images to a temporary folder.

    Args:
        folder: The output folder of the run. It exists.
        formats: Names of the formats.
        options: Options of the formats.
        gallery: The folder of the gallery, or None for no gallery. It is created.

    Raises:
        ConfigError: When an option has a value that the format does not allow.
        MissingDependencyError: When a format needs a package that is not installed.
        OutputError: When the folder cannot be written, or something that promptseg did not write is in the place of an output.
    """
    for name in dict.fromkeys(formats):
        check_output(name, folder, options.get(name, {}))
    with output_errors(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".try.", suffix=".tmp") as temporary:
        for name in dict.fromkeys(formats):
            write(name, (), temporary, **options.get(name, {}))
    if gallery is not None:
        mark_folder(gallery)
