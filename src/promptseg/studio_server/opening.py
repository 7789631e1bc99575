"""`open_studio`: from what a person wants to annotate to a studio that can be served."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from ..annotation.run import JOURNAL
from ..annotation.sources.video import VIDEO_SUFFIXES
from ..errors import ConfigError
from ..server.engine import Engine
from ..server.settings import ServerSettings
from .access import Access
from .app import create_studio
from .project import OWN_FOLDER, Project, open_project
from .rasters.files import RasterFiles
from .sample import add_sample
from .truth import Truth
from .video.app import create_video_studio
from .video.project import JOURNAL as VIDEO_JOURNAL
from .video.project import open_video_project

NAME = "promptseg-studio"
"""Name of the dataset folder where no images are given."""


@dataclass(frozen=True)
class OpenedStudio:
    """A studio that can be served.

    Attributes:
        access: Who may use it.
        own: The folder in the dataset folder for what is not an annotation.
        app: Function from the engine, the settings and a temporary folder to the application.
        unreadable: Why an image that was named itself cannot be opened as it is, as messages.
    """

    access: Access
    own: Path
    app: Callable[[Engine, ServerSettings, Path], FastAPI]
    unreadable: tuple[str, ...] = ()


@contextlib.contextmanager
def open_studio(
    source: str | None,
    out: Path,
    labels: Sequence[str] = (),
    truth: str | None = None,
    threshold: float = 0.3,
    *,
    video: bool = False,
    rasters: RasterFiles | None = None,
) -> Iterator[OpenedStudio]:
    """Open images or a video with what is kept of them in a dataset folder, which no other process may use meanwhile.

    Args:
        source: A video, a folder, an image, or another source of `promptseg.annotate`; None for the sample image.
        out: The dataset folder.
        labels: Names of labels to offer, in their order.
        truth: Format and place of true masks, such as ``"coco=annotations.json"``, or None.
        threshold: The score from which text finds objects at first.
        video: Whether a folder has the frames of a video.
        rasters: Tells which images are rasters, and opens them; None for the usual choice of bands.

    Raises:
        FolderInUseError: Another process uses the folder.
        ConfigError: An argument is not usable.
        ConflictError: The dataset folder is of another video.
        InputError: The images, the true masks or the journal of the folder cannot be read.
        OutputError: The folder cannot be written.
    """
    if video or is_video(source):
        with _open_video(source, out, labels, truth, threshold) as opened:
            yield opened
        return
    name = NAME if source is None else Path(source).resolve().name
    prepare = add_sample if source is None else None
    with open_project(source, out, labels, threshold, name, rasters=rasters, prepare=prepare) as project:
        if truth is not None:
            project.truth = Truth.open(truth, folder_of(source))
        access = Access(project.own)
        yield OpenedStudio(
            access,
            project.own,
            lambda engine, settings, folder: create_studio(engine, project, access, settings, folder),
            _unreadable(project, source),
        )


@contextlib.contextmanager
def _open_video(source: str | None, out: Path, labels: Sequence[str], truth: str | None, threshold: float) -> Iterator[OpenedStudio]:
    if source is None:
        raise ConfigError("--video says that a folder has the frames of a video: give the folder")
    if truth is not None:
        raise ConfigError("true masks are compared with images: leave --truth out for a video")
    with open_video_project(Path(source), out, labels, threshold) as project:
        access = Access(project.own)
        yield OpenedStudio(
            access, project.own, lambda engine, settings, folder: create_video_studio(engine, project, access, settings, folder)
        )


def _unreadable(project: Project, source: str | None) -> tuple[str, ...]:
    """Return why the image that a source names cannot be opened; nothing of a folder, a list or a pattern, which may have very many."""
    named = Path(source or "")
    images = [image for image in project.images if image.path.name == named.name and image.path.resolve() == named.resolve()]
    reasons = [project.rasters.why_unreadable(image.path) for image in images]
    return tuple(reason for reason in reasons if reason is not None)


def is_video(source: str | None) -> bool:
    """Return whether a source is a video file."""
    return source is not None and Path(source).suffix.lower() in VIDEO_SUFFIXES and not Path(source).is_dir()


def own_folder(out: Path) -> Path:
    """Return the folder in a dataset folder for what is not an annotation."""
    return out / OWN_FOLDER


def default_out(source: str | None) -> Path:
    """Return the dataset folder of a source: beside it, with ``-studio`` after its name; in the current folder for no source.

    Raises:
        ConfigError: There is a folder of that name which no studio made, or the source has no name.
    """
    if source is None:
        return Path(NAME)
    is_pattern = glob.has_magic(source) and not Path(source).exists()
    path = folder_of(source) if is_pattern else Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow a link away.
    if not path.name:
        raise ConfigError(f"{path} has no name to make that of the dataset folder of: give --out")
    out = path.with_name(f"{path.stem if path.is_file() else path.name}-studio")
    if (
        out.exists()
        and not any((out / name).is_file() for name in (JOURNAL, VIDEO_JOURNAL))
        and not (out.is_dir() and not any(out.iterdir()))
    ):
        raise ConfigError(f"{out} exists, and is not a folder of the studio: give --out")
    return out


def folder_of(source: str | None) -> Path:
    """Return the folder of a source: itself, or that of an image, a list or a pattern."""
    path = Path(source or ".")
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path.resolve()
