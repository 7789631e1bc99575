"""One device in float32 needs no accelerate; several devices and mixed precision do."""

import json
import os
import subprocess
import sys

import pytest

from promptseg.errors import MissingDependencyError

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetuning.devices import Devices  # noqa: E402 - It needs torch.

CPU = torch.device("cpu")


def test_one_device_in_float32_needs_no_accelerate(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    devices = Devices(CPU)
    assert (devices.device, devices.rank, devices.count, devices.first) == (CPU, 0, 1, True)
    parameter = torch.nn.Parameter(torch.tensor([3.0]))
    with devices.computing():
        devices.backward((parameter * 4).sum())
    assert devices.clip([parameter], 1.0) == 4
    assert parameter.grad.item() == pytest.approx(1)


@pytest.mark.parametrize(("precision", "processes", "what"), [("bfloat16", "1", "precision bfloat16"), ("float32", "2", "several devices")])
def test_accelerate_that_is_missing_is_named_with_its_extra(precision, processes, what, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setenv("WORLD_SIZE", processes)
    with pytest.raises(MissingDependencyError, match=rf"{what} needs? accelerate.*\[finetune\]"):
        Devices(CPU, precision)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "processes"), [("bfloat16", 1), ("float32", 2)])
def test_products_in_another_type_and_several_processes_train_as_one_device_does(precision, processes, toy, tiny_sam, small_sam, tmp_path):
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    images, masks = toy(4)
    torch.save(tiny_sam(width=64, heads=8), tmp_path / "module.pt")
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29531", "WORLD_SIZE": str(processes)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    words = [str(word) for word in (tmp_path / "module.pt", images, masks, tmp_path / "out", f"sam-vit-b={small_sam}", precision)]
    ranks = [
        subprocess.Popen(
            [sys.executable, str(script), *words], env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdout=subprocess.PIPE
        )
        for rank in range(processes)
    ]
    printed = [rank.communicate(timeout=300)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * processes
    found = [json.loads(text.splitlines()[-1]) for text in printed]
    assert sum(one["encoded"] for one in found) == 4
    assert all(one["validation"] == found[0]["validation"] for one in found)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "out" / "training.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.9 * losses[1]
    assert (tmp_path / "out" / "decoder.safetensors").is_file()
    assert not (tmp_path / "out" / "training-state.pt").exists()


SCRIPT = """
import json, sys
import torch
from promptseg.backends import sam
from promptseg.finetuning.run import finetune_decoder
from promptseg.models.sam.torch import checkpoints as torch_checkpoints

module, images, masks, out, model, precision = sys.argv[1:]
sam._build = lambda _: torch.load(module, weights_only=False)
torch_checkpoints.variant_of = lambda _: "vit_b"
done = finetune_decoder(images, masks, out, model=model, precision=precision, device="cpu", epochs=6, learning_rate=3e-3, patience=100)
print(json.dumps({"encoded": done.encoded, "validation": done.to_dict()["validation"]}))
"""
