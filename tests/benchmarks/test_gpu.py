"""The benchmark for GPUs runs on the CPU too, with tiny models, so that it works where there is a GPU."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the benchmark needs torch")

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("everything", "boxes", "encode", "one prompt", "yolo+boxes")


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import gpu
        import gpu_bench
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return gpu, gpu_bench


@pytest.fixture
def gpu(modules):
    return modules[0]


@pytest.fixture
def bench(modules):
    return modules[1].Bench(argparse.Namespace(device="cpu", budget=60, quick=True))


@pytest.mark.slow
def test_every_row_has_the_time_of_both_sides_and_their_ratio(gpu, tmp_path, capsys):
    for module in ("segment_anything", "mobile_sam", "sam2", "ultralytics"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    path = tmp_path / "gpu.json"
    assert gpu.main(["--device", "cpu", "--quick", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    content = json.loads(path.read_text("utf-8"))
    expected = {(task, "mini-sam", "float32") for task in TASKS}
    for dtype in ("float32", "bfloat16"):
        expected |= {(task, model, dtype) for task in TASKS for model in ("sam-vit-h", "sam2.1-hiera-tiny")}
        expected.add(("video", "sam2.1-hiera-tiny", dtype))
    assert {(row["task"], row["model"], row["dtype"]) for row in content["rows"]} == expected
    for row in content["rows"]:
        assert row["ratio"] == row["upstream"] / row["ours"], row["note"]
        assert f"{row['task']:<11} {row['model']:<22} {row['size']:>9} {row['dtype']:<8}" in printed
    assert [each["iou_least"] for each in content["parity"] if each["dtype"] == "float32"] == [1, 1, 1]


def test_what_cannot_run_on_one_side_is_a_reason_and_the_other_side_is_measured(gpu, bench, capsys):
    def missing():
        raise ModuleNotFoundError("No module named 'segment_anything'\nand more")

    row = bench.row(gpu.Row("encode", "sam-vit-h", "640x480", "float32"), lambda: (missing, lambda: None))
    assert row.upstream is None
    assert row.ratio is None
    assert row.ours >= 0
    assert row.note == "upstream: cannot run: ModuleNotFoundError: No module named 'segment_anything'"
    assert row.note in capsys.readouterr().out


def test_a_row_that_cannot_be_prepared_is_a_reason(gpu, bench):
    row = bench.row(gpu.Row("encode", "sam-vit-h", "640x480", "float32"), lambda: 1 / 0)
    assert (row.upstream, row.ours, row.note) == (None, None, "cannot run: ZeroDivisionError: division by zero")


def test_rows_are_left_out_when_the_last_of_their_kind_took_longer_than_what_is_left(gpu, bench):
    bench._took["everything"] = 61
    row = bench.row(gpu.Row("everything", "sam-vit-h", "640x480", "float32"), lambda: (lambda: None, lambda: None))
    assert row.note == "left out: the budget of 60 s is spent"
    row = bench.row(gpu.Row("encode", "sam-vit-h", "640x480", "float32"), lambda: (lambda: None, lambda: None))
    assert row.ours is not None


def test_each_side_is_called_once_to_warm_up_and_not_measured_then(gpu, bench, modules):
    bench.options.quick = False
    calls = []
    bench.row(
        gpu.Row("encode", "sam-vit-h", "640x480", "float32"),
        lambda: (lambda: calls.append("upstream"), lambda: calls.append("ours")),
        warm=lambda: (lambda: calls.append("warm"), lambda: calls.append("warm")),
    )
    assert calls == ["warm", "warm", *["upstream", "ours"] * modules[1].ROUNDS]


def test_weights_that_are_not_there_are_refused(gpu, capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--device", "cpu", "--weights", "absent.pt"])
    assert "there is no file absent.pt: without weights, masks would be random" in capsys.readouterr().err


def test_the_script_says_that_there_is_no_device(gpu, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    assert "no CUDA device" in capsys.readouterr().out
