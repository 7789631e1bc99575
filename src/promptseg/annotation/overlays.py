"""Full-size overlays of an annotation run: one file for each annotated image, in the folder ``overlays``.

An overlay is drawn again only if the image, its objects or their colors changed. Overlays of images that are gone are removed. Files that
were changed or added by hand are kept. A run that is stopped while it draws continues with the next image.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..datasets.manifest import FOLDER_MANIFEST, Manifest, digest_of, files_in, read_manifest
from ..datasets.safe_names import OutputNames, text_name
from ..errors import PromptSegError
from ..runtime import progress
from ..runtime.files import output_errors, remove_leftovers, write_atomically
from .annotator import READERS, read_ahead
from .drawings import draw_overlay, drawing_key, key_of, overlay_suffix, result_of
from .journal import Journal
from .own_folders import check_own_folder

FOLDER = "overlays"
"""Name of the folder in the output folder."""

_SAVED_EVERY = 50  # Overlays between two writes of the manifest.
_NAMED = 5


@dataclass(frozen=True)
class OverlayReport:
    """Counts of the overlays of a run.

    Attributes:
        path: The folder.
        files: Number of overlays.
        drawn: Number of those that this call drew. The others were there already.
        removed: Number of overlays that were removed, because their images are gone.
        kept: Files that were changed or added by hand and are kept as they are, by their paths in the folder.
        problems: Why images have no overlay.
    """

    path: Path
    files: int
    drawn: int
    removed: int
    kept: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as values that `json` can write."""
        return {
            "path": str(self.path),
            "files": self.files,
            "drawn": self.drawn,
            "removed": self.removed,
            "kept": [text_name(name) for name in self.kept],
            "problems": [text_name(problem) for problem in self.problems],
        }

    def __str__(self) -> str:
        """Return the counts as text."""
        removed = f", {self.removed} removed" if self.removed else ""
        lines = [f"overlays: {self.files} in {text_name(str(self.path))}, {self.drawn} of them drawn now{removed}"]
        for names, what in ((self.kept, "changed by hand and kept"), (self.problems, "without an overlay")):
            if names:
                more = ", …" if len(names) > _NAMED else ""
                lines.append(f"  {len(names)} {what}: {', '.join(map(text_name, names[:_NAMED]))}{more}")
        return "\n".join(lines)


class Overlays:
    """Overlays of the images of a journal.

    Args:
        journal: The journal.
        out: The output folder of the run.
        classes: Classes in the order that decides their colors.
    """

    def __init__(self, journal: Journal, out: Path, classes: Sequence[str]) -> None:
        self._journal, self.path, self._classes = journal, out / FOLDER, classes

    def current(self) -> dict[str, Path]:
        """Return the overlays that show what the journal holds, by image name."""
        if not (self.path / FOLDER_MANIFEST).is_file():
            return {}
        return {record["name"]: self.path / file for record, file, key in self._wanted() if key_of(self.path / file) == key}

    def write(self) -> OverlayReport:
        """Draw the overlays that are missing or show something else, and remove those of images that are gone.

        Raises:
            OutputError: When a file cannot be written, or promptseg did not write what is in the folder.
        """
        check_own_folder(self.path)
        with output_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            place = self.path / FOLDER_MANIFEST
            manifest = read_manifest(place)
            manifest.save(place)
            for folder in {self.path, *(path.parent for _, path in files_in(self.path))}:
                remove_leftovers(folder)
            kept, problems, names, pending = [], [], set(), []
            for record, file, key in self._wanted():
                names.add(file)
                state = self._state(manifest, file, key)
                if state == "kept":
                    kept.append(file)
                elif state == "missing":
                    pending.append((record["name"], file, key))
            drawn = 0
            with (
                progress.counter(stage="draw", total=len(pending), done=0, unit="overlay") as count,
                contextlib.closing(self._draw(pending)) as contents,
            ):
                for name, file, content in contents:
                    if isinstance(content, Exception):
                        problems.append(f"{name}: {content}")
                        names.discard(file)
                    else:
                        self._save(manifest, file, content)
                        drawn += 1
                        if drawn % _SAVED_EVERY == 0:
                            manifest.save(place)
                    count(len(problems))
            removed = self._remove(manifest.files, names, kept)
            manifest.save(place)
        return OverlayReport(self.path, len(names), drawn, removed, tuple(sorted(kept)), tuple(problems))

    def _state(self, manifest: Manifest, file: str, key: str) -> Literal["current", "kept", "missing"]:
        """Return whether an overlay is as it should be, was changed by hand, or is to be drawn."""
        path = self.path / file
        if not (path.is_symlink() or path.is_file()):
            return "missing"
        digest, own = digest_of(path), key_of(path)
        if file not in manifest.files and own == key:
            manifest.files[file] = digest  # It was written just before a run was killed.
        if not manifest.is_ours(file, digest):
            return "kept"
        return "current" if own == key else "missing"

    def _save(self, manifest: Manifest, file: str, content: bytes) -> None:
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as opened:
            opened.write(content)
        manifest.files[file] = digest_of(path)

    def _wanted(self) -> Iterator[tuple[Mapping[str, Any], str, str]]:
        """Yield the record of each annotated image, the path of its overlay in the folder, and the key of the drawing."""
        names = OutputNames([FOLDER_MANIFEST])
        for record in self._journal.records():
            if record["status"] == "done":
                suffix = overlay_suffix(record["size"])
                yield record, names.take(record["name"], [suffix]) + suffix, drawing_key(record, self._classes)

    def _draw(self, pending: Sequence[tuple[str, str, str]]) -> Generator[tuple[str, str, bytes | Exception], None, None]:
        """Yield the name, the path and the content of each overlay, or why it cannot be drawn. Threads draw ahead."""

        def drawn(item: tuple[Mapping[str, Any], str, str]) -> tuple[str, str, bytes | Exception]:
            record, file, key = item
            try:
                return record["name"], file, draw_overlay(result_of(record), self._classes, key)
            except (PromptSegError, OSError, MemoryError) as error:  # This image has no overlay, the others have.
                return record["name"], file, error

        return read_ahead(((self._journal.record(name), file, key) for name, file, key in pending), drawn, READERS, READERS)

    def _remove(self, files: dict[str, str], names: set[str], kept: list[str]) -> int:
        """Remove the overlays of images that are gone from the folder and from the manifest. Return their number."""
        removed = 0
        for file, path in list(files_in(self.path)):
            if file in names or file in kept:
                continue
            if files.get(file) == digest_of(path):
                path.unlink()
                removed += 1
                for parent in path.parents:
                    if parent == self.path or any(parent.iterdir()):
                        break
                    parent.rmdir()
            else:
                kept.append(file)
        for file in [file for file in files if file not in names]:
            del files[file]
        return removed
