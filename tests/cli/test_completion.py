"""What a shell completes after Tab."""

import os
import subprocess
import sys

import pytest
import typer

from promptseg.cli import app
from promptseg.registry import list_models


@pytest.fixture
def complete(monkeypatch):
    """The words that a shell would offer for the last word of a command line."""
    command = typer.main.get_command(app)

    def complete(line, capsys):
        monkeypatch.setenv("_PROMPTSEG_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        with pytest.raises(SystemExit):
            command.main(["promptseg"], prog_name="promptseg")
        return capsys.readouterr().out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("promptseg segment a.png --model mini", ["mini-sam"]),
        ("promptseg segment a.png --model yolo11n", []),
        ("promptseg segment a.png --detector yolo11n", ["yolo11n", "yolo11n-seg"]),
        ("promptseg annotate images --fallback mobile", ["mobile-sam"]),
        ("promptseg track clip.mp4 --tracker p", ["propagate"]),
        ("promptseg demo --device c", ["cpu", "cuda"]),
        ("promptseg segment a.png --model mini-sam --engine ", ["onnx", "torch"]),
        ("promptseg segment a.png --model mobile-sam --engine ", ["torch"]),
        ("promptseg cutout a.png --matting ", ["guided", "vitmatte-small-composition-1k", "vitmatte-base-composition-1k"]),
        ("promptseg cutout a.png --detector isnet", ["isnet-general-use"]),
        ("promptseg weights fetch mini", ["mini-sam"]),
        ("promptseg annotate images --format coco,labelme-", ["coco,labelme-polygons"]),
        ("promptseg convert --from label", ["labelme=", "label-studio="]),
        ("promptseg convert --format voc,yolo", ["voc,yolo", "voc,yolo-seg"]),
        ("promptseg evaluate --truth cv", ["cvat="]),
        ("promptseg evaluate --mask-kind b", ["binary"]),
        ("promptseg compare a.json b.json --metric bo", ["boundary_iou", "boundary_f"]),
        ("promptseg track clip.mp4 --table p", ["parquet"]),
        ("promptseg seg", ["segment"]),
    ],
)
def test_names_are_completed(line, words, complete, capsys):
    assert complete(line, capsys) == words


def test_every_engine_is_offered_where_the_model_is_not_named(complete, capsys):
    engines = {engine.name for model in list_models().values() for engine in model.engines}
    assert set(complete("promptseg segment a.png --engine ", capsys)) == engines


def test_the_completion_can_be_installed(run):
    assert "--install-completion" in run("--help").stdout


def test_a_completion_made_by_the_module_is_of_the_command():
    words = [sys.executable, "-m", "promptseg", "--show-completion", "bash"]
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout
    assert "_PROMPTSEG_COMPLETE=complete_bash" in script
    assert "python" not in script
