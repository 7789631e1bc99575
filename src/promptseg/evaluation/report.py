"""HTML report of a run: one page with embedded plots and overlays."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from .._counting import number_of
from ..datasets.core import Dataset
from ..datasets.safe_names import text_label, text_name
from ..errors import MissingDependencyError
from ..runtime.files import output_errors, write_atomically
from . import plots
from .concept_rows import FIGURE_TITLES, figure_texts
from .failures import Failures
from .overlays import draw_overlays
from .results import Evaluation
from .rows import ObjectRow
from .statistics import Estimate
from .tables import TITLES, ignored_text


def write_report(
    run: Evaluation, dataset: Dataset, path: str | os.PathLike[str], *, failures: Failures | None = None, cases: int = 4
) -> None:
    """Write an HTML page with the metrics of a run, its best, median and worst predictions, and plots if matplotlib is installed.

    Args:
        run: The run.
        dataset: Dataset of the run.
        path: The HTML file. It needs no other file.
        failures: Failure analysis to include.
        cases: Number of best, of median and of worst predictions to show.

    Raises:
        InputError: When the dataset lacks an image of the run.
        OutputError: When the file cannot be written.
    """
    page = "\n".join(
        [
            _HEAD.format(title=escape(f"{run.model} by {run.prompt}")),
            f"<p>{number_of(len(run.rows), 'object')} of {number_of(len(run.images), 'image')} in {escape(run.data)}; "
            f"prompts drawn by seed {run.seed}; "
            f"{run.seconds_per_image:.2f} s an image, {sum(image.cached for image in run.images)} of which had a cached embedding.</p>",
            *([f"<p>{escape(ignored_text(run).strip())}.</p>"] if ignored_text(run) else []),
            "<h2>Metrics</h2>",
            _table(
                ("", "mean", "standard deviation", "95 % interval of the mean"), [(TITLES[n], *_cells(e)) for n, e in run.metrics.items()]
            ),
            *_baselines(run),
            *_concepts(run),
            *_breakdown(run),
            *_plots(run),
            *([] if failures is None else _failures(failures)),
            *_cases(run, dataset, cases),
            *_findings(run),
            "</body></html>\n",
        ]
    )
    file = Path(path)
    with output_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(file, text=True) as opened:
            opened.write(text_label(page))  # Names of classes and folders may not be text.


def _baselines(run: Evaluation) -> list[str]:
    if not run.baselines:
        return []
    rows = [
        (name.replace("_", " "), f"{both['iou'].mean:.4f}", f"{both['above'].mean:+.4f}", _interval(both["above"], "+.4f"))
        for name, both in run.baselines.items()
    ]
    return ["<h2>Baselines</h2>", _table(("", "IoU", "difference of the model", "95 % interval"), rows)]


def _concepts(run: Evaluation) -> list[str]:
    values = run.instances
    if values is None:
        return []
    rows = [(name.replace("_", " "), *figure_texts(own)) for name, own in (("model", values), *values["baselines"].items())]
    asked = f"{values['present']} times where it is, {values['absent']} times where it is not"
    return ["<h2>Instances of concepts</h2>", f"<p>A concept was asked {asked}.</p>", _table(("", *FIGURE_TITLES), rows)]


def _breakdown(run: Evaluation) -> list[str]:
    parts = []
    for title, groups in (("size", run.by(lambda row: row.size)), ("class", run.by(lambda row: row.label))):
        if len(groups) > 1:
            rows = [(name or "(none)", str(one.count), *_cells(one)) for name, one in groups.items()]
            parts += [f"<h2>IoU by {title}</h2>", _table((title, "objects", "mean", "standard deviation", "95 % interval"), rows)]
    if run.selection is not None:
        best, selected = run.selection["best"]["mean"], run.selection["selected"]["mean"]
        parts.append(f"<p>The selected masks have an IoU of {selected:.4f}; the best candidate masks would have {best:.4f}.</p>")
    if run.calibration is not None:
        error, bias = run.calibration["error"], run.calibration["bias"]
        parts.append(f"<p>Calibration of the scores as estimates of the IoU: mean error {error:.3f}, bias {bias:+.3f}.</p>")
    if run.clicks is not None:
        reached = (
            f"{goal[3:]} % IoU: {one['mean']:.2f} clicks ({one['reached']:.0%} of the objects)"
            for goal, one in run.clicks.items()
            if goal[:3] == "to_"
        )
        parts.append(f"<p>{'; '.join(reached)}.</p>")
    return parts


def _plots(run: Evaluation) -> list[str]:
    try:
        drawn = plots.figures(run)
    except MissingDependencyError as error:
        return [f"<p>There are no plots: {escape(str(error))}.</p>"]
    return [f"<figure>{plots.svg(figure)}<figcaption>{escape(title)}</figcaption></figure>" for title, figure in drawn.items()]


def _failures(failures: Failures) -> list[str]:
    rows = [
        (
            group.trait,
            f"{group.minimum:.3g} to {group.maximum:.3g}",
            f"{group.failures} of {group.rate.count}",
            f"{group.rate.mean:.0%}",
            _interval(group.rate, ".0%"),
            f"{group.elsewhere:.0%}",
            "stands out" if group.stands_out else "",
        )
        for group in failures.groups
    ]
    return [
        f"<h2>Failures</h2><p>{len(failures.worst)} of {number_of(failures.objects, 'object')} "
        f"{'has' if len(failures.worst) == 1 else 'have'} an IoU under {failures.threshold:g}. The "
        "table has thirds of the objects by each trait, the highest failure rate first. One of so many may stand out by chance.</p>",
        _table(("trait", "range", "failed", "failure rate", "95 % interval", "elsewhere", ""), rows),
    ]


def _cases(run: Evaluation, dataset: Dataset, count: int) -> list[str]:
    ranked = sorted(run.rows, key=lambda row: row.iou)
    middle = max(0, len(ranked) // 2 - count // 2)
    parts = [
        "<p>The images show the objects enlarged. The truth has a solid green outline, the prediction a dashed red one. Missed pixels "
        "are tinted, pixels that are too much are hatched. A box prompt is yellow. The small image shows where in the image this is.</p>"
    ]
    for title, rows in (("Worst", ranked[:count]), ("Median", ranked[middle : middle + count]), ("Best", ranked[::-1][:count])):
        parts += [f"<h2>{title}</h2>", *_overlays(rows, dataset)]
    return parts


def _overlays(rows: Sequence[ObjectRow], dataset: Dataset) -> Iterable[str]:
    for row, drawn in zip(rows, draw_overlays(rows, dataset, longest=480), strict=True):
        yield f'<figure><img alt="{escape(_alt(row))}" src="{_inline(drawn)}"><figcaption>{escape(_alt(row))}</figcaption></figure>'


def _alt(row: ObjectRow) -> str:
    label = "" if row.label is None else f", {text_label(row.label)}"
    return f"{text_name(row.name)}{label}: IoU {row.iou:.3f}"


def _findings(run: Evaluation) -> list[str]:
    return ["<h2>Findings</h2><ul>", *(f"<li>{escape(text_name(str(one)))}</li>" for one in run.findings), "</ul>"] if run.findings else []


def _inline(drawn: Image.Image) -> str:
    file = io.BytesIO()
    drawn.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _cells(one: Estimate) -> tuple[str, str, str]:
    return f"{one.mean:.4f}", "" if one.std is None else f"{one.std:.4f}", _interval(one, ".4f")


def _interval(one: Estimate, form: str) -> str:
    return "" if one.ci95 is None else f"{one.ci95[0]:{form}} to {one.ci95[1]:{form}}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in [("th", head), *(("td", row) for row in rows)]]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }}
table {{ border-collapse: collapse; }} th, td {{ padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd; }}
figure {{ display: inline-block; margin: .5rem; vertical-align: top; }} img, svg {{ max-width: min(100%, 44rem); height: auto; }}
</style></head><body><h1>{title}</h1>"""
