"""The example of one script whose models are in configuration files."""

import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "swap_backends"
FILES = sorted(FOLDER.glob("*.yaml"))
ENGINES = {
    "d-fine-n": "onnx",
    "grounding-dino-swin-t": "transformers",
    "mini-sam": "onnx",
    "sam-vit-b": "torch",
    "sam2.1-hiera-tiny": "torch",
}


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def test_the_files_differ_in_nothing_but_names():
    models, rest = set(), []
    for path in FILES:
        values = read(path)
        models.add((values["detect"].pop("model"), values["segment"].pop("model")))
        rest.append(values)
    assert models == {(d, s) for d in ("d-fine-n", "grounding-dino-swin-t") for s in ("mini-sam", "sam-vit-b", "sam2.1-hiera-tiny")}
    assert all(values == rest[0] for values in rest)


@pytest.fixture
def localized(named, tmp_path):
    """Write a file of the example with small models, at threshold 0 and with at most three detections."""

    def write(path):
        values = read(path)
        for stage in ("detect", "segment"):
            values[stage]["model"] = named(values[stage]["model"], ENGINES[values[stage]["model"]])
        values["detect"] |= {"threshold": 0.0, "max_detections": 3}
        values["clean"] = {}
        (tmp_path / path.name).write_text(yaml.safe_dump(values), "utf-8")
        return path.name

    return write


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_script_runs_a_file(path, localized, run_example, image_file):
    done = run_example("swap_backends/run.py", image_file(), "--find", "dog", "cat", "--config", localized(path), "--out", "overlays")
    assert (done.status, done.errors) == (0, "")
    first, *lines = done.output.splitlines()
    values = read(path)
    assert re.fullmatch(rf"{re.escape(path.name)}: (\S+) \+ (\S+), \d+\.\d\d s", first).groups() == (
        values["detect"]["model"],
        values["segment"]["model"],
    )
    assert {line.split()[0] for line in lines} <= {"dog", "cat"}
    assert lines
    assert Path(f"overlays/{path.stem}.png").is_file()


def test_a_file_that_cannot_run_keeps_no_other_from_running(localized, run_example, image_file, tmp_path):
    (tmp_path / "broken.yaml").write_text("detect: {model: yolo99}\n", "utf-8")
    good = localized(FOLDER / "d-fine+mini-sam.yaml")
    done = run_example("swap_backends/run.py", image_file(), "--find", "dog", "--config", "broken.yaml", good)
    assert done.status == 1
    assert done.errors.startswith("broken.yaml: ")
    assert "yolo99" in done.errors
    assert done.output.startswith(good)
