"""Checks of the outputs of a run before its first image: whatever would fail at the end fails at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.catalog import OUTPUT_VARIANTS
from ..datasets.writer_base import Classes, FolderWriter, WriteStats
from ..datasets.writing import write
from ..errors import OutputError
from ..runtime.files import output_errors
from .own_folders import check_own_folder, mark_folder


def check_outputs(folder: Path, formats: Sequence[str], options: Mapping[str, Mapping[str, Any]], gallery: Path | None) -> None:
    """Write every format without images to a temporary folder, and check that the outputs may be placed where they belong.

    Args:
        folder: The output folder of the run. It exists.
        formats: Names of the formats.
        options: Options of the formats.
        gallery: The folder of the gallery, or None for no gallery. It is created.

    Raises:
        MissingDependencyError: When a format needs a package that is not installed.
        OutputError: When the folder cannot be written, or something that promptseg did not write is in the place of an output.
    """
    with output_errors(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".try.", suffix=".tmp") as temporary:
        for name in dict.fromkeys(formats):
            writer = OUTPUT_VARIANTS[name].writer(folder, Classes(), WriteStats(), **options.get(name, {}))
            if isinstance(writer, FolderWriter):
                check_own_folder(writer.output_path)
            elif writer.output_path.is_dir():
                raise OutputError(f"{writer.output_path} is a folder, and the format {name} writes a file of this name: remove it")
            write(name, (), temporary, **options.get(name, {}))
    if gallery is not None:
        mark_folder(gallery)
