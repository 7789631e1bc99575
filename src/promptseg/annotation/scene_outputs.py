"""Outputs of a raster: its objects as vectors and labels, and its tiles, or the whole of it, as a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._counting import number_of
from ..datasets.core import AnnotatedImage, Category
from ..datasets.writing import WriteReport, check_format, output_of, write
from ..errors import ConfigError
from ..image_formats import MAX_PIXELS
from ..rasters.window import Window
from ..runtime.progress import track
from ..scene_masks import SceneMasks
from ..tiling.grid import TileGrid
from .output_checks import check_outputs
from .own_folders import check_own_folder
from .scene_formats import OF_TILES, check_scene_formats, check_scene_options, write_scene
from .sources.scene import SceneTiles
from .tile_images import FOLDER, TileImages, remove_tiles, whole_image


@dataclass(frozen=True)
class SceneOutputs:
    """What a run on a raster writes.

    Attributes:
        source: The tiles of the raster.
        folder: The output folder of the run.
        formats: Names of the formats.
        options: Options by format.
    """

    source: SceneTiles
    folder: Path
    formats: Sequence[str]
    options: Mapping[str, Mapping[str, Any]]

    def check(self, gallery: Path | None) -> None:
        """Check everything about the outputs that can be known before the first tile.

        Args:
            gallery: The folder of the gallery, or None for no gallery. It is created.

        Raises:
            ConfigError: An option has a value that the format does not allow, or asks for the copy of a raster that is a folder.
            MissingDependencyError: A format needs a package that is not installed.
            OutputError: The folder cannot be written, or something that promptseg did not write is in the place of an output.
        """
        check_outputs(self.folder, self._of_tiles, self.options, (), gallery=gallery, overlays=None)
        check_scene_formats(self._of_scene, self.folder, self.source.raster.georeference)
        if self._of_tiles and not self.source.options.whole:
            check_own_folder(self.folder / FOLDER)
        self._check_copies()

    def write(self, scene: SceneMasks, classes: Sequence[str | Category], undone: Sequence[Window]) -> dict[str, WriteReport]:
        """Write the outputs. Each file or folder gets its final name when it is complete.

        Args:
            scene: The objects of the raster.
            classes: Classes of the datasets in their order.
            undone: The parts of the raster that are not annotated. No image of a dataset shows any of them.

        Raises:
            OutputError: A file cannot be written, for example to a full disk.
        """
        reports = {name: write_scene(name, scene, self.folder, self.source.raster, own) for name, own in self._of_scene.items()}
        for name in self._of_tiles:
            images = self._images(scene, name, undone)
            reports[name] = write(name, images, self.folder, classes=classes, **self.options.get(name, {}))
        if self._of_tiles and self.source.options.whole and not self._others_have_tiles():
            remove_tiles(self.folder / FOLDER)
        if undone:
            alone = "it shows" if len(undone) == 1 else "they show"
            note = f"{number_of(len(undone), 'tile is', 'tiles are')} not annotated: what only {alone} is missing"
            reports = {name: replace(report, notes=(*report.notes, note)) for name, report in reports.items()}
        return reports

    def _check_copies(self) -> None:
        """Check that the raster is a file where a dataset is to hold a copy of it as one image."""
        copied = [name for name in self._of_tiles if self.options.get(name, {}).get("images") == "copy"]
        if copied and self.source.options.whole and self.source.path.is_dir():
            raise ConfigError(
                f"{self.source.raster.name} is a folder, and {copied[0]}.images=copy copies an image that is a file: leave out whole "
                f"(--whole), so that its tiles are the images, or give {copied[0]}.images=none"
            )

    def _images(self, scene: SceneMasks, name: str, undone: Sequence[Window]) -> Iterable[AnnotatedImage]:
        source = self.source
        if source.options.whole:
            return [whole_image(source.raster, scene, source.path)]
        grid = TileGrid(source.raster.size, source.options.tile, source.options.overlap)
        boxes = np.array([window.box for window in undone], np.int64).reshape(-1, 4)
        images = TileImages(source.raster, scene, grid, self.folder / FOLDER, boxes)
        return track(images, stage=f"write {name}", total=len(grid), unit="tile")

    def _others_have_tiles(self) -> bool:
        """Return whether a dataset of an earlier run is there, which this run did not write, and whose images may be the tiles."""
        written = {output_of(name, self.folder) for name in self._of_tiles}
        return any(path.exists() for name in OF_TILES if (path := output_of(name, self.folder)) not in written)

    @property
    def _of_tiles(self) -> list[str]:
        return [name for name in dict.fromkeys(self.formats) if name in OF_TILES]

    @property
    def _of_scene(self) -> dict[str, Mapping[str, Any]]:
        return {name: self.options.get(name, {}) for name in dict.fromkeys(self.formats) if name not in OF_TILES}


def check_formats(formats: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the names of formats for a run on a raster, and their options.

    Raises:
        ConfigError: There is no such format, or it does not have an option or does not allow its value.
    """
    for name in formats:
        if name in OF_TILES:
            check_format(name, options.get(name, {}))
        else:
            check_scene_options({name: options.get(name, {})})


def check_whole(source: SceneTiles) -> None:
    """Check that a raster can be one image of a dataset, where that is asked for.

    Raises:
        ConfigError: It has too many pixels.
    """
    height, width = source.raster.size
    if source.options.whole and height * width > MAX_PIXELS:
        raise ConfigError(
            f"{source.raster.name} has {width} x {height} pixels, and one image of a dataset has {MAX_PIXELS} at most: leave out whole "
            "(--whole), so that its tiles are the images, or write vectors, such as gpkg"
        )
