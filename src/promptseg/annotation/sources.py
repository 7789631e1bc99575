"""Sources of images to annotate: a folder, a pattern, a list, a table, a COCO file with boxes, a video, or Python values.

A source yields `SourceImage` objects in the same order each time. Their names are unique: files with the same name in two folders stay two
images. A source is listed when it is opened, so that a file that is removed later is reported. Of a folder, memory holds only the names.
"""

from __future__ import annotations

import csv
import glob
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Union

from PIL import Image

from ..errors import ConfigError, InputError, MissingDependencyError, PromptError
from ..images import IMAGE_SUFFIXES
from ..prompts import Prompt, SpatialPrompt
from ..runtime.files import output_errors, write_atomically
from ..runtime.structured import read_json
from ..video.frames import open_frames

SourceItem = Union[str, "os.PathLike[str]", "tuple[str | os.PathLike[str], Prompt | Sequence[Prompt]]"]
"""Image in a Python source: a path, or a pair ``(path, prompts)`` with prompts for this image alone."""

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
"""File suffixes of videos."""


@dataclass(frozen=True)
class SourceImage:
    """Image to annotate, with its prompts.

    Attributes:
        name: Path within the source, with ``/`` between the parts; unique in the source.
        path: Path of the file.
        prompts: Prompts for this image alone. None means the prompts of the run; an empty tuple means that there is nothing to segment.
        labels: Label of the object that each of `prompts` is for, or None where it is unknown.
        problem: Reason why its prompts cannot be used, or None.
        group: Group of images that are not independent of one another, such as the frames of one video; empty for none.
    """

    name: str
    path: Path
    prompts: tuple[Prompt, ...] | None = None
    labels: tuple[str | None, ...] = ()
    problem: str | None = None
    group: str = ""


class Source(Protocol):
    """Images that can be iterated more than once."""

    @property
    def description(self) -> Mapping[str, Any]:
        """Identity of the source as JSON values. A run can only be resumed with the source that it was started with."""
        ...

    @property
    def has_prompts(self) -> bool:
        """Whether images may have prompts of their own."""
        ...

    def __iter__(self) -> Iterator[SourceImage]:
        """Return the images, in the same order each time."""
        ...


@dataclass(frozen=True)
class NamedImages:
    """Images of a folder, of which only the names are in memory.

    Attributes:
        description: Identity of the source as JSON values.
        root: The folder.
        names: Paths of the images within the folder, in order.
    """

    description: Mapping[str, Any]
    root: Path
    names: tuple[str, ...] = field(repr=False)
    has_prompts: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[SourceImage]:
        return (SourceImage(name, self.root / name) for name in self.names)


@dataclass(frozen=True)
class ListedImages:
    """List of images, which may have prompts of their own.

    Attributes:
        description: Identity of the source as JSON values.
        images: The images.
        has_prompts: Whether images may have prompts of their own.
    """

    description: Mapping[str, Any]
    images: tuple[SourceImage, ...] = field(repr=False)
    has_prompts: bool = False

    def __iter__(self) -> Iterator[SourceImage]:
        return iter(self.images)


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


def open_source(
    source: str | os.PathLike[str] | Iterable[SourceItem],
    images: str | os.PathLike[str] | None = None,
    out: Path | None = None,
    every: int | None = None,
) -> Source:
    """Return the images of a source.

    A source is one of these: a folder; a pattern such as ``images/*.jpg``; one image; a video; a list of paths, ``.txt``, one a line; a
    table of images and prompts, ``.csv`` or ``.parquet`` (`read_table` lists its columns); a COCO file with boxes, ``.json``; or an
    iterable of paths and pairs ``(path, prompts)``.

    Args:
        source: The source.
        images: Folder to which paths in a list, table or COCO file are relative; by default the folder of that file.
        out: Output folder of the run. Images in it do not belong to the source. The frames of a video are written to it.
        every: Take every n-th frame of a video.

    Raises:
        ConfigError: When `every` is missing for a video, or given for another source.
        InputError: When the source does not exist, cannot be read, or has no image.
    """
    if (video := _video(source)) is not None:
        if out is None or every is None or every < 1:
            raise ConfigError(
                f"{video} is a video, which needs the distance of the frames to annotate, such as every=30; got every={every}"
            )
        return VideoImages(video, every, out / "frames")
    if every is not None:
        raise ConfigError(f"every is for a video, and {source} is not a video: leave it out")
    opened = _open(source, images, out)
    if next(iter(opened), None) is None:
        raise InputError(f"there is no image in {source}")
    return opened


def _video(source: object) -> Path | None:
    """Return the path of the video, or None if the source is not a video."""
    if not isinstance(source, (str, os.PathLike)) or Path(source).suffix.lower() not in VIDEO_SUFFIXES or not Path(source).is_file():
        return None
    return Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow links.


