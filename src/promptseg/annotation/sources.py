"""Where the photos come from: a folder, a pattern, a list, a table, a COCO file with boxes, or Python values.

Every source gives `Photo`s in the same order each time, with names that tell them apart: photos of one name in two folders stay two photos.
A source is listed when it is opened, so that a photo that vanishes later is missed; of a folder, the names alone are kept.
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

from ..datasets.core import read_json
from ..errors import ConfigError, InputError, MissingDependencyError, PromptError
from ..images import IMAGE_SUFFIXES
from ..prompts import Prompt, SpatialPrompt
from ..runtime.files import output_errors, write_atomically
from ..video.frames import open_frames

PhotoLike = Union[str, "os.PathLike[str]", "tuple[str | os.PathLike[str], Prompt | Sequence[Prompt]]"]
"""A photo in Python: its path, or its path with prompts of its own."""

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
"""What files count as videos."""


@dataclass(frozen=True)
class Photo:
    """One photo to annotate.

    Attributes:
        name: Its path within the source, with ``/`` between the parts: unique in its source.
        path: Its file.
        prompts: Prompts of its own; None for those of the run, empty where nothing is to be asked of it.
        labels: What each of its own prompts asks for, where that is known.
        problem: Why its prompts cannot be used, or None.
        group: What it shares with photos that are not independent of it: its video, for a frame.
    """

    name: str
    path: Path
    prompts: tuple[Prompt, ...] | None = None
    labels: tuple[str | None, ...] = ()
    problem: str | None = None
    group: str = ""


class Source(Protocol):
    """Photos that can be gone through more than once."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What tells this source from another, as plain values: a run goes on only with the source that it began with."""
        ...

    @property
    def has_prompts(self) -> bool:
        """Whether the photos may bring prompts of their own."""
        ...

    def __iter__(self) -> Iterator[Photo]:
        """The photos, in the same order each time."""
        ...


@dataclass(frozen=True)
class Named:
    """Photos of a folder, by their names alone: what is kept of each is its name.

    Attributes:
        description: As in `Source`.
        root: The folder.
        names: The names, in their order.
    """

    description: Mapping[str, Any]
    root: Path
    names: tuple[str, ...] = field(repr=False)
    has_prompts: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[Photo]:
        return (Photo(name, self.root / name) for name in self.names)


@dataclass(frozen=True)
class Listed:
    """Photos that are known one by one.

    Attributes:
        description: As in `Source`.
        photos: The photos.
        has_prompts: As in `Source`.
    """

    description: Mapping[str, Any]
    photos: tuple[Photo, ...] = field(repr=False)
    has_prompts: bool = False

    def __iter__(self) -> Iterator[Photo]:
        return iter(self.photos)


@dataclass(frozen=True)
class Video:
    """Every n-th frame of a video, as pictures that are written when the frames are first gone through: a dataset is of pictures.

    Attributes:
        path: The video.
        every: n.
        folder: Where the pictures go.
    """

    path: Path
    every: int
    folder: Path
    has_prompts: bool = field(default=False, init=False)

    @property
    def description(self) -> Mapping[str, Any]:
        return {"video": str(self.path.resolve()), "every": self.every}

    def __iter__(self) -> Iterator[Photo]:
        complete = self.folder / ".complete"
        if not complete.is_file():
            with output_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._write()
                complete.touch()
        for path in sorted(self.folder.glob("*.jpg")):
            yield Photo(path.name, path, group=self.path.name)

    def _write(self) -> None:
        """Writes the frames that are not there yet."""
        for frame in open_frames(self.path, every=self.every).read():
            path = self.folder / f"{self.path.stem}-{frame.index * self.every:08}.jpg"
            if not path.is_file():
                with write_atomically(path) as file:
                    Image.fromarray(frame.image).save(file, "JPEG", quality=95)


