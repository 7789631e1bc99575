"""A training that is killed before any of its writes goes on, and its files are equal byte by byte from process to process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")
pytest.importorskip("safetensors", reason="writing fine-tuned decoders needs safetensors")

SCRIPT = Path(__file__).with_name("killed.py")


@pytest.fixture
def apart(toy, tiny_sam, tmp_path):
    """Run a script in a process of its own: ``apart(code, *words, seed)`` with the tiny model, its checkpoint, images, masks, a folder."""
    small = tiny_sam(width=64, heads=8)
    torch.save(small, tmp_path / "module.pt")
    torch.save(tiny_sam(seed=3, width=64, heads=8).state_dict(), tmp_path / "tiny.pth")
    images, masks = toy(2)

    def run(*script, words=(), folder="runs", seed="0"):
        paths = [tmp_path / "module.pt", tmp_path / "tiny.pth", images, masks, tmp_path / folder]
        (tmp_path / folder).mkdir(exist_ok=True)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PROMPTSEG_HOME": str(tmp_path / f"home{seed}")}
        command = [sys.executable, *script, *map(str, paths), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


FILES = ["decoder.safetensors", "promptseg.json", "training.json", "training.jsonl"]


def test_whatever_is_written_next_when_it_is_killed_it_goes_on_to_the_same_bytes(apart):
    kills = json.loads(apart(SCRIPT))
    assert len(kills) > 15
    for kill in kills:
        assert kill["ends"] == FILES, kill
        assert kill["new"] == kill["loads"], kill
    assert not kills[0]["loads"]
    assert kills[-1]["loads"]  # Only the state is left to be removed.
    assert "training-state.pt" in kills[-1]["left"]


@pytest.mark.slow
def test_a_result_that_is_replaced_is_the_old_one_or_the_new_one_and_never_a_mixture(apart):
    kills = json.loads(apart(SCRIPT, words=["overwrite"]))
    for kill in kills:
        assert kill["ends"] == FILES, kill
        assert kill["loads"] == (kill["old"] or kill["new"]), kill
    assert kills[0]["old"]
    assert kills[-1]["new"]
    assert any(not kill["loads"] for kill in kills)  # While its files are replaced, the folder is refused.


ONCE = """
import sys
sys.path.insert(0, sys.argv[-1])
import killed, torch
from pathlib import Path
module, checkpoint, images, masks, folder, _ = sys.argv[1:]
killed.sam._build = lambda _: torch.load(module, weights_only=False)
killed.checkpoints.variant_of = lambda _: "vit_b"
settings = {"epochs": 2, "validation": 0, "device": "cpu"}
killed.finetune_decoder(images, masks, Path(folder) / "out", model=f"sam-vit-b={checkpoint}", **settings)
"""


def test_two_processes_write_the_same_bytes(apart, tmp_path):
    found = []
    for seed in ("1", "2"):
        apart("-c", ONCE, words=[str(SCRIPT.parent)], folder=f"runs{seed}", seed=seed)
        found.append((tmp_path / f"runs{seed}" / "out" / "decoder.safetensors").read_bytes())
    assert found[0] == found[1]
    header = json.loads(found[0][8 : 8 + int.from_bytes(found[0][:8], "little")])
    assert list(header["__metadata__"]) == ["format", "license"]  # In an order that is not that of a hash.
