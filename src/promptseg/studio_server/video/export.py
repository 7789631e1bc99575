"""Export of a video's objects: the files of `promptseg track`, and datasets of its frames in any format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ...annotation.own_folders import mark_folder
from ...datasets.core import AnnotatedImage, AnnotatedObject
from ...datasets.writing import not_in_files, write
from ...masks import Masks
from ...protocols import Frame
from ...runtime.files import output_errors, write_atomically
from ...runtime.progress import track
from ...server.errors import ConflictError
from ...tracking.outputs import TrackOutputs
from ...tracking.redetection import Event, TrackedFrame
from ...video.frames import open_frames
from ..exporting import Downloads, Export, Exported, check_export, places, told
from .masks import ObjectOnFrame
from .objects import GONE, KEY, EventKind
from .project import TRACK, VideoProject

_KINDS: dict[EventKind, Any] = {"added": "added", "lost": "lost", "found": "recovered"}


def export(project: VideoProject, formats: Sequence[str], downloads: Downloads, *, only_keys: bool = False, every: int = 1) -> Export:
    """Write the objects of a project into its folder, and pack the files. It reports its progress.

    Args:
        project: The project.
        formats: `TRACK` and names of `promptseg.datasets.catalog.WRITABLE`.
        downloads: Gets the ZIP.
        only_keys: Take only frames that a person has marked, for the formats of images.
        every: Take every n-th of the frames that have masks, for the formats of images.

    Raises:
        ConflictError: There are no masks.
        ConfigError: There is no such format.
        InputError: The video cannot be read.
        OutputError: A file cannot be written.
    """
    masked = project.masked_frames()
    if not masked:
        raise ConflictError("there are no masks yet: mark an object on a frame")
    formats = tuple(dict.fromkeys(formats))
    others = [name for name in formats if name != TRACK]
    if others:
        check_export(others, project.out)
    written, found = [], []
    if TRACK in formats:
        found.append(_write_tracks(project, project.out / TRACK, masked[-1]))
        number = len(project.objects())
        attributes = sum(len(each.attributes) for each in project.objects())
        lost = (not_in_files(attributes, "attribute"),) if attributes else ()
        written.append(Exported(TRACK, TRACK, lost, masked[-1] + 1, number))
    if others:
        keyed = {frame for each in project.objects() for frame in project.track(each.uid).marked()}
        frames = [frame for frame in masked if frame in keyed] if only_keys else masked
        images = list(_write_frames(project, project.out / FRAMES, frames[::every]))
        found.append(project.out / FRAMES)
        classes = list(dict.fromkeys(each.label for each in project.objects() if each.label is not None))
        for name in others:
            report = write(name, track(images, stage=f"write {name}", total=len(images), unit="image"), project.out, classes=classes)
            found += places(report, project.out)
            written.append(told(report, project.out))
    return Export(tuple(written), downloads.add(project.out, found))


def _write_tracks(project: VideoProject, folder: Path, last: int) -> Path:
    events = _events(project)
    source = open_frames(str(project.path))
    with TrackOutputs(folder, project.size, source.fps, timeline=False, inputs=[project.path]) as outputs:
        for frame in track(_up_to(source.read(), last), stage="write track", total=last + 1, unit="frame"):
            outputs.write(_tracked(project, frame, events.get(frame.index, [])))
    return folder


def _up_to(frames: Iterator[Frame], last: int) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        if frame.index >= last:
            return


def _tracked(project: VideoProject, frame: Frame, events: list[Event]) -> TrackedFrame:
    numbers = {each.uid: each.number for each in project.objects()}
    found = [each for each in project.on_frame(frame.index) if each.kind != GONE]
    masks = Masks([each.mask for each in found], project.size)
    ids = tuple(numbers[each.uid] for each in found)
    return TrackedFrame(frame.index, ids, masks, frame.time, image=frame.image, events=tuple(events))


def _events(project: VideoProject) -> dict[int, list[Event]]:
    """Return the events of all objects by frame."""
    found: dict[int, list[Event]] = {}
    for each in project.objects():
        known = project.track(each.uid)
        for frame, kind in known.events():
            by = "a person" if known.kind(frame) in (KEY, GONE) else "the tracker"
            found.setdefault(frame, []).append(Event(frame, each.number, _KINDS[kind], f"said by {by}", each.label))
    return found


def _write_frames(project: VideoProject, folder: Path, frames: Sequence[int]) -> Iterator[AnnotatedImage]:
    """Write frames as image files, and yield them with their objects."""
    mark_folder(folder)
    attributes = {each.uid: each.attributes for each in project.objects()}
    for index in track(frames, stage="write frames", total=len(frames), unit="frame"):
        path = folder / f"{project.path.stem}-{index:08}.jpg"
        image = project.frames.pixels(index).result().image
        with output_errors(path), write_atomically(path) as file:
            Image.fromarray(image).save(file, "JPEG", quality=95)
        objects = _objects(path.name, project.on_frame(index), attributes)
        yield AnnotatedImage(path.name, path, project.size, objects, group=project.path.name)


def _objects(name: str, found: Sequence[ObjectOnFrame], attributes: Mapping[str, Mapping[str, str]]) -> tuple[AnnotatedObject, ...]:
    numbered = [(place, each) for place, each in enumerate(found, 1) if each.mask.area]
    return tuple(AnnotatedObject(f"{name}#{place}", each.mask, attributes=attributes[each.uid]) for place, each in numbered)


FRAMES = "frames"
"""Name of the folder of frames as image files."""