def open_source(
    source: str | os.PathLike[str] | Iterable[PhotoLike],
    images: str | os.PathLike[str] | None = None,
    out: Path | None = None,
    every: int | None = None,
) -> Source:
    """The photos that a source names.

    A source is a folder; a pattern such as ``photos/*.jpg``; one image; a video; a list, ``.txt``, a path a line; a table of images and
    prompts, ``.csv`` or ``.parquet``, see `read_table`; a COCO file with boxes, ``.json``; or an iterable of paths and of pairs
    ``(path, prompts)``.

    Args:
        source: The source.
        images: Folder that the paths in a list, table or COCO file start from; by default that of the file.
        out: Folder of the results, which is not looked into, and to which the frames of a video are written.
        every: Take every n-th frame of a video.

    Raises:
        ConfigError: `every` is given for something else than a video, or is absent for one.
        InputError: There is no such source, it cannot be read, or it has no image.
    """
    if (video := _video(source)) is not None:
        if out is None or every is None or every < 1:
            raise ConfigError(f"{video} is a video: say how many frames it is from one picture to the next, such as every=30; got {every}")
        return Video(video, every, out / "frames")
    if every is not None:
        raise ConfigError(f"every is for a video, and {source} is none")
    found = _open(source, images, out)
    if next(iter(found), None) is None:
        raise InputError(f"there is no image in {source}")
    return found


def _video(source: object) -> Path | None:
    """The video that a source is, or None."""
    if not isinstance(source, (str, os.PathLike)) or Path(source).suffix.lower() not in VIDEO_SUFFIXES or not Path(source).is_file():
        return None
    return Path(os.path.abspath(source))  # noqa: PTH100 - As for photos.


def _open(source: Any, images: str | os.PathLike[str] | None, without: Path | None) -> Source:
    if not isinstance(source, (str, os.PathLike)):
        return _of_values(source)
    path = Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    if path.is_dir():
        left_out = None if without is None else without.resolve()
        return Named({"folder": str(path.resolve())}, path, tuple(_files_of(path, "", left_out)))
    if not path.exists():
        if glob.has_magic(str(path)):
            return _of_pattern(path, without)
        raise InputError(f"there is no {source}: a source is a folder, a pattern, an image, or a list, table or COCO file of images")
    root = Path(images) if images is not None else path.parent
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return Listed({"image": str(path.resolve())}, (Photo(path.name, path),))
    if suffix == ".txt":
        return _of_list(path, root)
    if suffix == ".json":
        return read_coco_boxes(path, root)
    if suffix in (".csv", ".parquet"):
        return read_table(path, root)
    raise InputError(
        f"{path} is no source: expected a folder, a pattern, an image, or a file .txt, .csv, .parquet or .json that names images"
    )


