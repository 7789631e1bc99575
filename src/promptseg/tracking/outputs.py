"""`TrackOutputs`: the files that `promptseg track` writes for a video.

- ``overlay.mp4``: the video with the masks drawn on it. Each object keeps its color, a shade of the color of its class.
- ``labels/00000.png``, …: one label image for each frame. Its values are the object ids, with the palette of DAVIS and PASCAL VOC.
- ``events.jsonl``: one event per line, written as soon as it happens.
- ``masks.json``: the masks as RLE, object by object, in the format of YouTube-VIS. Or ``masks.parquet``: one row for each mask.
- ``timeline.png``: a chart of the frames on which each object was seen, with all events.

Nothing is written before the first frame, so a run that fails at once does not change the files of an earlier run. Label images and events
are complete after every frame. The other files are completed at the end of the ``with`` block. If it ends with an error, they hold the
frames before the error.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .._install import install_extra
from .._object_overlay import draw_objects, object_name
from ..class_colors import Color
from ..errors import MissingDependencyError, OutputError
from ..masks import Mask, Size
from ..object_colors import ObjectColors
from ..runtime.files import output_errors, write_atomically
from ..runtime.output_paths import check_output_folder
from ..video.writer import VideoWriter
from .redetection import Event, TrackedFrame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TableFormat = Literal["json", "parquet"]

OVERLAY, LABELS, EVENTS, TIMELINE = "overlay.mp4", "labels", "events.jsonl", "timeline.png"
"""Names of the files and of the folder of label images."""


class TrackOutputs:
    """Writer of the files of one tracked video, to be used in a ``with`` block.

    Args:
        folder: Folder for the files, created if it is missing.
        size: ``(height, width)`` of the frames.
        fps: Frames per second of the overlay, for frames without times.
        table: Format of the table of masks.
        timeline: Whether to draw ``timeline.png``, which needs matplotlib.
        inputs: Files and folders that are read, such as the video. They are never replaced.

    Attributes:
        colors: Colors of the objects. To be set before the first frame where the order of the classes is known.
        frames: Number of frames that were written.
        dropped: Number of late frames that were dropped before them.
        events: The events of these frames.
        written: The completed files.

    Raises:
        MissingDependencyError: A package that a file needs is missing. Nothing has been written.
        OutputError: The folder cannot be written to, or holds an input or label images of another origin.
    """

    def __init__(
        self,
        folder: Path,
        size: Size,
        fps: float | None = None,
        *,
        table: TableFormat = "json",
        timeline: bool = True,
        inputs: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        if table == "parquet":
            _pyarrow()
        if timeline:
            _matplotlib()
        self.folder, self._size, self._fps, self._table, self._timeline = folder, size, fps, table, timeline
        self.frames = self.dropped = 0
        self.events: list[Event] = []
        self.written: list[Path] = []
        self._tracks: dict[int, _Track] = {}
        self.colors = ObjectColors()
        self._times: list[float | None] = []
        self._open: tuple[VideoWriter, IO[str]] | None = None
        check_output_folder(folder, names=(OVERLAY, EVENTS, "masks.json", "masks.parquet", TIMELINE), inputs=inputs)
        check_output_folder(folder / LABELS, inputs=inputs)
        if not (folder / EVENTS).is_file() and next((folder / LABELS).glob("*"), None) is not None:
            raise OutputError(f"{folder / LABELS} holds files, and no run of promptseg wrote them: give another folder")

    def write(self, frame: TrackedFrame) -> None:
        """Write one frame.

        Raises:
            OutputError: A file cannot be written.
        """
        if self._open is None:
            self._open = self._begin()
        video, lines = self._open
        video.write(np.asarray(draw_objects(frame.image, frame.object_ids, frame.masks, self.colors)), frame.time)
        path = self.folder / LABELS / f"{frame.frame:05}.png"
        with output_errors(path), write_atomically(path) as file:
            label_image(frame.object_ids, frame.masks, self._size).save(file, "PNG")
        with output_errors(self.folder / EVENTS):
            lines.writelines(json.dumps(event.to_dict()) + "\n" for event in frame.events)
            lines.flush()
        self.events += frame.events
        for number, mask in zip(frame.object_ids, frame.masks, strict=True):
            track = self._tracks.setdefault(number, _Track(mask.label))
            track.label = track.label or mask.label
            if mask.area:
                track.masks[frame.frame] = mask
        self._times.append(frame.time)
        self.frames += 1
        self.dropped += frame.dropped

    def __enter__(self) -> TrackOutputs:  # noqa: PYI034 - `Self` is of Python 3.11.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Complete the files. After an error, they hold the frames written so far."""
        if self._open is None:
            return
        video, lines = self._open
        steps: dict[str, Callable[[], None]] = {
            OVERLAY: lambda: video.__exit__(None if self.frames else kind, None if self.frames else error, trace),
            EVENTS: lines.close,
        }
        if self.frames:
            steps |= {LABELS: lambda: None, f"masks.{self._table}": self._write_table}
            steps |= {TIMELINE: self._write_timeline} if self._timeline else {}
        failures = []
        for name, complete in steps.items():  # A file that fails, such as on a full disk, takes none of the others with it.
            try:
                with output_errors(self.folder / name):
                    complete()
            except OutputError as failure:
                failures.append(failure)
            else:
                self.written += [self.folder / name] if self.frames else []
        if failures and (kind is None or kind is KeyboardInterrupt):
            raise failures[0]

    def _write_table(self) -> None:
        path = self.folder / f"masks.{self._table}"
        if self._table == "json":
            with write_atomically(path, text=True) as file:
                json.dump(self._youtube_vis(), file)
        else:
            self._write_parquet(path)

    def _write_timeline(self) -> None:
        with write_atomically(self.folder / TIMELINE) as file:
            self.timeline().savefig(file, format="png", dpi=120)

    def _begin(self) -> tuple[VideoWriter, IO[str]]:
        """Remove the files of an earlier run, which may have had more frames, and open the files that are written frame by frame."""
        with output_errors(self.folder):
            (self.folder / LABELS).mkdir(parents=True, exist_ok=True)
            old = [path for path in (self.folder / LABELS).glob("[0-9]*.png") if path.stem.isdecimal()]
            old += [self.folder / name for name in ("masks.json", "masks.parquet", TIMELINE)]
            for path in old:
                path.unlink(missing_ok=True)
        with output_errors(self.folder / EVENTS):  # It is the first, because it tells the folder of a run from any other.
            lines = (self.folder / EVENTS).open("w", encoding="utf-8")
        try:
            return VideoWriter(self.folder / OVERLAY, self._size, self._fps or 25.0), lines
        except BaseException:
            with contextlib.suppress(OSError):
                lines.close()
            raise

    def timeline(self) -> Figure:
        """Return a chart of the frames on which each object was seen, with its events.

        Raises:
            MissingDependencyError: matplotlib is missing.
        """
        return draw_timeline(
            {number: (object_name(track.label, number), list(track.masks)) for number, track in sorted(self._tracks.items())},
            self.events,
            self.frames,
            [self.colors.of(number, track.label) for number, track in sorted(self._tracks.items())],
        )

    def _youtube_vis(self) -> dict[str, Any]:
        labels = sorted({track.label or "object" for track in self._tracks.values()})
        height, width = self._size
        annotations = []
        for number, track in sorted(self._tracks.items()):
            masks = [track.masks.get(frame) for frame in range(self.frames)]
            scores = [mask.score for mask in masks if mask is not None and mask.score is not None]
            annotations.append(
                {
                    "id": number,
                    "video_id": 1,
                    "category_id": labels.index(track.label or "object") + 1,
                    "iscrowd": 0,
                    "height": height,
                    "width": width,
                    "length": self.frames,
                    "score": float(np.mean(scores)) if scores else None,
                    "scores": [None if mask is None else mask.score for mask in masks],
                    "segmentations": [None if mask is None else mask.to_coco_rle() for mask in masks],
                    "areas": [None if mask is None else mask.area for mask in masks],
                    "bboxes": [None if mask is None else _xywh(mask) for mask in masks],
                }
            )
        files = [f"labels/{frame:05}.png" for frame in range(self.frames)]
        video = {"id": 1, "height": height, "width": width, "length": self.frames, "file_names": files, "times": self._times}
        categories = [{"id": index, "name": label} for index, label in enumerate(labels, 1)]
        return {"videos": [video], "categories": categories, "annotations": annotations}

    def _write_parquet(self, path: Path) -> None:
        pyarrow, parquet = _pyarrow()
        rows = [
            {
                "frame": frame,
                "time": self._times[frame],
                "object_id": number,
                "label": track.label,
                "score": mask.score,
                "area": mask.area,
                "box": mask.box.tolist(),
                "height": mask.size[0],
                "width": mask.size[1],
                "counts": mask.counts.decode("ascii"),
            }
            for number, track in self._tracks.items()
            for frame, mask in track.masks.items()
        ]
        schema = pyarrow.schema(
            [
                ("frame", pyarrow.int64()),
                ("time", pyarrow.float64()),
                ("object_id", pyarrow.int64()),
                ("label", pyarrow.string()),
                ("score", pyarrow.float64()),
                ("area", pyarrow.int64()),
                ("box", pyarrow.list_(pyarrow.float32())),
                ("height", pyarrow.int64()),
                ("width", pyarrow.int64()),
                ("counts", pyarrow.string()),
            ]
        )
        with write_atomically(path) as file:
            parquet.write_table(pyarrow.Table.from_pylist(sorted(rows, key=lambda row: row["frame"]), schema=schema), file)


@dataclass
class _Track:
    """The masks of one object by frame."""

    label: str | None
    masks: dict[int, Mask] = field(default_factory=dict)


def label_image(numbers: Iterable[int], masks: Iterable[Mask], size: Size) -> Image.Image:
    """Return masks as one label image, whose values are object ids. Smaller masks lie over larger ones.

    The image has 8 bits and a palette, or 16 bits without one if an id is above 255.

    Args:
        numbers: Ids of the objects.
        masks: Their masks, which may be none.
        size: ``(height, width)`` of the image.

    Raises:
        OutputError: An id is above 65535.
    """
    pairs = sorted(zip(numbers, masks, strict=True), key=lambda pair: -pair[1].area)
    max_id = max((number for number, _ in pairs), default=0)
    if max_id > 0xFFFF:
        raise OutputError(f"object id {max_id} does not fit into a label image: the largest possible id is 65535")
    values: NDArray[Any] = np.zeros(size, np.uint8 if max_id < 256 else np.uint16)
    for number, mask in pairs:
        values[mask.array] = number
    image = Image.fromarray(values)
    if values.dtype == np.uint8:
        image.putpalette(davis_palette())
    return image


def davis_palette() -> bytes:
    """Return the palette of PASCAL VOC and DAVIS label images: 256 colors, with the bits of an index spread over red, green and blue."""
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= (((numbers >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8) if 3 * bit + channel < 8 else 0
    return colors.tobytes()


_SHOWN = {"added": "^", "lost": "x", "recovered": "o", "corrected": "P", "switched": "s", "removed": "v"}


def draw_timeline(tracks: dict[int, tuple[str, list[int]]], events: Iterable[Event], frames: int, colors: Sequence[Color]) -> Figure:
    """Return a chart with a row for each object, with bars for the frames on which it was seen and marks for its events.

    Args:
        tracks: Name of each object and the frames on which it was seen, by its id.
        events: The events.
        frames: Number of frames of the video.
        colors: Color of each object.

    Raises:
        MissingDependencyError: matplotlib is missing.
    """
    figure_class = _matplotlib()
    figure: Figure = figure_class(figsize=(10, 1.5 + 0.35 * max(len(tracks), 1)), layout="constrained")
    axes = figure.add_subplot()
    rows = {number: row for row, number in enumerate(tracks)}
    for (number, (_, seen)), own in zip(tracks.items(), colors, strict=True):
        tint = tuple(value / 255 for value in own)
        axes.broken_barh(list(_runs(seen)), (rows[number] - 0.3, 0.6), facecolors=tint)
    shown = list(events)
    for kind, marker in _SHOWN.items():
        places = [(event.frame, rows[event.object_id]) for event in shown if event.kind == kind and event.object_id in rows]
        if places:
            moments, heights = zip(*places, strict=True)
            axes.scatter(moments, heights, marker=marker, s=30, color="black", zorder=3, label=kind, clip_on=False)
    axes.set_yticks(list(rows.values()), [name for name, _ in tracks.values()])
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.set_xlim(0, max(frames, 1))
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("frame")
    if shown:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def _runs(frames: list[int]) -> Iterator[tuple[int, int]]:
    """Yield runs ``(first, count)`` of consecutive frames from frames in ascending order."""
    start = 0
    for index in range(1, len(frames) + 1):
        if index == len(frames) or frames[index] != frames[index - 1] + 1:
            yield frames[start], frames[index - 1] - frames[start] + 1
            start = index


def _xywh(mask: Mask) -> list[float]:
    x0, y0, x1, y1 = mask.box.tolist()
    return [x0, y0, x1 - x0, y1 - y0]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(f"writing Parquet needs pyarrow, which is not installed: {install_extra('parquet')}") from error
    return pa, parquet


def _matplotlib() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(f"the timeline needs matplotlib, which is not installed: {install_extra('viz')}") from error
    return Figure
