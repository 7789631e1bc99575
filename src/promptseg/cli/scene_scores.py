"""``promptseg evaluate --scene``: the objects that were found in a raster, compared with the true ones."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import typer

from ..runtime import progress
from ..runtime.output_paths import check_output_file
from .output import FAILED, clean_up, errors_as_messages, say, written


def evaluate_scene_files(scene: Path, predictions: Path, truth: Path, out: Path | None, *, by_label: bool, as_json: bool) -> None:
    """Compare two files of objects of a raster, vectors or label rasters, and print the figures.

    Args:
        scene: The raster.
        predictions: The objects that were found.
        truth: The true objects.
        out: File for the figures as JSON, or None.
        by_label: Match objects of the same label alone.
        as_json: Print JSON in place of a table.

    Raises:
        typer.Exit: A file cannot be read or written.
    """
    # Imported here, because no other command needs them.
    from ..evaluation.scene import evaluate_scene
    from ..geo.reading import read_scene
    from ..rasters.opening import open_raster

    with errors_as_messages(), progress.shown():
        if out is not None:
            check_output_file(out, suffixes=(".json",), inputs=[scene, predictions, truth])
            clean_up(out.parent, out.name)
        with open_raster(scene, bands=1, limits=(0, 1)) as raster:  # Its size and its place are all that is asked of it.
            found, true = read_scene(predictions, raster), read_scene(truth, raster)
        evaluation = evaluate_scene(found, true, by_label=by_label)
    saved = out is None or written(partial(evaluation.save, out), out)
    say(json.dumps(evaluation.to_dict(), indent=1) if as_json else str(evaluation))
    if not saved:
        raise typer.Exit(FAILED)
