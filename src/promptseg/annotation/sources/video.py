"""Videos as sources: every n-th frame, written as an image file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ...datasets.core import Category
from ...errors import InputError
from ...image_files import Unused
from ...runtime.files import output_errors, write_atomically
from ...video.frames import open_frames
from ..content import sha256_of
from ..own_folders import check_own_folder, mark_folder
from .core import SourceImage

STATE = ".video.json"
"""File beside the frames that names the video that they are of."""

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
"""File suffixes of videos."""


@dataclass(frozen=True)
class VideoImages:
    """Every n-th frame of a video, as image files. The first iteration writes the files.

    Attributes:
        path: The video.
        every: Distance of the frames: 1 takes every frame, 30 every 30th.
        folder: Folder for the image files.
    """

    path: Path
    every: int
    folder: Path
    has_prompts: bool = field(default=False, init=False)
    categories: tuple[Category, ...] = field(default=(), init=False)
    dropped: tuple[str, ...] = field(default=(), init=False)
    unused: Unused = field(default=Unused(), init=False)

    @property
    def description(self) -> Mapping[str, Any]:
        """Identity of the video, with the SHA-256 of its content."""
        return {"video": str(self.path.resolve()), "every": self.every, "sha256": self._state()["sha256"]}

    def __iter__(self) -> Iterator[SourceImage]:
        state, known, frames = self._state(), self._written(), sorted(self.folder.glob("*.jpg"))
        if known is None or any(known.get(key) != state[key] for key in state) or known.get("frames") != len(frames):
            check_own_folder(self.folder)
            with output_errors(self.folder):
                if known is None or any(known.get(key) != state[key] for key in ("sha256", "every")):
                    for path in frames:  # Of another video, or of another distance.
                        path.unlink()
                self._write(state)
            frames = sorted(self.folder.glob("*.jpg"))
        for path in frames:
            yield SourceImage(path.name, path, group=self.path.name)

    def _state(self) -> dict[str, Any]:
        """Return size, time and SHA-256 of the video. A file of known size and time is not read."""
        try:
            found = self.path.stat()
            state = {"every": self.every, "bytes": found.st_size, "mtime_ns": found.st_mtime_ns}
            known = self._written() or {}
            if known.get("bytes") == found.st_size and known.get("mtime_ns") == found.st_mtime_ns and isinstance(known.get("sha256"), str):
                return {**state, "sha256": known["sha256"]}
            return {**state, "sha256": sha256_of(self.path)}
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error

    def _written(self) -> dict[str, Any] | None:
        """Return the state of the video that the frames in the folder are of, or None when there are none."""
        try:
            content = json.loads((self.folder / STATE).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    def _write(self, state: Mapping[str, Any]) -> None:
        """Write the image files that do not exist yet."""
        mark_folder(self.folder)
        self._save(state)
        for frame in open_frames(self.path, every=self.every).read():
            path = self.folder / f"{self.path.stem}-{frame.index * self.every:08}.jpg"
            if not path.is_file():
                with write_atomically(path) as file:
                    Image.fromarray(frame.image).save(file, "JPEG", quality=95)
        self._save({**state, "frames": len(list(self.folder.glob("*.jpg")))})

    def _save(self, state: Mapping[str, Any]) -> None:
        with write_atomically(self.folder / STATE, text=True) as file:
            json.dump(state, file)