def _open(source: Any, images: str | os.PathLike[str] | None, without: Path | None) -> Source:
    if not isinstance(source, (str, os.PathLike)):
        return _of_values(source)
    path = Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    if path.is_dir():
        left_out = None if without is None else without.resolve()
        return NamedImages({"folder": str(path.resolve())}, path, tuple(_files_of(path, "", left_out)))
    if not path.exists():
        if glob.has_magic(str(path)):
            return _of_pattern(path, without)
        raise InputError(f"there is no {source}: a source is a folder, a pattern, an image, or a list, table or COCO file of images")
    root = Path(images) if images is not None else path.parent
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return ListedImages({"image": str(path.resolve())}, (SourceImage(path.name, path),))
    if suffix == ".txt":
        return _of_list(path, root)
    if suffix == ".json":
        return read_coco_boxes(path, root)
    if suffix in (".csv", ".parquet"):
        return read_table(path, root)
    raise InputError(
        f"{path} is not a source of images: expected a folder, a pattern, an image, or a .txt, .csv, .parquet or .json file of images"
    )


def read_coco_boxes(file: Path, root: Path) -> ListedImages:
    """Read the images of a COCO file, with the boxes of their annotations as prompts.

    The label of a box is its category. Crowd annotations are left out. For an image without boxes there is nothing to segment.

    Args:
        file: The COCO file.
        root: Folder to which the file names are relative.

    Raises:
        InputError: When the file is not a COCO file with boxes.
    """
    content = read_json(file)
    try:
        labels = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        boxes: dict[Any, list[tuple[Any, str | None]]] = defaultdict(list)
        for annotation in content.get("annotations", []):
            if not annotation.get("iscrowd"):
                x, y, width, height = annotation["bbox"]
                category = annotation.get("category_id")
                label = labels.get(category, None if category is None else str(category))
                boxes[annotation["image_id"]].append(((x, y, x + width, y + height), label))
        images = []
        for image in content["images"]:
            own = boxes.get(image["id"], [])
            name, path = _place(str(image["file_name"]), root)
            images.append(_with_prompts(name, path, [({"box": box}, label) for box, label in own]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file} is not a COCO file with boxes: it needs images, and annotations with image_id and bbox ({error!r})"
        ) from error
    return ListedImages({"coco": str(file.resolve()), "images": str(root.resolve())}, _distinct(images, file), has_prompts=True)


def read_table(file: Path, root: Path) -> ListedImages:
    """Read the images of a table, with the prompts of their rows.

    Columns:

    - ``image``: path of the image.
    - ``x0``, ``y0``, ``x1``, ``y1``: a box, in pixels.
    - ``x``, ``y``, ``foreground``: a point, in pixels; it is on the object unless ``foreground`` is 0.
    - ``text``: phrases, separated by commas.
    - ``label``: label of the object that the box or point is for.
    - ``object``: rows of an image that share this value are prompts of one object. Without it, each row is an object of its own.

    An image whose rows have no prompt gets the prompts of the run.

    Args:
        file: The table, ``.csv`` or ``.parquet``.
        root: Folder to which the paths are relative.

    Raises:
        InputError: When the table cannot be read or has no column ``image``.
        MissingDependencyError: When the file is Parquet and pyarrow is not installed.
    """
    by_image: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    prompted = False
    for number, row in enumerate(_rows(file), 1):
        if not row.get("image"):
            raise InputError(f"row {number} of {file} has no image: expected a column image, got {', '.join(map(str, row)) or 'nothing'}")
        by_image[str(row["image"])].append(row)
        prompted = prompted or any(row.get(column) not in (None, "") for column in ("x0", "x", "text"))
    images = []
    for name, rows in by_image.items():
        objects: dict[Any, dict[str, Any]] = {}
        try:
            for number, row in enumerate(rows):
                _add_row(objects, number, row)
        except (KeyError, ValueError) as error:
            images.append(SourceImage(*_place(name, root), problem=f"its rows cannot be used: {error}"))
            continue
        asked = [(parts, parts.pop("label", None)) for parts in objects.values()]
        asked = [(parts, label) for parts, label in asked if parts]
        images.append(_with_prompts(*_place(name, root), asked) if asked else SourceImage(*_place(name, root)))
    description = {"table": str(file.resolve()), "images": str(root.resolve())}
    return ListedImages(description, _distinct(images, file), has_prompts=prompted)


def _add_row(objects: dict[Any, dict[str, Any]], number: int, row: Mapping[str, Any]) -> None:
    """Add the prompts of a row to its object."""
    given = {name: value for name, value in row.items() if value is not None and str(value) not in ("", "nan")}
    parts = objects.setdefault(("object", given["object"]) if "object" in given else number, {})
    if corners := [name for name in ("x0", "y0", "x1", "y1") if name in given]:
        if len(corners) < 4:
            raise ValueError(f"a box needs x0, y0, x1 and y1, got only {', '.join(corners)}")
        if "box" in parts:
            raise ValueError(f"object {given['object']} has two boxes")
        parts["box"] = tuple(float(given[name]) for name in corners)
    if ("x" in given) != ("y" in given):
        raise ValueError("a point needs x and y")
    if "x" in given:
        parts.setdefault("points", []).append((float(given["x"]), float(given["y"]), bool(float(given.get("foreground", 1)))))
    if "text" in given:
        parts["text"] = str(given["text"])
    if "label" in given:
        parts["label"] = str(given["label"])


