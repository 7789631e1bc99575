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


@pytest.fixture(scope="module")
def apart(tiny_sam, toy_in, tmp_path_factory):
    """Run a script in a process of its own, on the tiny model, its checkpoint, images, masks, folder: ``apart(*script, folder, seed)``."""
    place = tmp_path_factory.mktemp("kills")
    torch.save(tiny_sam(width=64, heads=8), place / "module.pt")
    torch.save(tiny_sam(seed=3, width=64, heads=8).state_dict(), place / "tiny.pth")
    images, masks = toy_in(place / "toy", 2)

    def run(*script, folder, seed):
        paths = [place / "module.pt", place / "tiny.pth", images, masks, place / folder]
        (place / folder).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PROMPTSEG_HOME": str(place / f"home{seed}")}
        done = subprocess.run([sys.executable, *map(str, [*script, *paths])], capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout, place / folder

    return run


@pytest.fixture(scope="module")
def killed(apart):
    """What came of kills of trainings into a new folder, and of those over an older result; and the folder of all."""
    printed, folder = apart(SCRIPT, folder="killed", seed="1")
    return *json.loads(printed), folder


FILES = ["decoder.safetensors", "promptseg.json", "training.json", "training.jsonl"]


def test_whatever_is_written_next_when_it_is_killed_it_goes_on_to_the_same_bytes(killed):
    kills, _, _ = killed
    assert len(kills) > 15
    for kill in kills:
        assert kill["ends"] == FILES, kill
        assert kill["new"] == kill["loads"], kill
    assert not kills[0]["loads"]
    assert kills[-1]["loads"]  # Only the state is left to be removed.
    assert "training-state.pt" in kills[-1]["left"]


@pytest.mark.slow
def test_a_result_that_is_replaced_is_the_old_one_or_the_new_one_and_never_a_mixture(killed):
    _, kills, _ = killed
    for kill in kills:
        assert kill["ends"] == FILES, kill
        assert kill["loads"] == (kill["old"] or kill["new"]), kill
    assert kills[0]["old"]
    assert kills[-1]["new"]
    assert any(not kill["loads"] for kill in kills)  # While its files are replaced, the folder is refused.


ONCE = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import killed
from pathlib import Path
*paths, folder = sys.argv[1:]
killed.tuner(*paths)(Path(folder) / "whole")
"""


def test_two_processes_write_the_same_bytes(killed, apart):
    *_, one = killed
    _, other = apart("-c", ONCE, folder="once", seed="2")
    found = [(folder / "whole" / "decoder.safetensors").read_bytes() for folder in (one, other)]
    assert found[0] == found[1]
    header = json.loads(found[0][8 : 8 + int.from_bytes(found[0][:8], "little")])
    assert list(header["__metadata__"]) == ["format", "license"]  # In an order that is not that of a hash.
