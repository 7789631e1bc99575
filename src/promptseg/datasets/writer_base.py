"""Base classes of the writers of all formats: numbering of classes, counting of masks, and atomic files and folders."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..errors import OutputError
from ..masks import Mask
from ..runtime.files import output_errors, write_atomically
from .core import AnnotatedImage, AnnotatedObject

NO_CLASS = "object"
"""Class of masks without a label, in formats that require one."""

MARKER = ".promptseg"
"""File in a written folder. It marks the folder as written by promptseg, which may therefore replace it."""


class Classes:
    """Numbering of classes: the given ones first, then others in the order of their first appearance.

    Args:
        names: Classes in the order of their numbers.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}

    def number(self, label: str | None) -> int:
        """Return the number of a class, from 0, adding the class when it is new."""
        return self._numbers.setdefault(label or NO_CLASS, len(self._numbers))

    @property
    def names(self) -> list[str]:
        """Class names in the order of their numbers."""
        return list(self._numbers)


class WriteStats:
    """Statistics of writing: running counts of the written masks and images. Memory does not grow with their number."""

    def __init__(self) -> None:
        self.images = self.masks = self.changed = self.files = self.ignored = 0
        self.iou_sum, self.iou_min = 0.0, 1.0
        self.lost: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    def wrote(self, given: Mask, written: Mask) -> None:
        """Count a mask `given` that the file holds as `written`."""
        iou = 1.0 if written == given else given.iou(written)
        self.masks += 1
        self.changed += iou < 1
        self.iou_sum += iou
        self.iou_min = min(self.iou_min, iou)


class Writer(ABC):
    """Writer of one format. Images are added one by one.

    Args:
        out: Output folder, in which the writer creates its file or folder.
        classes: Numbering of the classes. New classes are added to it.
        stats: Statistics of the written masks.
    """

    holds_ignored = False
    """Whether the format can hold regions to ignore."""

    def __init__(self, out: Path, classes: Classes, stats: WriteStats) -> None:
        self.out, self.classes, self.stats = out, classes, stats

    def add(self, image: AnnotatedImage) -> None:
        """Write the objects of one image. Empty masks are counted as lost."""
        objects = [each for each in image.objects if each.mask.area]
        self.stats.images += 1
        if empty := len(image.objects) - len(objects):
            self.stats.lost["they have no pixels"] += empty
        if not self.holds_ignored:
            self.stats.ignored += len(image.ignored)
        self.write(image, objects)

    @abstractmethod
    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        """Write one image with `objects`, those of its objects that have pixels."""

    @property
    @abstractmethod
    def output_path(self) -> Path:
        """The file or folder that the writer creates."""

    @abstractmethod
    def open(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context manager around all calls of `add`. The files get their final names when it ends without an exception."""


class FolderWriter(Writer):
    """Writer of a format that is a folder of files.

    Attributes:
        folder: The temporary folder to write to.
    """

    folder: Path

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the folder. It gets its final name when it is complete."""
        with new_folder(self.output_path) as self.folder:
            yield
            self.finish()

    def finish(self) -> None:
        """Write the files that depend on all images."""

    def file(self, part: str, name: str, suffix: str) -> Path:
        """Return the path of a file about an image: in subfolder `part`, with the image's name and another suffix.

        When another image differs in its suffix alone, the suffix is appended to the whole name of the image.
        """
        self.stats.files += 1
        # A name may come from an untrusted file: it must not lead out of the folder.
        inner = PurePosixPath(*(each for each in PurePosixPath(name).parts if each not in ("..", "/")))
        path = self.folder / part / inner.with_suffix(suffix)
        while path.exists():
            inner = inner.with_name(inner.name + suffix)
            path = self.folder / part / f"{inner}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class FileWriter(Writer):
    """Writer of a format that is one file. Its head may depend on all images, so the parts are joined at the end.

    Attributes:
        body: Temporary file for the part about the images.
    """

    body: IO[str]

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the file. It gets its final name when it is complete."""
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.out) as self.body,
            write_atomically(self.output_path, text=True) as file,
        ):
            yield
            file.write(self.head())
            append(file, self.body)
            self.finish(file)
        self.stats.files += 1

    def head(self) -> str:
        """Return the text before the images."""
        return ""

    def finish(self, file: IO[str]) -> None:
        """Write the text after the images."""


def append(file: IO[str], part: IO[str]) -> None:
    """Append the content of a temporary file to another file."""
    part.seek(0)
    shutil.copyfileobj(part, file)


def score_of(mask: Mask) -> float | None:
    """Return a mask's score as a float, or None when it has no finite score. No format can hold NaN or infinity."""
    return None if mask.score is None or not math.isfinite(mask.score) else float(mask.score)


def as_json(value: object) -> str:
    """Return a value as one line of JSON in ASCII, which any encoding can hold."""
    return json.dumps(value, separators=(", ", ": "), allow_nan=False)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a temporary folder that gets the name `path` when the block ends without an exception.

    A folder that promptseg wrote there before is replaced as a whole, so no old files remain.

    Raises:
        OutputError: When `path` holds files that promptseg did not write.
    """
    if path.exists() and not (path / MARKER).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path} exists, and promptseg did not write it: remove it, or write to another folder")
    with output_errors(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp") as holder:
        # A folder inside the temporary one, which has private permissions and is deleted in any case.
        folder = Path(holder) / "new"
        folder.mkdir()
        yield folder
        (folder / MARKER).write_text("promptseg wrote this folder, and replaces it as a whole when it writes it again.\n")
        if path.exists():
            path.rename(Path(holder) / "old")
        folder.rename(path)
