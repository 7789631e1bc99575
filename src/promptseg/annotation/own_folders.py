"""Folders that promptseg wrote. A file in each of them marks it, so that its images are never annotated and no other folder is replaced."""

from __future__ import annotations

from pathlib import Path

from ..datasets.manifest import FOLDER_MANIFEST
from ..errors import OutputError
from ..runtime.files import output_errors


def mark_folder(folder: Path) -> None:
    """Create a folder and mark it as written by promptseg.

    Raises:
        OutputError: When the folder cannot be written, or holds files that promptseg did not write.
    """
    check_own_folder(folder)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FOLDER_MANIFEST).write_text("promptseg wrote this folder. It is not a source of images.\n")


def check_own_folder(folder: Path) -> None:
    """Check that a folder is absent, empty, or written by promptseg.

    Raises:
        OutputError: When it is something else.
    """
    if folder.is_dir() and ((folder / FOLDER_MANIFEST).is_file() or not any(folder.iterdir())):
        return
    if folder.exists() or folder.is_symlink():
        raise OutputError(f"{folder} exists, and promptseg did not write it: move it away, or write to another folder")
