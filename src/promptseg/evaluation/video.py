"""Evaluation of video tracking: J, F and J&F of the DAVIS benchmark, and identity switches, of a tracker or of given predictions.

J is the IoU of the masks (`promptseg.metrics.iou`), F the F-measure of their boundaries (`promptseg.metrics.boundary_f`). For a sequence,
each is the mean over objects of the mean over frames. Frames without annotation are not scored. All others are scored, the first included,
as in the published DAVIS code for one object. (The published code for several objects leaves out the first and the last frame.)

An object is scored from the first frame on which it is annotated. If all frames of the sequence are annotated, as in DAVIS, it is scored to
the last frame, and its true mask is empty once it has left. Otherwise it is scored to the last frame on which it is annotated, because a
partial annotation may leave out objects. An object that is annotated on one frame only is scored on that frame.

The identity of a prediction is the true object with the highest IoU, if that is at least 0.5. An identity switch is counted if it differs
from the identity on the last frame that had one, as in multi-object tracking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from ..errors import InputError
from ..image_files import files_under
from ..image_formats import open_image
from ..images import load_image
from ..masks import Mask, Masks
from ..prompts import Prompt, SpatialPrompt
from ..protocols import VideoSegmenter
from ..results import FrameMasks
from ..tracking.flow import flow_between, gray
from ..video.frames import open_frames

SWITCH_IOU = 0.5
"""Minimum IoU at which a prediction is assigned to a true object."""


@dataclass(frozen=True)
class VideoSequence:
    """Frames and label images of one video. The files are read when they are needed.

    Attributes:
        name: Name of the folder.
        frames: Files of the frames, in order.
        labels: File of each frame's label image, or None for a frame without annotation.
    """

    name: str
    frames: tuple[Path, ...]
    labels: tuple[Path | None, ...]

    def truth(self, frame: int) -> dict[int, Mask] | None:
        """Return the true masks of a frame by object number, or None if the frame is not annotated."""
        path = self.labels[frame]
        return None if path is None else read_labels(path)


@dataclass(frozen=True)
class ObjectScore:
    """Score of one object in a sequence.

    Attributes:
        frames: Indices of the scored frames.
        j: IoU on each of these frames.
        f: Boundary F on each of these frames.
        switches: Number of identity switches.
    """

    frames: tuple[int, ...]
    j: tuple[float, ...]
    f: tuple[float, ...]
    switches: int


@dataclass(frozen=True)
class SequenceScore:
    """Score of a sequence.

    Attributes:
        name: Name of the sequence.
        objects: Scores of its objects by number.
    """

    name: str
    objects: Mapping[int, ObjectScore]

    @property
    def j(self) -> float:
        """Mean over objects of the mean IoU over frames."""
        return _mean([_mean(one.j) for one in self.objects.values()])

    @property
    def f(self) -> float:
        """Mean over objects of the mean boundary F over frames."""
        return _mean([_mean(one.f) for one in self.objects.values()])

    @property
    def j_and_f(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2

    @property
    def switches(self) -> int:
        """Number of identity switches of all objects."""
        return sum(one.switches for one in self.objects.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as values that `json` can write."""
        return {
            "j": round(self.j, 6),
            "f": round(self.f, 6),
            "j_and_f": round(self.j_and_f, 6),
            "switches": self.switches,
            "objects": {
                str(number): {"j": round(_mean(one.j), 6), "f": round(_mean(one.f), 6), "frames": len(one.j), "switches": one.switches}
                for number, one in self.objects.items()
            },
        }


def read_sequences(root: Path, names: Iterable[str] = ()) -> list[VideoSequence]:
    """Read the sequences of a folder with ``JPEGImages`` and ``Annotations``, or with ``images`` and ``masks``.

    If these have a folder ``480p``, the sequences are read from it.

    Args:
        root: The folder.
        names: Names of the sequences; by default all that have an annotation.

    Raises:
        InputError: When the folders, or sequences of these names, do not exist.
    """
    for images, masks in (("JPEGImages", "Annotations"), ("images", "masks")):
        if (root / images).is_dir() and (root / masks).is_dir():
            folders = [root / images, root / masks]
            break
    else:
        raise InputError(f"{root} is not a folder of sequences: expected folders JPEGImages and Annotations, or images and masks")
    folders = [folder / "480p" if (folder / "480p").is_dir() else folder for folder in folders]
    found = {}
    for folder in sorted(path for path in folders[0].iterdir() if path.is_dir()):
        frames = tuple(files_under(folder, recursive=False).values())
        paths = [folders[1] / folder.name / f"{frame.stem}.png" for frame in frames]
        labels = tuple(path if path.is_file() else None for path in paths)
        if any(label is not None for label in labels):
            found[folder.name] = VideoSequence(folder.name, frames, labels)
    wanted = tuple(names)
    if missing := [name for name in wanted if name not in found]:
        raise InputError(f"{root} has no annotated sequence {missing[0]!r}: it has {', '.join(found) or 'none'}")
    if not found:
        raise InputError(f"{root} has no annotated sequence")
    return [found[name] for name in wanted or found]


