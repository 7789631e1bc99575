"""Replacement of a written folder as a whole, in which files of the user are kept.

The new folder is complete before the old one is touched. Then the two change places by renaming. When the process is killed between two
renames, the next call completes them, so there is always one complete folder, the old or the new.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError
from ..runtime.files import output_errors, temporary_folder
from .manifest import FOLDER_MANIFEST, Manifest, changed_in_folder, digest_of, files_in, read_manifest


@contextlib.contextmanager
def new_folder(path: Path, kept: list[str], *, taken_in: bool = False) -> Iterator[Path]:
    """Create a temporary folder that gets the name `path` when the block ends without an exception.

    A folder that promptseg wrote there before is replaced as a whole, so no old files remain, except those that the user changed or added.

    Args:
        path: The folder.
        kept: List to which the kept files are appended, by their paths in the folder.
        taken_in: Whether the user's changes were taken in elsewhere. The files stay, but are not reported until they change again.

    Raises:
        OutputError: When `path` holds files that promptseg did not write.
    """
    check_folder(path)
    with output_errors(path), temporary_folder(path.parent, path.name) as holder:
        # A folder inside the temporary one, which has private permissions and is deleted in any case.
        folder = holder / "new"
        folder.mkdir()
        yield folder
        manifest = Manifest({name: digest_of(file) for name, file in files_in(folder)})
        _keep(path, folder, manifest, kept, taken_in=taken_in)
        manifest.save(folder / FOLDER_MANIFEST)
        _replace(path, folder)


def check_folder(path: Path) -> None:
    """Complete a replacement that was killed, and check that a folder may be written.

    Raises:
        OutputError: When `path` is a file, or holds files that promptseg did not write.
    """
    _recover(path)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise OutputError(f"{path} is {'a link' if path.is_symlink() else 'a file'}, and a folder is to be written there: move it away")
    if path.is_dir() and not (path / FOLDER_MANIFEST).is_file() and any(path.iterdir()):
        why = f"promptseg did not write it, or its record {FOLDER_MANIFEST} is gone"
        raise OutputError(f"{path} exists, and {why}: move it away, or write to another folder")


def folder_changes(path: Path) -> tuple[str, ...]:
    """Return the files that `new_folder` would keep and report."""
    _recover(path)
    if not path.is_dir():
        return ()
    manifest = read_manifest(path / FOLDER_MANIFEST)
    return tuple(name for name, digest in changed_in_folder(path).items() if not manifest.is_taken_in(name, digest))


def _keep(path: Path, folder: Path, manifest: Manifest, kept: list[str], *, taken_in: bool) -> None:
    """Copy the user's files of the old folder `path` into the new `folder`. What equals the new file is not the user's."""
    before = read_manifest(path / FOLDER_MANIFEST)
    for name, digest in (changed_in_folder(path) if path.is_dir() else {}).items():
        if manifest.files.get(name) == digest:
            continue
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy2(path / name, target, follow_symlinks=False)
        except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise OutputError(f"cannot keep {path / name}, which was changed by hand: move it elsewhere ({error.strerror})") from error
        if taken_in or before.is_taken_in(name, digest):
            manifest.taken_in[name] = digest
        else:
            kept.append(name)


def _replace(path: Path, folder: Path) -> None:
    """Give a complete folder its name. The names in between are those that `_recover` looks for."""
    old, new = _old(path), _new(path)
    folder.rename(new)
    if path.exists():
        path.rename(old)
    new.rename(path)
    _remove(old)


def _recover(path: Path) -> None:
    """Complete what `_replace` did before the process was killed. The user may have changed a folder that stands at its name since."""
    old, new = _old(path), _new(path)
    with output_errors(path):
        if not path.exists() and (complete := next((each for each in (new, old) if each.is_dir()), None)):
            complete.rename(path)
        _remove(old)
        _remove(new)


def _remove(folder: Path) -> None:
    """Remove a folder that has one of the names in between. It loses the name first, so what has the name is always complete."""
    if folder.is_dir() and not folder.is_symlink():
        with temporary_folder(folder.parent, folder.name) as holder:
            folder.rename(holder / "old")


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.promptseg-old")


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.promptseg-new")