def read_coco_boxes(file: Path, images: Path) -> Listed:
    """The images of a COCO file, prompted with the boxes of their annotations, each labeled with its category; crowds are left out.

    An image without boxes is asked nothing, and has no object.

    Raises:
        InputError: The file is not a COCO file.
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
        photos = []
        for image in content["images"]:
            own = boxes.get(image["id"], [])
            name, path = _place(str(image["file_name"]), images)
            photos.append(_with_prompts(name, path, [({"box": box}, label) for box, label in own]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file} is not a COCO file with boxes: it needs images, and annotations with image_id and bbox ({error!r})"
        ) from error
    return Listed({"coco": str(file.resolve()), "images": str(images.resolve())}, _distinct(photos, file), has_prompts=True)


def read_table(file: Path, images: Path) -> Listed:
    """The images of a table, with the prompts of their rows.

    Columns: ``image``, the path; ``x0``, ``y0``, ``x1``, ``y1``, a box; ``x``, ``y`` and ``foreground`` (1 unless it is 0), a point;
    ``text``, phrases with commas between them; ``label``, what the box or point asks for; ``object``, which makes one object of the rows of
    an image that share it. A row is an object of its own otherwise. An image of which no row has a prompt takes those of the run.

    Raises:
        InputError: The table cannot be read or has no column ``image``.
        MissingDependencyError: A Parquet file, and pyarrow is not installed.
    """
    by_image: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    prompted = False
    for number, row in enumerate(_rows(file), 1):
        if not row.get("image"):
            raise InputError(f"row {number} of {file} names no image: expected a column image, got {', '.join(map(str, row)) or 'nothing'}")
        by_image[str(row["image"])].append(row)
        prompted = prompted or any(row.get(column) not in (None, "") for column in ("x0", "x", "text"))
    photos = []
    for name, rows in by_image.items():
        objects: dict[Any, dict[str, Any]] = {}
        try:
            for number, row in enumerate(rows):
                _add_row(objects, number, row)
        except (KeyError, ValueError) as error:
            photos.append(Photo(*_place(name, images), problem=f"its rows cannot be used: {error}"))
            continue
        asked = [(parts, parts.pop("label", None)) for parts in objects.values()]
        asked = [(parts, label) for parts, label in asked if parts]
        photos.append(_with_prompts(*_place(name, images), asked) if asked else Photo(*_place(name, images)))
    description = {"table": str(file.resolve()), "images": str(images.resolve())}
    return Listed(description, _distinct(photos, file), has_prompts=prompted)


def _add_row(objects: dict[Any, dict[str, Any]], number: int, row: Mapping[str, Any]) -> None:
    """Adds what a row says to the object that it is of."""
    given = {name: value for name, value in row.items() if value is not None and str(value) not in ("", "nan")}
    parts = objects.setdefault(("object", given["object"]) if "object" in given else number, {})
    if corners := [name for name in ("x0", "y0", "x1", "y1") if name in given]:
        if len(corners) < 4:
            raise ValueError(f"a box needs x0, y0, x1 and y1, and there is only {', '.join(corners)}")
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


def _with_prompts(name: str, path: Path, asked: Sequence[tuple[Mapping[str, Any], str | None]]) -> Photo:
    """A photo with the prompts of its objects; what is no prompt is a problem of this photo, and of no other."""
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
        return Photo(name, path, problem=str(error))
    return Photo(name, path, tuple(prompts), tuple(labels))


def _of_values(values: Iterable[PhotoLike]) -> Listed:
    photos, prompted = [], False
    here = Path.cwd()
    for value in values:
        if isinstance(value, tuple):
            path, own = value
            prompts = (own,) if isinstance(own, Prompt) else tuple(own)
            photos.append(Photo(*_place(os.fspath(path), here), prompts, (None,) * len(prompts)))
            prompted = True
        elif isinstance(value, (str, os.PathLike)):
            photos.append(Photo(*_place(os.fspath(value), here)))
        else:
            raise InputError(f"a photo to annotate is a path or a pair (path, prompts), got {type(value).__name__}")
    return Listed({"values": str(here)}, _distinct(photos, "the photos given"), prompted)


def _of_pattern(pattern: Path, without: Path | None) -> Named:
    fixed = Path(*_until_magic(pattern.parts))
    left_out = None if without is None else without.resolve()
    names = [
        path.relative_to(fixed).as_posix()
        for path in fixed.glob(str(pattern.relative_to(fixed)))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not (left_out and path.resolve().is_relative_to(left_out))
    ]
    shown = (name for name in names if not any(part.startswith(".") for part in name.split("/")))
    return Named({"pattern": str(pattern)}, fixed, tuple(sorted(shown)))


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _of_list(file: Path, root: Path) -> Listed:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the list {file}: {error}") from error
    photos = [Photo(*_place(line.strip(), root)) for line in lines if line.strip() and not line.startswith("#")]
    return Listed({"list": str(file.resolve()), "images": str(root.resolve())}, _distinct(photos, file))


def _place(named: str, root: Path) -> tuple[str, Path]:
    """The name and path of a photo that is named from `root`: the name is within `root` where the photo is, else its whole path."""
    base = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    path = Path(os.path.abspath(base / named))  # noqa: PTH100
    try:
        return path.relative_to(base).as_posix(), path
    except ValueError:
        return path.relative_to(path.anchor).as_posix(), path


def _distinct(photos: Iterable[Photo], origin: object) -> tuple[Photo, ...]:
    """The photos, each once; a name that stands for two files is refused."""
    by_name: dict[str, Photo] = {}
    for photo in photos:
        other = by_name.setdefault(photo.name, photo)
        if other.path != photo.path:
            raise InputError(f"{origin} has two photos that would have the name {photo.name!r}: {other.path} and {photo.path}")
    return tuple(by_name.values())


def _files_of(folder: Path, prefix: str, without: Path | None) -> Iterator[str]:
    """The names of the images under a folder, sorted as whole names are."""
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
