"""`RunSettings`: what a run of `promptseg.annotate` does, beside its source, prompts and models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .._checks import flag, positive, whole_number
from ..datasets.catalog import WRITABLE as OF_IMAGES
from ..datasets.core import Category
from ..datasets.writing import check_format
from ..errors import ConfigError
from . import gallery as gallery_files
from . import overlays as overlay_files
from .corrected_output import CorrectedOutput
from .scene_formats import SCENE_FORMATS
from .scene_outputs import check_formats
from .sources.scene import SceneOptions

ExecutorName = Literal["local", "ray"]


@dataclass(frozen=True)
class Workforce:
    """Who annotates. The arguments of `promptseg.annotate` of the same names say more.

    Attributes:
        executor: ``"local"``, or ``"ray"`` for the hosts of a Ray cluster.
        workers: Number of Ray workers; None for 1.
        cpus: Number of CPUs that Ray reserves for a worker.
        gpus: Number of GPUs that Ray reserves for a worker.
        batch_size: Number of images that are encoded together; None for the default of the device.

    Raises:
        ConfigError: A value is out of its range, or workers are given without Ray.
    """

    executor: ExecutorName
    workers: int | None
    cpus: float
    gpus: float
    batch_size: int | None

    def __post_init__(self) -> None:
        if self.executor not in ("local", "ray"):
            raise ConfigError(f"executor must be 'local' or 'ray', got {self.executor!r}")
        if self.workers is not None and self.executor != "ray":
            raise ConfigError(f"workers={self.workers} needs the executor 'ray' (--executor ray), got {self.executor!r}")
        for name in ("batch_size", "workers"):
            object.__setattr__(self, name, _count(name, getattr(self, name)))
        object.__setattr__(self, "cpus", positive("cpus", self.cpus))
        object.__setattr__(self, "gpus", 0.0 if self.gpus == 0 else positive("gpus", self.gpus))


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run. The arguments of `promptseg.annotate` of the same names say more.

    Attributes:
        folder: Output folder.
        formats: Names of the formats.
        options: Options by format.
        images: Folder to which paths in a list, table or COCO file are relative, or None.
        classes: Classes in their order as they were given, or None.
        correction: Output that was corrected by hand, or None.
        every: Take every n-th frame of a video, or None.
        scene: How a raster is cut into tiles and read; None for images.
        thumbnails: Maximum number of images with a thumbnail in the gallery.
        overlays: Whether the images are also written with the masks drawn on them.
        retry_failed: Whether images are processed again that failed before.
        limit: Number of images to take from the start of the source; None for all.
        workforce: Who annotates.

    Raises:
        ConfigError: A value is one that it cannot have.
    """

    folder: Path
    formats: Sequence[str]
    options: Mapping[str, Mapping[str, Any]]
    images: str | os.PathLike[str] | None
    classes: str | os.PathLike[str] | Sequence[str | Category] | None
    correction: CorrectedOutput | None
    every: int | None
    scene: SceneOptions | None
    thumbnails: int
    overlays: bool
    retry_failed: bool
    limit: int | None
    workforce: Workforce

    def __post_init__(self) -> None:
        _check_formats(self.formats, self.options, is_scene=self.scene is not None)
        for name in ("limit", "every"):
            object.__setattr__(self, name, _count(name, getattr(self, name)))
        object.__setattr__(self, "thumbnails", whole_number("gallery", self.thumbnails, 0))
        object.__setattr__(self, "retry_failed", flag("retry_failed", self.retry_failed))

    @property
    def gallery(self) -> Path:
        """Folder of the gallery."""
        return self.folder / gallery_files.FOLDER

    @property
    def written_gallery(self) -> Path | None:
        """Folder of the gallery, or None for no gallery."""
        return self.gallery if self.thumbnails else None

    @property
    def written_overlays(self) -> Path | None:
        """Folder of the overlays at full size, or None for none."""
        return self.folder / overlay_files.FOLDER if self.overlays else None


def corrected(corrections: str | None, boxes: bool) -> CorrectedOutput | None:
    """Return the output that was corrected by hand, or None.

    Raises:
        ConfigError: It is not an output, or `boxes` is given without one.
    """
    if flag("boxes", boxes) and corrections is None:
        raise ConfigError("boxes (--boxes) is about corrections: give corrections (--corrections)")
    return None if corrections is None else CorrectedOutput.parse(corrections, boxes)


def _count(name: str, value: int | None) -> int | None:
    return None if value is None else whole_number(name, value, 1)


def _check_formats(formats: Sequence[str], options: Mapping[str, Mapping[str, Any]], *, is_scene: bool) -> None:
    if isinstance(formats, str):
        raise ConfigError(f"formats must be a list of names, got the string {formats!r}: write [{formats!r}]")
    if is_scene:
        check_formats(formats, options)
    else:
        for name in formats:
            if name in SCENE_FORMATS and name not in OF_IMAGES:
                raise ConfigError(
                    f"{name} is written for rasters: give tile (--tile), the size of the tiles to cut one into, such as tile=1024"
                )
            check_format(name, options.get(name, {}))
    for name in options:
        if name not in formats:
            raise ConfigError(f"options are given for the format {name!r}, which is not written: the formats are {', '.join(formats)}")
