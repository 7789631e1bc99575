"""``promptseg finetune``."""

import json
from pathlib import Path

import pytest

from promptseg.errors import BackendError
from promptseg.finetune.run import FineTuned


@pytest.fixture
def calls(monkeypatch):
    """The calls of the library that commands make; each gives a result."""
    made = []

    def finetune_decoder(*args, **kwargs):
        made.append((args, kwargs))
        stopped = "no better validation in 4 epochs" if kwargs["seed"] == 1 else None
        best, validation = (0, {"box": (0.5, 0.5)}) if kwargs["seed"] == 2 else (7, {"box": (0.5, 0.75), "point": (0.3, 0.7)})
        return FineTuned("mini-sam", args[2], "MIT", (30, 8), 4_058_340, 9, best, validation, stopped, 61.4, 38)

    monkeypatch.setattr("promptseg.finetune.run.finetune_decoder", finetune_decoder)
    return made


FOLDERS = ("--images", "photos", "--masks", "masks", "--out", "tuned")


def test_it_says_what_was_learnt_and_how_to_use_it(run, calls):
    result = run("finetune", *FOLDERS, "--seed", 1)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "30 photos learnt from, 8 to judge by; 9 epochs in 61 s, stopped: no better validation in 4 epochs",
        "IoU by box on those 8: 0.500 before, 0.750 after epoch 7",
        "IoU by point on those 8: 0.300 before, 0.700 after epoch 7",
        "Use it: --model mini-sam=tuned",
    ]


def test_it_says_where_nothing_was_gained(run, calls):
    assert "No epoch was better than the model as it was" in run("finetune", *FOLDERS, "--seed", 2).stdout


def test_options_reach_the_call(run, calls):
    words = ("--model", "sam-vit-b=w.pth", "--seed", 3, "--epochs", 5, "--learning-rate", 0.01, "--validation", 0.3, "--patience", 2)
    run("finetune", *FOLDERS, *words, "--objects", 4, "--prompt-encoder", "--device", "cpu", "--overwrite")
    ((args, kwargs),) = calls
    assert args == (Path("photos"), Path("masks"), Path("tuned"))
    assert kwargs == {
        "model": "sam-vit-b=w.pth",
        "seed": 3,
        "epochs": 5,
        "learning_rate": 0.01,
        "validation": 0.3,
        "patience": 2,
        "objects": 4,
        "prompt_encoder": True,
        "device": "cpu",
        "overwrite": True,
    }


def test_json_is_one_object(run, calls):
    values = json.loads(run("finetune", *FOLDERS, "--json").stdout)
    assert (values["model"], values["folder"], values["licence"], values["best_epoch"]) == ("mini-sam", "tuned", "MIT", 7)
    assert values["photos"] == {"train": 30, "validation": 8}
    assert values["validation"]["box"] == {"before": 0.5, "after": 0.75}


@pytest.mark.parametrize(
    ("words", "status"), [((), 2), (("--images", "photos"), 2), ((*FOLDERS, "--model", "superpixel"), 2), (FOLDERS, 1)]
)
def test_wrong_usage_and_failures_have_their_exit_status(words, status, run, monkeypatch):
    if status == 1:

        def fail(*_, **__):
            raise BackendError("the loss became nan in epoch 1 on a.jpg")

        monkeypatch.setattr("promptseg.finetune.run.finetune_decoder", fail)
    result = run("finetune", *words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr
