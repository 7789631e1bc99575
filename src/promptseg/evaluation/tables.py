"""Text summary of an evaluation, and its rows as columns of a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from .figures import GOALS, Figures
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


def summary_text(figures: Figures) -> str:
    """Return the figures of an evaluation as text."""
    cached = sum(image.cached for image in figures.images)
    lines = [
        f"{figures.model} by {figures.prompt} on {len(figures.rows)} objects of {len(figures.images)} images (seed {figures.seed})",
        f"{'':22}mean ± std. dev.   95 % interval of the mean",
        *(f"  {TITLES[name]:20}{one}" for name, one in figures.metrics.items()),
        *(["  baselines by IoU, and the difference of the model to each"] if figures.baselines else []),
        *(f"  {name.replace('_', ' '):20}{both['iou']}   {_signed(both['above'])}" for name, both in figures.baselines.items()),
    ]
    if figures.selection is not None:
        lines.append(
            "  selected masks {selected:.4f}; the best candidate masks would have {best:.4f}".format(
                best=figures.selection["best"]["mean"], selected=figures.selection["selected"]["mean"]
            )
        )
    if figures.calibration is not None:
        correlation = figures.calibration["correlation"]
        suffix = "" if correlation is None else f", correlation {correlation:.2f}"
        lines.append(f"  scores: mean error {figures.calibration['error']:.3f}, bias {figures.calibration['bias']:+.3f}{suffix}")
    if figures.clicks is not None:
        for goal in GOALS:
            one = figures.clicks[f"to_{round(goal * 100)}"]
            lines.append(f"  clicks to {goal:.0%} IoU: {one['mean']:.2f} (reached by {one['reached']:.0%} of the objects)")
    for title, groups in (("size", figures.by(lambda row: row.size)), ("class", figures.by(lambda row: row.label))):
        if len(groups) > 1:
            lines += shortened([f"  {title} {name or '(none)'}: {one.mean:.4f} on {one.count}" for name, one in groups.items()], "classes")
    lines.append(f"  {figures.seconds_per_image:.2f} s an image; {cached} of {len(figures.images)} embeddings were cached")
    return "\n".join(lines)


def row_columns(figures: Figures) -> dict[str, list[Any]]:
    """Return the rows of the objects as columns by name. Each baseline has a column, and lists are JSON."""
    names = [one.name for one in fields(ObjectRow) if one.name not in ("box", "points", "click_ious", "baselines", "prediction")]
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in figures.rows] for name in names}
    columns |= {f"baseline_{name}": [row.baselines.get(name) for row in figures.rows] for name in figures.baselines}
    for name in ("box", "points", "click_ious"):
        columns[name] = [json.dumps(getattr(row, name)) if getattr(row, name) else None for row in figures.rows]
    return columns


def shortened(lines: Sequence[str], what: str, limit: int = 10) -> list[str]:
    """Return the first lines, and a line with the number of the others."""
    rest = len(lines) - limit
    return [*lines[:limit], f"  and {rest} more {what}, in the JSON"] if rest > 0 else list(lines)


def _signed(difference: Estimate) -> str:
    interval = "" if difference.ci95 is None else f" [{difference.ci95[0]:+.4f}, {difference.ci95[1]:+.4f}]"
    return f"{difference.mean:+.4f}{interval}"
