"""Videos as sources: every n-th frame, written as an image file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ...image_files import Unused
from ...runtime.files import output_errors, write_atomically
from ...video.frames import open_frames
from .core import SourceImage

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
    unused: Unused = field(default=Unused(), init=False)

    @property
    def description(self) -> Mapping[str, Any]:
        return {"video": str(self.path.resolve()), "every": self.every}

    def __iter__(self) -> Iterator[SourceImage]:
        complete = self.folder / ".complete"
        if not complete.is_file():
            with output_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._write()
                complete.touch()
        for path in sorted(self.folder.glob("*.jpg")):
            yield SourceImage(path.name, path, group=self.path.name)

    def _write(self) -> None:
        """Write the image files that do not exist yet."""
        for frame in open_frames(self.path, every=self.every).read():
            path = self.folder / f"{self.path.stem}-{frame.index * self.every:08}.jpg"
            if not path.is_file():
                with write_atomically(path) as file:
                    Image.fromarray(frame.image).save(file, "JPEG", quality=95)
