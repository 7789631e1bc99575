"""What the writers of all formats share: classes by number, what became of each mask, and folders that appear when they are complete."""

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
"""The class of masks without a label, in formats that ask for one."""

MARKER = ".promptseg"
"""The file in a written folder that says that promptseg wrote it, and so may replace it."""


class Classes:
    """Classes by number: those given first, then others in the order in which they are met.

    Args:
        names: Classes whose order is wanted.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}

    def number(self, label: str | None) -> int:
        """The number of a class, from 0."""
        return self._numbers.setdefault(label or NO_CLASS, len(self._numbers))

    @property
    def names(self) -> list[str]:
        """The classes in the order of their numbers."""
        return list(self._numbers)


class Tally:
    """What became of the masks: counted as they are written, in memory that does not grow with them."""

    def __init__(self) -> None:
        self.images = self.masks = self.changed = self.files = self.ignored = 0
        self.iou_sum, self.iou_min = 0.0, 1.0
        self.lost: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    def wrote(self, given: Mask, written: Mask) -> None:
        """Counts a mask that is in the file as `written`."""
        iou = 1.0 if written == given else given.iou(written)
        self.masks += 1
        self.changed += iou < 1
        self.iou_sum += iou
        self.iou_min = min(self.iou_min, iou)


class Writer(ABC):
    """One format that is being written: images are added one by one, then it is completed.

    Args:
        out: The folder in which its files or its folder stand.
        classes: The classes, to which new ones are added.
        tally: Counts what is written.
    """

    holds_ignored = False
    """Whether the format has a place for regions to ignore."""

    def __init__(self, out: Path, classes: Classes, tally: Tally) -> None:
        self.out, self.classes, self.tally = out, classes, tally

    def add(self, image: AnnotatedImage) -> None:
        """Writes one image's objects; those without a pixel are counted as lost."""
        objects = [each for each in image.objects if each.mask.area]
        self.tally.images += 1
        if empty := len(image.objects) - len(objects):
            self.tally.lost["they have no pixel"] += empty
        if not self.holds_ignored:
            self.tally.ignored += len(image.ignored)
        self.write(image, objects)

    @abstractmethod
    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        """Writes one image with those of its objects that have pixels."""

    @property
    @abstractmethod
    def top(self) -> Path:
        """The file or the folder that is written."""

    @abstractmethod
    def open(self) -> contextlib.AbstractContextManager[Any]:
        """What surrounds all calls of `add`: on leaving it without an exception, the files take their names."""


class FolderWriter(Writer):
    """A format that is a folder of files.

    Attributes:
        folder: The temporary folder to write to.
    """

    folder: Path

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """A new folder, under its name when it is complete."""
        with new_folder(self.top) as self.folder:
            yield
            self.finish()

    def finish(self) -> None:
        """Writes what can be written only when all images are known."""

    def file(self, part: str, name: str, suffix: str) -> Path:
        """Where to write a file about an image: `part` of the folder, at the image's name with another suffix.

        Where a file of that name is there already, because images differ in their suffix alone, it is the whole name with the suffix.
        """
        self.tally.files += 1
        # A name may come from a file of others: it must not lead out of the folder.
        inner = PurePosixPath(*(each for each in PurePosixPath(name).parts if each not in ("..", "/")))
        path = self.folder / part / inner.with_suffix(suffix)
        while path.exists():
            inner = inner.with_name(inner.name + suffix)
            path = self.folder / part / f"{inner}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class FileWriter(Writer):
    """A format that is one file, written in parts that are put together at the end, since what comes first may be known last.

    Attributes:
        body: The part to which images are written.
    """

    body: IO[str]

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """A new file, under its name when it is complete."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.out) as self.body, write_atomically(self.top, text=True) as file:
            yield
            file.write(self.head())
            append(file, self.body)
            self.finish(file)
        self.tally.files += 1

    def head(self) -> str:
        """What is before the images."""
        return ""

    def finish(self, file: IO[str]) -> None:
        """Writes what is after the images."""


def append(file: IO[str], part: IO[str]) -> None:
    """Copies a temporary file to the end of another."""
    part.seek(0)
    shutil.copyfileobj(part, file)


def score_of(mask: Mask) -> float | None:
    """A mask's score as a plain number, or None where it has none or one that is not finite, which no format can hold."""
    return None if mask.score is None or not math.isfinite(mask.score) else float(mask.score)


def as_json(value: object) -> str:
    """One line of JSON, plain ASCII, so that any name survives."""
    return json.dumps(value, separators=(", ", ": "), allow_nan=False)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the name `path` when the block ends without an exception.

    What promptseg wrote there before is replaced as a whole, so that nothing of it stands beside the new files.

    Raises:
        OutputError: There is a folder with files that promptseg did not write.
    """
    if path.exists() and not (path / MARKER).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path} is there, and promptseg did not write it: remove it or write elsewhere")
    with output_errors(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp") as holder:
        # A folder within the temporary one, because that one is private and goes in any case.
        folder = Path(holder) / "new"
        folder.mkdir()
        yield folder
        (folder / MARKER).write_text("promptseg wrote this folder, and replaces it as a whole when it writes it again.\n")
        if path.exists():
            path.rename(Path(holder) / "old")
        folder.rename(path)
