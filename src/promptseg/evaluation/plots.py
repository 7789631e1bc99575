"""Plots of a run with matplotlib (extra ``viz``), without its global state."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._install import install_extra
from ..errors import MissingDependencyError
from .aggregates import GOALS
from .results import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def figures(run: Evaluation) -> dict[str, Figure]:
    """Return all plots of a run, by title.

    Raises:
        MissingDependencyError: When matplotlib is not installed.
    """
    drawn = {"IoU of the objects": iou_histogram(run)}
    if run.calibration is not None:
        drawn["Score and IoU"] = calibration(run)
    if run.clicks is not None:
        drawn["IoU after each click"] = clicks(run)
    return drawn


def iou_histogram(run: Evaluation) -> Figure:
    """Return a histogram of the IoU of the objects, for the model and the baselines."""
    figure, axes = _axes("IoU", "objects")
    of_baselines: Mapping[str, Sequence[float]] = {
        name.replace("_", " "): [row.baselines[name] for row in run.rows if name in row.baselines] for name in run.baselines
    }
    bins = np.linspace(0, 1, 21).tolist()
    axes.hist([row.iou for row in run.rows], bins, alpha=0.5, label=run.model)
    for name, values in of_baselines.items():
        axes.hist(values, bins, histtype="step", linewidth=1.5, label=name)
    axes.legend()
    return figure


def calibration(run: Evaluation) -> Figure:
    """Return a scatter plot of the IoU of each object against its score. On the line, both are equal."""
    figure, axes = _axes("score", "IoU")
    known = [(row.score, row.iou) for row in run.rows if row.score is not None]
    axes.plot([0, 1], [0, 1], color="gray", linewidth=1)
    axes.scatter([score for score, _ in known], [iou for _, iou in known], s=12, alpha=0.6)
    return figure


def clicks(run: Evaluation) -> Figure:
    """Return a plot of the mean IoU after each click, with lines at `promptseg.evaluation.aggregates.GOALS`."""
    figure, axes = _axes("clicks", "mean IoU")
    means = [] if run.clicks is None else run.clicks["iou_mean_after"]
    axes.plot(range(1, len(means) + 1), means, marker="o")
    for goal in GOALS:
        axes.axhline(goal, color="gray", linewidth=1, linestyle=":")
    axes.set_ylim(0, 1)
    return figure


def paired(first: Evaluation, second: Evaluation, names: tuple[str, str] | None = None) -> Figure:
    """Return a scatter plot of the IoU of each object in two runs. Above the line, the second run is better.

    Args:
        first: The first run.
        second: The second run, on the same objects; `promptseg.evaluation.comparison.compare` checks that.
        names: Names of the two runs; by default their models and prompts.
    """
    labels = names or (f"{first.model} by {first.prompt}", f"{second.model} by {second.prompt}")
    figure, axes = _axes(f"IoU, {labels[0]}", f"IoU, {labels[1]}")
    figure.set_size_inches(4.2, 4.2)
    known = {row.name: row.iou for row in second.rows}
    axes.plot([0, 1], [0, 1], color="gray", linewidth=1)
    axes.scatter([row.iou for row in first.rows], [known[row.name] for row in first.rows], s=14, alpha=0.7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return figure


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element for an HTML page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()[file.getvalue().index("<svg") :]


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(f"plots need matplotlib, which is not installed: {install_extra('viz')}") from error
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes
