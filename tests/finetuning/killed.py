"""Fine-tunes a tiny model, and ends the process before each write: ``killed.py MODULE CHECKPOINT IMAGES MASKS FOLDER``.

Each training runs in a fork, which `os._exit` ends as a kill does: nothing is cleaned up. Then the call is repeated without a kill. Printed
are two JSON lists, of trainings into a new folder and over an older result, with an entry for each kill: the files that it left, and
whether the repeated call gave the bytes of an uninterrupted one, which lie in ``whole``. Many kills leave what another left, such as those
between checks that the folder can be written to: what follows of it is tried once.
"""

import json
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import torch

from promptseg.backends import sam
from promptseg.errors import PromptSegError
from promptseg.finetuning.run import finetune_decoder
from promptseg.models.sam.torch import checkpoints
from promptseg.registry import load_segmenter

WRITES = {"os.rename", "os.remove", "os.mkdir", "os.chmod", "os.rmdir", "shutil.rmtree"}


def main(module, checkpoint, images, masks, folder):
    folder, tune = Path(folder), tuner(module, checkpoint, images, masks)
    tune(folder / "whole")
    tune(folder / "old", seed=1)
    print(json.dumps([kills(tune, folder, "new"), kills(tune, folder, "over", overwrite=True)]))


def tuner(module, checkpoint, images, masks):
    """Make model ``"sam-vit-b"`` tiny, and return a function that trains it into a folder."""
    torch.set_num_threads(1)
    sam._build = lambda _: torch.load(module, weights_only=False)
    checkpoints.variant_of = lambda _: "vit_b"

    def tune(out, **settings):
        settings = {"epochs": 1, "validation": 0, "tokens": 16, "device": "cpu", "learning_rate": 3e-3, **settings}
        return finetune_decoder(images, masks, out, model=f"sam-vit-b={checkpoint}", **settings)

    return tune


def kills(tune, folder, name, overwrite=False):
    """Kill a training before each of its writes. Return what came of each kill."""
    whole, old = decoder(folder / "whole"), decoder(folder / "old")
    entries, known = [], {}
    while True:
        out = folder / f"{name}-{len(entries)}"
        if overwrite:
            shutil.copytree(folder / "old", out)
        if in_fork(partial(killed_before, len(entries), out, partial(tune, out, overwrite=overwrite))):
            return entries
        found = contents(out)
        if found in known:
            entries.append(entries[known[found]])
            continue
        known[found] = len(entries)
        left = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        loads = in_fork(lambda out=out: load_segmenter(str(out), device="cpu"), 2)
        entry = {"left": left, "loads": loads, "old": loads and overwrite and decoder(out) == old}
        entry["new"] = loads and decoder(out) == whole
        again = in_fork(lambda out=out: tune(out, overwrite=overwrite and not (out / "training-state.pt").exists()))
        entry["ends"] = again and decoder(out) == whole and sorted(path.name for path in out.iterdir())
        entries.append(entry)


def decoder(folder):
    return (folder / "decoder.safetensors").read_bytes()


def contents(out):
    """Return the names and bytes of all that is in a folder and beside it. What is random in names, or the folder's own, is left out."""
    places = [place for place in (out, *out.parent.glob(f".{out.name}*")) for place in (place, *place.rglob("*"))]
    names = [re.sub(r"\.\w{8}\.tmp", ".tmp", str(place.relative_to(out.parent)).replace(out.name, "out")) for place in places]
    return tuple(sorted((name, place.read_bytes() if place.is_file() else b"") for name, place in zip(names, places, strict=True)))


def killed_before(number, folder, call):
    """Call a function, and end this process before its write of a number to a folder or beside it."""
    seen = [0]

    def hook(event, args):
        opened = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in WRITES or opened) and str(args[0]).startswith((str(folder), str(folder.with_name(f".{folder.name}")))):
            if seen[0] == number:
                os._exit(9)
            seen[0] += 1

    sys.addaudithook(hook)
    call()


def in_fork(call, expected=1):
    """Call a function in a fork of this process. Return whether it ended well; a `PromptSegError` is ignored if 2 is expected."""
    process = os.fork()
    if not process:
        try:
            call()
        except PromptSegError as error:
            if expected != 2:
                print(error, file=sys.stderr)
            os._exit(expected)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status in (0, 9, expected), status
    return status == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
