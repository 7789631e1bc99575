"""Video: J, F and J&F of the DAVIS benchmark by object, frame and sequence, and identity switches, of a tracker or of given predictions.

J is the IoU of the masks (`promptseg.metrics.iou`), F that of their outlines (`promptseg.metrics.boundary_f`); of a sequence, each is the
mean over its objects of the mean over their frames. A frame without annotation is not scored; all others count, the first included, as in
the published code for one object (that for several leaves out the first and the last).

An object is scored from the first frame on which it is annotated. Where all frames of the sequence are annotated, as in DAVIS, it is scored
to the end, so that it counts as empty once it has left; otherwise to the last frame on which it is annotated, because in data that are
annotated in part an annotation need not show all objects. Of objects that are shown once, where they appear, that frame alone is scored.

An identity switch is counted where the true object that a prediction covers best (by IoU, of at least a half) is another than at the last
frame on which it covered one so, as in multi-object tracking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import metrics
from ..errors import InputError
from ..images import IMAGE_SUFFIXES, load_image
from ..masks import Mask, Masks
from ..prompts import Prompt, SpatialPrompt
from ..protocols import VideoSegmenter
from ..results import FrameMasks
from ..tracking.flow import flow_between, gray
from ..video.frames import open_frames

SWITCH_IOU = 0.5
"""A prediction is on a true object from this IoU on."""


@dataclass(frozen=True)
class VideoSequence:
    """Frames and label pictures of one video; both are read when they are needed.

    Attributes:
        name: Name of the folder.
        frames: The frames' files, in order.
        labels: The label picture's file of each frame, or None where there is none.
    """

    name: str
    frames: tuple[Path, ...]
    labels: tuple[Path | None, ...]

    def truth(self, frame: int) -> dict[int, Mask] | None:
        """The objects of a frame by number, or None where it is not annotated."""
        path = self.labels[frame]
        return None if path is None else read_labels(path)


@dataclass(frozen=True)
class ObjectScore:
    """One object of a sequence.

    Attributes:
        frames: The frames on which it was scored.
        j: Its IoU on each of them.
        f: Its boundary F on each of them.
        switches: How often the prediction went over to another object.
    """

    frames: tuple[int, ...]
    j: tuple[float, ...]
    f: tuple[float, ...]
    switches: int


@dataclass(frozen=True)
class SequenceScore:
    """What a sequence came to.

    Attributes:
        name: The sequence.
        objects: Its objects by number.
    """

    name: str
    objects: Mapping[int, ObjectScore]

    @property
    def j(self) -> float:
        """Mean IoU: over objects of the mean over frames."""
        return _mean([_mean(one.j) for one in self.objects.values()])

    @property
    def f(self) -> float:
        """Mean boundary F, in the same way."""
        return _mean([_mean(one.f) for one in self.objects.values()])

    @property
    def j_and_f(self) -> float:
        """The mean of both."""
        return (self.j + self.f) / 2

    @property
    def switches(self) -> int:
        """Identity switches of all objects."""
        return sum(one.switches for one in self.objects.values())

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for `json`."""
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
    """The sequences of a folder with ``JPEGImages`` and ``Annotations``, or ``images`` and ``masks``; of several resolutions that of 480p.

    Args:
        root: The folder.
        names: Which sequences; default: all that have an annotation.

    Raises:
        InputError: The folders, or sequences of these names, are not there.
    """
    for images, masks in (("JPEGImages", "Annotations"), ("images", "masks")):
        if (root / images).is_dir() and (root / masks).is_dir():
            folders = [root / images, root / masks]
            break
    else:
        raise InputError(f"{root} has no folders JPEGImages and Annotations, nor images and masks")
    folders = [folder / "480p" if (folder / "480p").is_dir() else folder for folder in folders]
    found = {}
    for folder in sorted(path for path in folders[0].iterdir() if path.is_dir()):
        frames = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES))
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
    """The objects of a label picture by number: each value but 0 is an object; in a picture of 0 and 255 alone there is one, 1.

    Raises:
        InputError: The file is no such picture.
    """
    try:
        with Image.open(path) as image:
            values = np.asarray(image if image.mode in ("P", "L", "I", "I;16") else image.convert("L"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the label picture {path}: {error}") from error
    numbers = [int(value) for value in np.unique(values) if value]
    if numbers == [255]:
        return {1: Mask.from_array(values == 255)}
    return {number: Mask.from_array(values == number) for number in numbers if number != 255}


def first_boxes(sequence: VideoSequence) -> dict[int, tuple[int, SpatialPrompt]]:
    """For each object the first frame on which it is annotated, and its box there: what a tracker is told of the truth."""
    prompts: dict[int, tuple[int, SpatialPrompt]] = {}
    for frame in range(len(sequence.frames)):
        for number, mask in (sequence.truth(frame) or {}).items():
            if number not in prompts and mask.area:
                prompts[number] = frame, Prompt.box(*_scaled(mask, sequence.frames[frame]))
    return prompts


def track_sequence(
    tracker: VideoSegmenter | TrackingBaseline, sequence: VideoSequence, prompts: Mapping[int, tuple[int, SpatialPrompt]]
) -> Iterator[FrameMasks]:
    """Tracks objects through a sequence, each from its prompt on.

    Args:
        tracker: What tracks.
        sequence: Where.
        prompts: For each object's number the frame of its prompt, and the prompt.
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
    """Scores predictions, whose ids are the numbers of the true objects; an object that is not predicted on a frame is empty there.

    Raises:
        InputError: A prediction is of another size than its frame's truth by more than a pixel.
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
    """J and F of one mask."""
    return metrics.iou(prediction, truth), metrics.boundary_f(prediction, truth)


def read_predictions(folder: Path, sequence: VideoSequence) -> Iterator[FrameMasks]:
    """Label pictures in ``folder/sequence``, of the names of the frames; a frame without one has no masks.

    Where the truth is of black and white, as in DAVIS 2016, all labels of a prediction together are its one object.

    Raises:
        InputError: The folder is not there, or a file is no label picture.
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
    """Scores a tracker that is told the boxes of the first frames, or given predictions, on the sequences of a folder.

    Args:
        tracker: What tracks, or the folder of its label pictures.
        root: As for `read_sequences`.
        names: As for `read_sequences`.

    Raises:
        InputError: Something cannot be read.
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
    """What no tracker gives: the mask of the prompt held still, or moved by flow alone.

    Args:
        tracker: What answers the prompt.
        moved: Whether the mask is moved by flow.
    """

    def __init__(self, tracker: VideoSegmenter, *, moved: bool = False) -> None:
        self.tracker, self.moved = tracker, moved
        self.provenance = tracker.provenance

    def track(self, sequence: VideoSequence, prompts: Mapping[int, tuple[int, SpatialPrompt]]) -> Iterator[FrameMasks]:
        """As `track_sequence`."""
        session = self.tracker.open(open_frames(list(sequence.frames)))
        masks: dict[int, NDArray[np.bool_]] = {}
        before: NDArray[np.uint8] | None = None
        for index, path in enumerate(sequence.frames):
            brightness = gray(load_image(path))
            if self.moved and before is not None and masks:
                flow = flow_between(before, brightness)
                masks = {number: flow.move(mask) for number, mask in masks.items()}
            before = brightness
            for number, (at, prompt) in prompts.items():
                if at == index:
                    masks[number] = session.add(index, number, prompt).array
            if masks:
                yield FrameMasks(index, tuple(masks), Masks(map(Mask.from_array, masks.values()), session.size))


def _black_and_white(path: Path) -> bool:
    with Image.open(path) as image:
        return image.mode in ("1", "L") and image.getextrema() == (0, 255) and len(image.getcolors() or ()) == 2


def _fitting(mask: Mask | None, size: tuple[int, int], name: str, frame: int) -> Mask:
    """The prediction at the size of the truth; pictures of one video may differ by a pixel of rounding."""
    if mask is None:
        return _empty(size)
    if mask.size == size:
        return mask
    if max(abs(one - other) for one, other in zip(mask.size, size, strict=True)) > 1:
        raise InputError(f"frame {frame} of {name}: the prediction has size {mask.size} (height, width), the truth {size}")
    import cv2

    return Mask.from_array(cv2.resize(mask.array.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).astype(bool))


def _scaled(mask: Mask, image: Path) -> list[float]:
    """A mask's box in the pixels of an image whose label picture may differ by a pixel of rounding."""
    with Image.open(image) as opened:
        width, height = opened.size
    scale = np.array([width / mask.size[1], height / mask.size[0]] * 2)
    box: list[float] = (mask.box * scale).tolist()
    return box


def _empty(size: tuple[int, int]) -> Mask:
    return Mask.from_array(np.zeros(size, bool))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
