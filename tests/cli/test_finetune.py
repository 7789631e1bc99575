"""``promptseg finetune``."""

import json
from pathlib import Path

import pytest
from PIL import Image

from promptseg.datasets.core import Finding
from promptseg.errors import BackendError
from promptseg.finetuning.result import FineTuned


@pytest.fixture
def calls(monkeypatch):
    """The calls of the library that commands make; each gives a result."""
    made = []

    def finetune_decoder(*args, **kwargs):
        made.append((args, kwargs))
        stopped = "no better validation in 4 epochs" if kwargs["seed"] == 1 else None
        best, validation = (0, {"box": (0.5, 0.5)}) if kwargs["seed"] == 2 else (7, {"box": (0.5, 0.75), "point": (0.3, 0.7)})
        found = (Finding("a.png", "converted", "it is gray"), Finding("b.png", "converted", "it is gray"))
        if kwargs["seed"] == 5:
            found = (Finding("c.png", "size", "another size"),)
        elif kwargs["seed"] != 4:
            found = ()
        return FineTuned("mini-sam", args[2], "MIT", (30, 8), 4_058_340, 9, best, validation, stopped, 61.4, 38, found)

    monkeypatch.setattr("promptseg.finetuning.run.finetune_decoder", finetune_decoder)
    return made


FOLDERS = ("--images", "images", "--masks", "masks", "--out", "tuned")


@pytest.fixture(autouse=True)
def _image_and_mask(tmp_path, monkeypatch):
    """The folders that the commands name, with an image and its mask; the tests run beside them."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 6), 255).save(tmp_path / name / "a.png")
    monkeypatch.chdir(tmp_path)


def test_it_says_what_was_learned_and_how_to_use_it(run, calls):
    result = run("finetune", *FOLDERS, "--seed", 1)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "30 training images, 8 validation images; 9 epochs in 61 s, stopped: no better validation in 4 epochs",
        "Validation IoU by box: 0.500 before, 0.750 after epoch 7",
        "Validation IoU by point: 0.300 before, 0.700 after epoch 7",
        "Use it: --model mini-sam=tuned",
    ]


def test_it_says_where_nothing_was_gained(run, calls):
    assert "No epoch was better than the original model" in run("finetune", *FOLDERS, "--seed", 2).stdout


def test_it_says_that_a_training_was_finished_before(run, monkeypatch):
    done = FineTuned("mini-sam", Path("tuned"), "MIT", (30, 8), 9, 9, 7, {}, None, 0.0, 0, was_finished=True)
    monkeypatch.setattr("promptseg.finetuning.run.finetune_decoder", lambda *_, **__: done)
    lines = run("finetune", *FOLDERS).stdout.splitlines()
    assert lines[0] == "This training is already finished, and tuned holds its result: there was nothing to do"
    assert lines[-1] == "Use it: --model mini-sam=tuned"
    assert json.loads(run("finetune", *FOLDERS, "--json").stdout)["was_finished"] is True


def test_options_reach_the_call(run, calls):
    words = ("--model", "sam-vit-b=w.pth", "--seed", 3, "--epochs", 5, "--learning-rate", 0.01, "--validation", 0.3, "--patience", 2)
    more = ("--objects", 4, "--prompts", 2, "--prompt-encoder", "--device", "cpu", "--precision", "bfloat16", "--lora", 4, "--overwrite")
    assert run("finetune", *FOLDERS, *words, *more).exit_code == 0
    ((args, kwargs),) = calls
    dataset, masks, out = args
    assert ([entry.name for entry in dataset.entries], masks, out) == (["a.png"], None, Path("tuned"))
    assert kwargs == {
        "model": "sam-vit-b=w.pth",
        "seed": 3,
        "epochs": 5,
        "learning_rate": 0.01,
        "validation": 0.3,
        "patience": 2,
        "objects": 4,
        "prompts": 2,
        "prompt_encoder": True,
        "precision": "bfloat16",
        "lora": 4,
        "device": "cpu",
        "overwrite": True,
    }


def test_findings_are_told_and_what_is_broken_has_its_exit_status(run, calls):
    told = run("finetune", *FOLDERS, "--seed", 4)
    assert (told.exit_code, told.stderr) == (0, "promptseg: a.png: it is gray (1 more like this)\n")
    broken = run("finetune", *FOLDERS, "--seed", 5)
    assert (broken.exit_code, broken.stderr) == (1, "promptseg: c.png: another size\n")
    assert "Use it: --model mini-sam=tuned" in broken.stdout


def test_other_formats_are_read(run, calls, tmp_path):
    coco = {"images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}], "categories": [], "annotations": []}
    (tmp_path / "truth.json").write_text(json.dumps(coco))
    assert run("finetune", "--images", "images", "--coco", "truth.json", "--out", "tuned").exit_code == 0
    assert "truth.json" in calls[0][0][0].source


def test_folds_train_and_judge_a_decoder_each(run, monkeypatch):
    made = []

    class Found:
        findings = ()

        def comparisons(self):
            return {"box": "tuned is better"}

        def to_dict(self):
            return {"comparisons": {}}

    def cross_validate(*args, **kwargs):
        made.append((args, kwargs))
        return Found()

    monkeypatch.setattr("promptseg.finetuning.cross_validation.cross_validate", cross_validate)
    monkeypatch.setattr(Found, "tuned", {"box": type("Run", (), {"baselines": {}})}, raising=False)
    assert "tuned is better" in run("finetune", *FOLDERS, "--folds", 4).stdout
    assert (made[0][1]["folds"], made[0][0][2]) == (4, Path("tuned"))
    assert "validation" not in made[0][1]
    assert json.loads(run("finetune", *FOLDERS, "--folds", 4, "--json").stdout) == {"comparisons": {}}


def test_json_is_one_object(run, calls):
    values = json.loads(run("finetune", *FOLDERS, "--json").stdout)
    assert (values["model"], values["folder"], values["license"], values["best_epoch"]) == ("mini-sam", "tuned", "MIT", 7)
    assert values["images"] == {"train": 30, "validation": 8}
    assert values["validation"]["box"] == {"before": 0.5, "after": 0.75}


@pytest.mark.parametrize(
    ("words", "status"), [((), 2), (("--images", "images"), 2), ((*FOLDERS, "--model", "superpixel"), 2), (FOLDERS, 1)]
)
def test_wrong_usage_and_failures_have_their_exit_status(words, status, run, monkeypatch):
    if status == 1:

        def fail(*_, **__):
            raise BackendError("the loss became nan in epoch 1 on a.jpg")

        monkeypatch.setattr("promptseg.finetuning.run.finetune_decoder", fail)
    result = run("finetune", *words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr


def test_a_wrong_folder_of_images_is_said_at_once(run, calls, tmp_path):
    (tmp_path / "other").mkdir()
    Image.new("L", (8, 6), 255).save(tmp_path / "other" / "b.png")
    done = run("finetune", "--images", "other", "--masks", "masks", "--out", "tuned")
    assert (done.exit_code, done.stdout, calls) == (1, "", [])
    assert done.stderr == "promptseg: the folder other does not have the image that masks names: --images names their folder\n"
    assert not (tmp_path / "tuned").exists()