def read_labels(path: Path) -> dict[int, Mask]:
    """Read the masks of a label image by object number.

    Each value except 0 and 255 is an object. In an image with only the values 0 and 255, 255 is object 1.

    Raises:
        InputError: When the file cannot be read as an image.
    """
    with open_image(path, f"label image {path}") as image:
        values = np.asarray(image if image.mode in ("P", "L", "I", "I;16") else image.convert("L"))
    numbers = [int(value) for value in np.unique(values) if value]
    if numbers == [255]:
        return {1: Mask.from_array(values == 255)}
    return {number: Mask.from_array(values == number) for number in numbers if number != 255}


def first_boxes(sequence: VideoSequence) -> dict[int, tuple[int, SpatialPrompt]]:
    """Return the prompt of each object: the first frame on which it is annotated, and its box there."""
    prompts: dict[int, tuple[int, SpatialPrompt]] = {}
    for frame in range(len(sequence.frames)):
        for number, mask in (sequence.truth(frame) or {}).items():
            if number not in prompts and mask.area:
                prompts[number] = frame, Prompt.box(*_scaled(mask, sequence.frames[frame]))
    return prompts


def track_sequence(
    tracker: VideoSegmenter | TrackingBaseline, sequence: VideoSequence, prompts: Mapping[int, tuple[int, SpatialPrompt]]
) -> Iterator[FrameMasks]:
    """Track objects through a sequence, each from the frame of its prompt.

    Args:
        tracker: The tracker or baseline.
        sequence: The sequence.
        prompts: Frame index and prompt of each object, by object number.

    Yields:
        The masks of each frame, from the first frame with an object.
    """
    if isinstance(tracker, TrackingBaseline):
        yield from tracker.track(sequence, prompts)
        return
    session = tracker.open(open_frames(list(sequence.frames)))
    waiting = dict(prompts)
    for frame in range(len(sequence.frames)):
        for number in [number for number, (at, _) in waiting.items() if at == frame]:
            session.add(frame, number, waiting.pop(number)[1])
        if session.object_ids:
            yield next(iter(session.propagate(start=frame, stop=frame + 1)))


def score_sequence(sequence: VideoSequence, predicted: Iterable[FrameMasks]) -> SequenceScore:
    """Return the score of predictions, whose object ids are the numbers of the true objects.

    An object without a prediction on a frame counts as an empty mask.

    Raises:
        InputError: When the size of a prediction differs from that of the truth by more than a pixel.
    """
    by_frame = {found.frame: dict(zip(found.object_ids, found.masks, strict=True)) for found in predicted}
    truths = {frame: truth for frame in range(len(sequence.frames)) if (truth := sequence.truth(frame)) is not None}
    numbers = sorted({number for truth in truths.values() for number in truth})
    begun: dict[int, int] = {}
    for frame, truth in truths.items():
        for number in truth:
            begun.setdefault(number, frame)
    ended = {number: frame for frame, truth in truths.items() for number in truth}
    whole = len(truths) == len(sequence.frames)
    objects = {}
    for number in numbers:
        rows: list[tuple[int, float, float]] = []
        on, switches = number, 0
        for frame, truth in truths.items():
            if frame < begun[number] or not (whole or frame <= ended[number]):
                continue
            size = next(iter(truth.values())).size if truth else None
            found = by_frame.get(frame, {}).get(number)
            size = size or (found.size if found is not None else (1, 1))
            mask = _fitting(found, size, sequence.name, frame)
            rows.append((frame, *score_frame(mask, truth.get(number, _empty(size)))))
            best = max(truth, key=lambda other: mask.iou(truth[other]), default=None)
            if best is not None and mask.iou(truth[best]) >= SWITCH_IOU and best != on:
                on, switches = best, switches + 1
        frames, j, f = zip(*rows, strict=True)
        objects[number] = ObjectScore(frames, j, f, switches)
    return SequenceScore(sequence.name, objects)


def score_frame(prediction: metrics.MaskLike, truth: metrics.MaskLike) -> tuple[float, float]:
    """Return J and F of one mask."""
    return metrics.iou(prediction, truth), metrics.boundary_f(prediction, truth)


