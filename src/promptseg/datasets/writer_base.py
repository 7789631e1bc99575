"""Base classes of the writers of all formats: counting of masks, text of labels, and files and folders that are written at once."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ..masks import Mask
from .class_numbers import NO_CLASS, Classes
from .core import AnnotatedImage, AnnotatedObject
from .manifest import FOLDER_MANIFEST
from .output_file import check_file, file_state, new_file
from .output_folder import check_folder, folder_changes, new_folder
from .safe_names import OutputNames, text_label, text_name, without_suffix

__all__ = ["NO_CLASS", "Classes", "FileWriter", "FolderWriter", "SingleFileWriter", "WriteStats", "Writer", "append", "as_json", "score_of"]


class WriteStats:
    """Statistics of writing: running counts of the written masks and images. Memory does not grow with their number."""

    def __init__(self) -> None:
        self.images = self.masks = self.changed = self.files = self.ignored = self.scores = self.attributes = 0
        self.iou_sum, self.iou_min = 0.0, 1.0
        self.lost: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.examples: dict[tuple[str, str], tuple[int, str]] = {}
        self.kept: list[str] = []

    def wrote(self, given: Mask, written: Mask) -> None:
        """Count a mask `given` that the file holds as `written`."""
        iou = 1.0 if written == given else given.iou(written)
        self.masks += 1
        self.changed += iou < 1
        self.iou_sum += iou
        self.iou_min = min(self.iou_min, iou)

    def changed_text(self, what: tuple[str, str], before: str, after: str) -> None:
        """Count a name or label that is not written as it is. The first of its kind is the example in the report."""
        count, example = self.examples.get(what, (0, f"{text_name(before)!r} is {after!r}"))
        self.examples[what] = count + 1, example

    def label_text(self, label: str | None) -> str | None:
        """Return a label as text that every format can hold, and count it if it is not written as it is."""
        if label is None or (text := text_label(label)) == label:
            return label
        self.changed_text(_LABELS, label, text)
        return text


class Writer(ABC):
    """Writer of one format. Images are added one by one.

    Args:
        out: Output folder, in which the writer creates its file or folder.
        classes: Numbering of the classes. New classes are added to it.
        stats: Statistics of the written masks.

    Attributes:
        taken_in: Whether the changes of files that were changed by hand were taken in elsewhere.
    """

    holds_ignored = False
    """Whether the format can hold regions to ignore."""

    holds_scores = True
    """Whether the format can hold the scores of objects."""

    holds_attributes = False
    """Whether the format can hold the attributes of objects."""

    other_attributes: frozenset[str] = frozenset()
    """Names of attributes that mean something else in the format, and are not in the files."""

    taken_in = False

    def __init__(self, out: Path, classes: Classes, stats: WriteStats) -> None:
        self.out, self.classes, self.stats = out, classes, stats

    def add(self, image: AnnotatedImage) -> None:
        """Write the objects of one image. Empty masks are counted as lost."""
        objects = [self._object(each) for each in image.objects if each.mask.area]
        self.stats.images += 1
        if empty := len(image.objects) - len(objects):
            self.stats.lost["they have no pixels"] += empty
        if not self.holds_ignored:
            self.stats.ignored += len(image.ignored)
        if not self.holds_scores:
            self.stats.scores += sum(score_of(each.mask) is not None for each in objects)
        if (text := text_name(image.name)) != image.name:
            self.stats.changed_text(_NAMES, image.name, text)
        self.write(replace(image, ignored=tuple(map(self._with_text, image.ignored))), objects)

    def _object(self, each: AnnotatedObject) -> AnnotatedObject:
        """Return an object as the format can hold it: with its attributes or without, and with text that every format can hold."""
        held = {name: value for name, value in each.attributes.items() if self.holds_attributes and name not in self.other_attributes}
        self.stats.attributes += len(each.attributes) - len(held)
        attributes = {self._attribute_text(name): self._attribute_text(value) for name, value in held.items()}
        return replace(each, mask=self._with_text(each.mask), attributes=attributes)

    def _attribute_text(self, given: str) -> str:
        if (text := text_label(given)) != given:
            self.stats.changed_text(_ATTRIBUTES, given, text)
        return text

    def _with_text(self, mask: Mask) -> Mask:
        """Return a mask whose label is text that every format can hold."""
        label = self.stats.label_text(mask.label)
        return mask if label == mask.label else replace(mask, label=label)

    @abstractmethod
    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        """Write one image with `objects`, those of its objects that have pixels."""

    @property
    @abstractmethod
    def output_path(self) -> Path:
        """The file or folder that the writer creates."""

    @abstractmethod
    def check(self) -> None:
        """Check that the file or folder may be written.

        Raises:
            OutputError: When promptseg did not write what is there.
            MissingDependencyError: When a required package is not installed.
        """

    @abstractmethod
    def changes(self) -> tuple[str, ...]:
        """Return the files that were changed by hand, which would be kept."""

    @abstractmethod
    def open(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context manager around all calls of `add`. The files get their final names when it ends without an exception."""


