"""``promptseg evaluate --video``: tracked masks of DAVIS sequences, compared with the true ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..registry import choose
from ..runtime.output_files import write_json
from .output import FAILED, errors_as_messages, say, written

if TYPE_CHECKING:
    from ..evaluation.video import SequenceScore


def evaluate_tracker(
    davis: Path,
    model: str,
    out: Path | None,
    *,
    engine: str | None,
    options: Mapping[str, Any],
    device: str,
    use_cache: bool,
    as_json: bool,
) -> None:
    """Track the objects of DAVIS sequences, and print the figures.

    Args:
        davis: The DAVIS folder.
        model: Name of the model that tracks.
        out: File for the figures as JSON, or None.
        engine: Engine that runs the model, or None for its first.
        options: Options of the model.
        device: Device that it runs on.
        use_cache: Whether embeddings of frames are cached on the disk, if the tracker uses them.
        as_json: Print JSON in place of a table.

    Raises:
        typer.Exit: The model cannot be loaded, a sequence cannot be read, or the file cannot be written.
    """
    # Imported here, because no other command needs it.
    from ..evaluation.video import evaluate_video
    from ..registry import load_video, tracker_of

    with errors_as_messages():
        chosen = choose(model, engine=engine)
        caches = use_cache and tracker_of(chosen).name == "propagate" and "cache" in chosen.backend.options
        cache = {"cache": "disk"} if caches else {}
        scores = evaluate_video(load_video(model, engine=engine, device=device, **cache, **options), davis)
    _report(scores, model, out, as_json)


def evaluate_predictions(davis: Path, predictions: Path, out: Path | None, *, as_json: bool) -> None:
    """Compare a folder of label images with DAVIS sequences, and print the figures.

    Args:
        davis: The DAVIS folder.
        predictions: Folder of label images, one folder for each sequence.
        out: File for the figures as JSON, or None.
        as_json: Print JSON in place of a table.

    Raises:
        typer.Exit: A file cannot be read or written.
    """
    from ..evaluation.video import evaluate_video

    with errors_as_messages():
        scores = evaluate_video(predictions, davis)
    _report(scores, str(predictions), out, as_json)


def _report(scores: Sequence[SequenceScore], tracker: str, out: Path | None, as_json: bool) -> None:
    """Write and print the figures."""
    values = {score.name: score.to_dict() for score in scores}
    mean = {key: round(sum(getattr(score, key) for score in scores) / len(scores), 6) for key in ("j", "f", "j_and_f")}
    result = {"format": "promptseg-video-evaluation-1", "tracker": tracker, "sequences": values, "mean": mean}
    saved = out is None or written(partial(write_json, result, out), out)
    if as_json:
        say(json.dumps(result, indent=1))
    else:
        _print_scores(scores, mean)
    if not saved:
        raise typer.Exit(FAILED)


def _print_scores(scores: Sequence[SequenceScore], mean: Mapping[str, float]) -> None:
    width = max(8, *(len(score.name) for score in scores))
    say(f"{'sequence':<{width}}  objects      J      F    J&F  switches")
    for score in scores:
        figures = f"{score.j:>6.3f} {score.f:>6.3f} {score.j_and_f:>6.3f}"
        say(f"{score.name:<{width}}  {len(score.objects):>7} {figures} {score.switches:>9}")
    say(f"{'mean':<{width}}  {'':>7} {mean['j']:>6.3f} {mean['f']:>6.3f} {mean['j_and_f']:>6.3f}")
