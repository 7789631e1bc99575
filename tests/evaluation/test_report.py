import builtins
import re
from dataclasses import replace

import pytest

import promptseg
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import InputError, MissingDependencyError, OutputError
from promptseg.evaluation import plots
from promptseg.evaluation.failures import find_failures
from promptseg.evaluation.overlays import draw_overlays
from promptseg.evaluation.report import write_report
from promptseg.testing import FakeSegmenter


@pytest.fixture
def run(dataset):
    return promptseg.evaluate(dataset, model=FakeSegmenter(radius=7.5), prompt="point")


def test_a_report_is_one_page_with_figures_and_overlays(run, dataset, tmp_path):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    write_report(run, dataset, tmp_path / "new" / "report.html", failures=find_failures(run, dataset), cases=2)
    page = (tmp_path / "new" / "report.html").read_text("utf-8")
    assert f"<td>IoU</td><td>{run.metrics['iou'].mean:.4f}</td>" in page
    assert "<td>whole image</td>" in page
    assert "3 of 6 objects have an IoU under 0.5" in page
    assert page.count("data:image/jpeg;base64,") == 6
    assert page.count("<svg") == 2
    assert not re.search(r'(src|href)="(?!data:|#)', page.replace("xlink:href", "href"))


def test_the_worst_come_first_and_the_best_last(run, dataset, tmp_path):
    write_report(run, dataset, tmp_path / "report.html", cases=1)
    shown = [float(iou) for iou in re.findall(r": IoU ([\d.]+)<", (tmp_path / "report.html").read_text("utf-8"))]
    ious = sorted(row.iou for row in run.rows)
    assert shown == pytest.approx([ious[0], ious[3], ious[-1]], abs=6e-4)


def test_without_matplotlib_the_report_says_that_there_are_no_plots(run, dataset, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="viz"):
        plots.figures(run)
    write_report(run, dataset, tmp_path / "report.html", cases=1)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "There are no plots: plots need matplotlib" in page
    assert "<svg" not in page


def test_names_cannot_break_the_page(run, dataset, tmp_path):
    from dataclasses import replace

    write_report(replace(run, model="<script>", data="a&b"), dataset, tmp_path / "report.html", cases=0)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script>" not in page
    assert "a&amp;b" in page


def test_a_report_that_cannot_be_written_is_an_error_that_names_it(run, dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report(run, dataset, tmp_path / "file" / "report.html", cases=0)


def test_plots_are_drawn_of_what_there_is(run, dataset):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    assert list(plots.figures(run)) == ["IoU of the objects", "Score and IoU"]
    by_clicks = promptseg.evaluate(dataset, model=FakeSegmenter(), prompt="clicks:3", baselines=False)
    (line, *_) = plots.figures(by_clicks)["IoU after each click"].axes[0].lines
    assert line.get_ydata().tolist() == pytest.approx(by_clicks.clicks["iou_mean_after"])


def test_two_runs_are_drawn_object_by_object(run, dataset):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    other = promptseg.evaluate(dataset, model=FakeSegmenter(), prompt="box", baselines=False)
    axes = plots.paired(run, other).axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[one.iou, two.iou] for one, two in zip(run.rows, other.rows, strict=True)]
    assert axes.get_ylabel() == "IoU, fake-segmenter by box"


def test_the_report_says_how_truth_and_prediction_are_told_apart(run, dataset, tmp_path):
    write_report(run, dataset, tmp_path / "report.html", cases=1)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "solid green outline, the prediction a dashed red one" in page
    worst = min(run.rows, key=lambda row: row.iou)
    assert f'alt="{worst.name}: IoU {worst.iou:.3f}"' in page or f'alt="{worst.name}, ' in page


def test_objects_that_are_not_there_cannot_be_drawn(run, dataset):
    with pytest.raises(InputError, match=r"no object '0\.png#1'"):
        list(draw_overlays(run.rows, dataset.only(["1.png"])))


def test_names_that_are_not_text_are_legible(folder, tmp_path):
    for name in ("images", "masks"):
        try:
            (folder / name / "0.png").rename(folder / name / "caf\udce9.png")
        except OSError:
            pytest.skip("this system refuses names that are not UTF-8")
    dataset = read_paired_masks(folder / "images", folder / "masks")
    run = promptseg.evaluate(dataset, model=FakeSegmenter(radius=7.5), prompt="point", baselines=False)
    write_report(replace(run, data="\ud800"), dataset, tmp_path / "report.html", cases=6)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "caf%E9.png#1, 1: IoU" in page
    assert "images in \ufffd;" in page