def _with_prompts(name: str, path: Path, asked: Sequence[tuple[Mapping[str, Any], str | None]]) -> SourceImage:
    """Return an image with the prompts of its objects. An invalid prompt becomes the `problem` of the image."""
    prompts: list[Prompt] = []
    labels: list[str | None] = []
    try:
        for parts, label in asked:
            prompt = SpatialPrompt()
            if "box" in parts:
                prompt += Prompt.box(*parts["box"])
            for x, y, on in parts.get("points", ()):
                prompt += Prompt.point(x, y, on)
            if prompt.kinds:
                prompts.append(prompt)
                labels.append(label)
            if "text" in parts:
                prompts.append(Prompt.text(*parts["text"].split(",")))
                labels.append(None)
    except PromptError as error:
        return SourceImage(name, path, problem=str(error))
    return SourceImage(name, path, tuple(prompts), tuple(labels))


def _of_values(values: Iterable[SourceItem]) -> ListedImages:
    images, prompted = [], False
    here = Path.cwd()
    for value in values:
        if isinstance(value, tuple):
            path, own = value
            prompts = (own,) if isinstance(own, Prompt) else tuple(own)
            images.append(SourceImage(*_place(os.fspath(path), here), prompts, (None,) * len(prompts)))
            prompted = True
        elif isinstance(value, (str, os.PathLike)):
            images.append(SourceImage(*_place(os.fspath(value), here)))
        else:
            raise InputError(f"expected an image to annotate as a path or a pair (path, prompts), got {type(value).__name__}")
    return ListedImages({"values": str(here)}, _distinct(images, "the images given"), prompted)


def _of_pattern(pattern: Path, without: Path | None) -> NamedImages:
    fixed = Path(*_until_magic(pattern.parts))
    left_out = None if without is None else without.resolve()
    names = [
        path.relative_to(fixed).as_posix()
        for path in fixed.glob(str(pattern.relative_to(fixed)))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not (left_out and path.resolve().is_relative_to(left_out))
    ]
    shown = (name for name in names if not any(part.startswith(".") for part in name.split("/")))
    return NamedImages({"pattern": str(pattern)}, fixed, tuple(sorted(shown)))


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _of_list(file: Path, root: Path) -> ListedImages:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the list {file}: {error}") from error
    images = [SourceImage(*_place(line.strip(), root)) for line in lines if line.strip() and not line.startswith("#")]
    return ListedImages({"list": str(file.resolve()), "images": str(root.resolve())}, _distinct(images, file))


def _place(named: str, root: Path) -> tuple[str, Path]:
    """Return the name and the absolute path of an image. The name is relative to `root`; outside of `root` it is the whole path."""
    base = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    path = Path(os.path.abspath(base / named))  # noqa: PTH100
    try:
        return path.relative_to(base).as_posix(), path
    except ValueError:
        return path.relative_to(path.anchor).as_posix(), path


def _distinct(images: Iterable[SourceImage], origin: object) -> tuple[SourceImage, ...]:
    """Return the images without repetitions.

    Raises:
        InputError: When two files have the same name.
    """
    by_name: dict[str, SourceImage] = {}
    for image in images:
        other = by_name.setdefault(image.name, image)
        if other.path != image.path:
            raise InputError(f"{origin} has two images that would have the name {image.name!r}: {other.path} and {image.path}")
    return tuple(by_name.values())


def _files_of(folder: Path, prefix: str, without: Path | None) -> Iterator[str]:
    """Yield the names of the images under a folder, sorted by their whole names."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""), entry.path) for entry in found)
    except OSError as error:
        raise InputError(f"cannot list {folder}: {error.strerror or error}") from error
    for name, path in entries:
        if name.startswith("."):
            continue
        if name.endswith("/"):
            if without is None or Path(path).resolve() != without:
                yield from _files_of(Path(path), prefix + name, without)
        elif Path(name).suffix.lower() in IMAGE_SUFFIXES and Path(path).is_file():
            yield prefix + name


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if file.suffix.lower() == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                yield from csv.DictReader(opened, skipinitialspace=True)
            return
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise MissingDependencyError(f"reading {file} needs pyarrow: pip install 'promptseg[parquet]'") from error
        for batch in parquet.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    except (OSError, ValueError, csv.Error) as error:
        raise error if isinstance(error, InputError) else InputError(f"cannot read the table {file}: {error}") from error