def read_predictions(folder: Path, sequence: VideoSequence) -> Iterator[FrameMasks]:
    """Read predictions from label images in ``folder/sequence``, which have the names of the frames.

    A frame without a label image has no masks. If the truth is black and white, as in DAVIS 2016, all labels of a prediction together are
    one object.

    Raises:
        InputError: When the folder does not exist, or a file is not a label image.
    """
    if not (folder / sequence.name).is_dir():
        raise InputError(f"there are no predictions of {sequence.name!r}: no folder {folder / sequence.name}")
    merged = any(_black_and_white(path) for path in sequence.labels if path is not None)
    for index, frame in enumerate(sequence.frames):
        path = folder / sequence.name / f"{frame.stem}.png"
        masks = read_labels(path) if path.is_file() else {}
        if merged and masks:
            masks = {1: Mask.from_array(np.any([mask.array for mask in masks.values()], axis=0))}
        if masks:
            yield FrameMasks(index, tuple(masks), Masks(masks.values(), next(iter(masks.values())).size))


def evaluate_video(
    tracker: VideoSegmenter | TrackingBaseline | str | Path, root: str | Path, names: Iterable[str] = ()
) -> list[SequenceScore]:
    """Evaluate a tracker, or saved predictions, on the sequences of a folder.

    A tracker is prompted with the true box of each object on the first frame on which it is annotated.

    Args:
        tracker: The tracker or baseline, or the folder of its predictions as label images.
        root: Folder of the sequences, as read by `read_sequences`.
        names: Names of the sequences; by default all that have an annotation.

    Raises:
        InputError: When a file cannot be read.
    """
    scores = []
    for sequence in read_sequences(Path(root), names):
        if isinstance(tracker, (str, Path)):
            predicted = read_predictions(Path(tracker), sequence)
        else:
            predicted = track_sequence(tracker, sequence, first_boxes(sequence))
        scores.append(score_sequence(sequence, predicted))
    return scores


class TrackingBaseline:
    """Baseline that needs no tracker: the mask of the prompt is copied to all frames, or moved by optical flow.

    Args:
        tracker: Model that segments the prompt.
        use_flow: Whether the mask is moved by optical flow.
    """

    def __init__(self, tracker: VideoSegmenter, *, use_flow: bool = False) -> None:
        self.tracker, self.use_flow = tracker, use_flow
        self.provenance = tracker.provenance

    def track(self, sequence: VideoSequence, prompts: Mapping[int, tuple[int, SpatialPrompt]]) -> Iterator[FrameMasks]:
        """Yield the masks of each frame.

        Args:
            sequence: The sequence.
            prompts: Frame index and prompt of each object, by object number.
        """
        session = self.tracker.open(open_frames(list(sequence.frames)))
        masks: dict[int, NDArray[np.bool_]] = {}
        before: NDArray[np.uint8] | None = None
        for index, path in enumerate(sequence.frames):
            brightness = gray(load_image(path))
            if self.use_flow and before is not None and masks:
                flow = flow_between(before, brightness)
                masks = {number: flow.move(mask) for number, mask in masks.items()}
            before = brightness
            for number, (at, prompt) in prompts.items():
                if at == index:
                    masks[number] = session.add(index, number, prompt).array
            if masks:
                yield FrameMasks(index, tuple(masks), Masks(map(Mask.from_array, masks.values()), session.size))


def _black_and_white(path: Path) -> bool:
    with open_image(path) as image:
        return image.mode in ("1", "L") and image.getextrema() == (0, 255) and len(image.getcolors() or ()) == 2


def _fitting(mask: Mask | None, size: tuple[int, int], name: str, frame: int) -> Mask:
    """Return the prediction at the size of the truth. Images of one video may differ by a pixel of rounding."""
    if mask is None:
        return _empty(size)
    if mask.size == size:
        return mask
    if max(abs(one - other) for one, other in zip(mask.size, size, strict=True)) > 1:
        raise InputError(f"frame {frame} of {name}: the prediction has size {mask.size} (height, width), the truth {size}")
    import cv2

    return Mask.from_array(cv2.resize(mask.array.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).astype(bool))


def _scaled(mask: Mask, image: Path) -> list[float]:
    """Return the box of a mask in pixels of the image. The label image may differ in size by a pixel of rounding."""
    with open_image(image) as opened:
        width, height = opened.size
    scale = np.array([width / mask.size[1], height / mask.size[0]] * 2)
    box: list[float] = (mask.box * scale).tolist()
    return box


def _empty(size: tuple[int, int]) -> Mask:
    return Mask.from_array(np.zeros(size, bool))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