class FolderWriter(Writer):
    """Writer of a format that is a folder of files.

    Attributes:
        folder: The temporary folder to write to.
        taken: Names in the folder that no file of an image may have.
    """

    folder: Path
    taken: tuple[str, ...] = ()

    def check(self) -> None:
        check_folder(self.output_path)

    def changes(self) -> tuple[str, ...]:
        return folder_changes(self.output_path)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the folder. It gets its final name when it is complete."""
        self._names = OutputNames((FOLDER_MANIFEST, *self.taken))
        with new_folder(self.output_path, self.stats.kept, taken_in=self.taken_in) as self.folder:
            yield
            self.finish()

    def finish(self) -> None:
        """Write the files that depend on all images."""

    def path_for(self, name: str, *endings: str, whole: bool = False) -> str:
        """Return the path of an image's files, without their endings. It differs from the image's name where that does not fit.

        Args:
            name: The image's name.
            endings: The endings of the files.
            whole: Whether the path has the suffix of the name.
        """
        path = self._names.take(name, endings, whole=whole)
        if path != (name if whole else without_suffix(name)):
            self.stats.changed_text(_FILES, name, path + endings[0])
        return path

    def file(self, path: str) -> Path:
        """Return the place of a file in the temporary folder, count it, and create its folder."""
        self.stats.files += 1
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


class SingleFileWriter(Writer):
    """Writer of a format that is one file, perhaps with another beside it."""

    @property
    def beside(self) -> tuple[Path, ...]:
        """Further files that the writer creates."""
        return ()

    def check(self) -> None:
        for path in (self.output_path, *self.beside):
            check_file(path)

    def changes(self) -> tuple[str, ...]:
        return tuple(path.name for path in (self.output_path, *self.beside) if file_state(path) in ("changed", "foreign"))

    @contextlib.contextmanager
    def new_file(self, path: Path, *, text: bool = False) -> Iterator[IO[Any]]:
        """Open a file that replaces the one at `path` when the block ends, and count it."""
        with new_file(path, self.stats.kept, text=text, taken_in=self.taken_in) as file:
            yield file
        self.stats.files += path.name not in self.stats.kept


class FileWriter(SingleFileWriter):
    """Writer of a text file. Its head may depend on all images, so the parts are joined at the end.

    Attributes:
        body: Temporary file for the part about the images.
    """

    body: IO[str]

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the file. It gets its final name when it is complete."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.out) as self.body, self.new_file(self.output_path, text=True) as file:
            yield
            file.write(self.head())
            self.copy_body(file)
            self.finish(file)

    def head(self) -> str:
        """Return the text before the images."""
        return ""

    def copy_body(self, file: IO[str]) -> None:
        """Write the part about the images."""
        append(file, self.body)

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


# What is counted, for one and for several.
_NAMES = ("name of an image that is not text stands in the files as text", "names of images that are not text stand in the files as text")
_LABELS = ("label has characters that files cannot hold", "labels have characters that files cannot hold")
_ATTRIBUTES = ("attribute has characters that files cannot hold", "attributes have characters that files cannot hold")
_FILES = ("image has files of another name", "images have files of another name")
