"""Training records that are damaged are refused by name before anything relies on them."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from promptseg.errors import ConfigError, InputError
from promptseg.finetuning.result_folder import check_same_run, earlier_record, finished_record, result_of

RECORD = {
    "model": "sam-vit-b",
    "run": {"epochs": 1},
    "parameters": 5,
    "train": [{"image": "a", "sha256": "01"}, {"image": "b", "sha256": "02"}],
    "validation": [{"image": "c", "sha256": "03"}],
    "best_epoch": 1,
    "stopped": None,
    "epochs": [{"epoch": 0, "iou_box": 0.25}, {"epoch": 1, "iou_box": 0.5, "loss": 1.0}],
}
DAMAGES = {
    "it": [[], None, "text", 5],
    "model": [None, ["sam"]],
    "run": [[], "x"],
    "parameters": ["many", None],
    "train": [5, {}],
    "validation": [None],
    "stopped": [{}, False],
    "epochs": [
        [],
        5,
        [None],
        [{"epoch": "one"}],
        [{"epoch": -1}],
        [{"epoch": 0, "iou_box": "x"}],
        [{"epoch": 0, "iou_box": 1}, {"epoch": 1}],
    ],
    "best_epoch": [None, -1, 2, 10**30, True],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "decoder.safetensors").write_bytes(b"tensors")
    digests = {"decoder.safetensors": hashlib.sha256(b"tensors").hexdigest()}
    (tmp_path / "promptseg.json").write_text(json.dumps({"model": "m", "backend": "b", "variant": "v", "sha256": digests}))
    (tmp_path / "training.json").write_text(json.dumps(RECORD))
    return tmp_path


def test_a_record_is_read_as_it_was_written(folder):
    record = finished_record(folder)
    assert record == RECORD
    result = result_of(folder, "MIT", record)
    assert (result.images, result.epochs, result.best_epoch, result.validation) == ((2, 1), 1, 1, {"box": (0.25, 0.5)})
    check_same_run(folder, record, {"epochs": 1})
    with pytest.raises(ConfigError, match="there epochs is 1, here epochs is 2"):
        check_same_run(folder, record, {"epochs": 2})


@pytest.mark.parametrize(("member", "value"), [(member, value) for member, values in DAMAGES.items() for value in values], ids=repr)
def test_a_damaged_record_is_named_with_its_damage(member, value, folder):
    (folder / "training.json").write_text(json.dumps(value if member == "it" else {**RECORD, member: value}))
    expected = f"training.json is not a training record as promptseg writes it: {member} is not as expected"
    with pytest.raises(ConfigError, match=f"holds a damaged result: {expected}"):
        finished_record(folder)
    request = SimpleNamespace(weights=SimpleNamespace(files={"decoder.safetensors": folder / "decoder.safetensors"}))
    with pytest.raises(InputError, match=f"was fine-tuned, and its record is damaged: {expected}"):
        earlier_record(request)


@pytest.mark.parametrize("member", list(RECORD))
def test_a_record_without_one_of_its_members_is_damaged(member, folder):
    (folder / "training.json").write_text(json.dumps({key: value for key, value in RECORD.items() if key != member}))
    with pytest.raises(ConfigError, match=f"{member} is not as expected"):
        finished_record(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_a_record_that_is_no_json_is_refused_before_a_training_continues_from_it(content, folder):
    (folder / "training.json").write_bytes(content)
    request = SimpleNamespace(weights=SimpleNamespace(files={"decoder.safetensors": folder / "decoder.safetensors"}))
    with pytest.raises(InputError, match="its record is damaged"):
        earlier_record(request)


def test_weights_that_were_not_fine_tuned_have_no_record():
    assert earlier_record(SimpleNamespace(weights=SimpleNamespace(files={"model.pt": Path("model.pt")}))) is None
