"""Ends runs at random moments and goes on: ``killed.py SOURCE OUT WHOLE KILLS`` prints how many it killed, and the journal's lines at each.

The runs are made in forks of this process, which has loaded all that they need and no more. The model of a run that is to be killed opens
`MOST` images and no more, so that a machine that is busy with others does not complete it first. `OUT` is then completed, and `WHOLE` is
made without a stop.
"""

import itertools
import json
import os
import random
import select
import signal
import sys
import threading
import time
import traceback
import types
from pathlib import Path

from promptseg import Prompt, annotate, registry
from promptseg.pipeline import Pipeline
from promptseg.testing import FakeSegmenter

FORMATS = ("coco", "yolo-seg", "cvat", "labelme")
MOST = 4
"""Images that a run opens before it is killed at the latest."""


def slow(segmenter, seconds=0.0, most=None, told=None):
    """Makes a segmenter take `seconds` an image. At the image after `most` it closes the descriptor `told`, and waits forever."""
    opened, answer = itertools.count(), segmenter.open

    def open_slowly(image):
        if next(opened) == most:
            os.close(told)
            threading.Event().wait()
        time.sleep(seconds)
        return answer(image)

    object.__setattr__(segmenter, "open", open_slowly)  # It is a frozen value.
    return segmenter


def run(source, out, **how):
    """Annotates in everything mode, 25 objects an image, with a slow model."""
    module = types.ModuleType("backend_of_slow")
    module.load = lambda _: slow(FakeSegmenter(), **how)
    sys.modules[module.__name__] = module
    registry.backends()["slow"] = registry.BackendSpec("slow", "segmenter", "backend_of_slow:load")
    registry.list_models()["slow"] = registry.ModelSpec("slow", "For a test", "MIT", (registry.Engine("fake", "slow", ""),))
    annotate(source, Prompt.everything(5), pipeline=Pipeline().segment("slow"), out=out, formats=FORMATS)


def killed_run(source, out, growth, wait, **how):
    """Runs in a fork that is killed `wait` seconds after its journal grew by so many bytes, or opens no more images.

    Returns whether it was killed before it was done. A run that is done before is not waited for. One that failed ends this process.
    """
    journal = Path(out) / "journal.jsonl"
    before = journal.stat().st_size if journal.exists() else 0
    stopped, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run(source, out, told=told, **how)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(told)
    while not journal.exists() or journal.stat().st_size < before + growth:
        if select.select([stopped], [], [], 0.001)[0]:  # It opens no more, or is done.
            break
    else:
        time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(stopped)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a run failed before it was killed")
    return os.WIFSIGNALED(status)


def main(source, out, whole, kills):
    """Kills, completes, and makes the whole run to compare with."""
    moments = random.Random(3)
    killed, lines = 0, []
    for _ in range(int(kills)):
        killed += killed_run(source, out, moments.randrange(1, 4000), moments.uniform(0, 0.03), seconds=0.02, most=MOST)
        lines.append((Path(out) / "journal.jsonl").read_bytes().count(b"\n"))
    run(source, out)
    for _ in range(2):  # While the outputs are written again.
        killed_run(source, out, 0, moments.uniform(0.02, 0.2))
    run(source, out)
    run(source, whole)
    print(json.dumps([killed, lines]))


if __name__ == "__main__":
    main(*sys.argv[1:])
