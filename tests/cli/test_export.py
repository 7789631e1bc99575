"""``promptseg export``."""

import json

import pytest


def test_it_says_what_it_wrote_how_well_it_agrees_and_how_to_use_it(run, tiny_torch_model, tmp_path):
    result = run("export", "tiny", "--weights", "tiny.pt", "--out", "pair")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["pair/tiny.encoder.onnx", "pair/tiny.decoder.onnx"]
    assert "mask IoU 1.0000 on 5 prompts" in lines[2]
    assert lines[3].endswith("--model tiny=pair")
    assert {path.name for path in (tmp_path / "pair").iterdir()} == {"tiny.encoder.onnx", "tiny.decoder.onnx", "promptseg.json"}


def test_json_is_one_object_with_files_and_agreement(run, tiny_torch_model):
    values = json.loads(run("export", "tiny=tiny.pt", "--json").stdout)
    assert (values["model"], values["dtype"], values["folder"]) == ("tiny", "float32", "tiny-onnx")
    assert set(values["bytes"]) == {"tiny.encoder.onnx", "tiny.decoder.onnx"}
    assert values["check"]["mask_iou"] == pytest.approx([1.0] * 5, abs=1e-3)


def test_a_pair_that_does_not_agree_is_a_failure_that_leaves_nothing(run, tiny_torch_model, tmp_path, monkeypatch):
    from promptseg.export import check

    monkeypatch.setattr(check, "FLOAT32_IOU", 1.1)
    result = run("export", "tiny=tiny.pt", "--out", "pair")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "does not agree with the torch model: mask IoU 1.0000" in result.stderr
    assert not (tmp_path / "pair").exists()


@pytest.mark.parametrize("words", [("export", "superpixel"), ("export", "tiny"), ("export", "no-such-model")])
def test_what_cannot_be_exported_is_wrong_usage(words, run, tiny_torch_model, tmp_path):
    (tmp_path / "tiny-onnx").mkdir()
    (tmp_path / "tiny-onnx" / "mine.txt").touch()
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("promptseg: ")
