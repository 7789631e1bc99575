"""The sample image, for a studio that is opened without images."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ..image_files import list_names
from ..runtime.files import output_errors, write_atomically
from .image_list import DROPPED


def add_sample(out: Path) -> None:
    """Put the sample image into a dataset folder, unless images were dropped there before.

    Raises:
        OutputError: It cannot be written.
    """
    folder = out / DROPPED
    if folder.is_dir() and list_names(folder, recursive=False)[0]:
        return
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder / "coffee.jpg") as file:
            file.write(files("promptseg").joinpath("data/coffee.jpg").read_bytes())
