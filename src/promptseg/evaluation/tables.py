"""Text summary of an evaluation, and its rows as columns of a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from .._counting import number_of
from ..datasets.safe_names import text_label, text_name
from .aggregates import GOALS, Aggregates
from .rows import ObjectRow
from .statistics import Estimate

TITLES = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "boundary_iou": "boundary IoU",
    "boundary_f": "boundary F",
}


def summary_text(run: Aggregates) -> str:
    """Return the metrics of an evaluation as text."""
    cached = sum(image.cached for image in run.images)
    lines = [
        f"{run.model} by {run.prompt} on {number_of(len(run.rows), 'object')} of {number_of(len(run.images), 'image')} (seed {run.seed})",
        f"{'':22}mean ± std. dev.   95 % interval of the mean",
        *(f"  {TITLES[name]:20}{one}" for name, one in run.metrics.items()),
        *(["  baselines by IoU, and the difference of the model to each"] if run.baselines else []),
        *(f"  {name.replace('_', ' '):20}{both['iou']}   {_signed(both['above'])}" for name, both in run.baselines.items()),
    ]
    if run.selection is not None:
        lines.append(
            "  selected masks {selected:.4f}; the best candidate masks would have {best:.4f}".format(
                best=run.selection["best"]["mean"], selected=run.selection["selected"]["mean"]
            )
        )
    if run.calibration is not None:
        correlation = run.calibration["correlation"]
        suffix = "" if correlation is None else f", correlation {correlation:.2f}"
        lines.append(f"  scores: mean error {run.calibration['error']:.3f}, bias {run.calibration['bias']:+.3f}{suffix}")
    if run.clicks is not None:
        for goal in GOALS:
            one = run.clicks[f"to_{round(goal * 100)}"]
            lines.append(f"  clicks to {goal:.0%} IoU: {one['mean']:.2f} (reached by {one['reached']:.0%} of the objects)")
    for title, groups in (("size", run.by(lambda row: row.size)), ("class", run.by(lambda row: row.label))):
        if len(groups) > 1:
            lines += shortened([f"  {title} {name or '(none)'}: {one.mean:.4f} on {one.count}" for name, one in groups.items()], "classes")
    lines += [line for line in (ignored_text(run),) if line]
    embeddings = f"{cached} of {number_of(len(run.images), 'embedding')} {'was' if cached == 1 else 'were'} cached"
    lines.append(f"  {run.seconds_per_image:.2f} s an image; {embeddings}")
    return "\n".join(lines)


def ignored_text(run: Aggregates) -> str:
    """Return how many pixels are left out, or an empty string if none are."""
    images = [image for image in run.images if image.ignored]
    pixels = sum(image.ignored for image in images)
    if not images:
        return ""
    left = "is left out" if pixels == 1 else "are left out"
    return f"  {number_of(pixels, 'ignored pixel')} (void or crowds) of {number_of(len(images), 'image')} {left}"


def row_columns(run: Aggregates) -> dict[str, list[Any]]:
    """Return the rows of the objects as columns by name. Each baseline has a column, and lists are JSON. Names are text for any file."""
    names = [one.name for one in fields(ObjectRow) if one.name not in ("box", "points", "click_ious", "baselines", "prediction")]
    columns: dict[str, list[Any]] = {name: [_text(name, getattr(row, name)) for row in run.rows] for name in names}
    columns |= {f"baseline_{text_label(name)}": [row.baselines.get(name) for row in run.rows] for name in run.baselines}
    for name in ("box", "points", "click_ious"):
        columns[name] = [json.dumps(getattr(row, name)) if getattr(row, name) else None for row in run.rows]
    return columns


def shortened(lines: Sequence[str], what: str, limit: int = 10) -> list[str]:
    """Return the first lines, and a line with the number of the others."""
    rest = len(lines) - limit
    return [*lines[:limit], f"  and {rest} more {what}, in the JSON"] if rest > 0 else list(lines)


def _text(column: str, value: Any) -> Any:
    return (text_label if column == "label" else text_name)(value) if isinstance(value, str) else value


def _signed(difference: Estimate) -> str:
    interval = "" if difference.ci95 is None else f" [{difference.ci95[0]:+.4f}, {difference.ci95[1]:+.4f}]"
    return f"{difference.mean:+.4f}{interval}"
