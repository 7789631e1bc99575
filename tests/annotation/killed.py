"""Ends runs at random moments and goes on: ``killed.py SOURCE OUT WHOLE KILLS`` prints how many it killed, and the journal's lines at each.

The runs are made in forks of this process, which has loaded all that they need and no more. `OUT` is then completed, and `WHOLE` is made
without a stop.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
import types
from dataclasses import dataclass
from pathlib import Path

from promptseg import Prompt, annotate, registry
from promptseg.pipeline import Pipeline
from promptseg.testing import FakeSegmenter

FORMATS = ("coco", "yolo-seg", "cvat", "labelme")


@dataclass(frozen=True)
class Slow(FakeSegmenter):
    """A fake that takes its time."""

    seconds: float = 0.0

    def open(self, image):
        time.sleep(self.seconds)
        return super().open(image)


def run(source, out, seconds=0.0):
    """Annotates in everything mode, 25 objects an image, with a model that takes `seconds` an image."""
    module = types.ModuleType("backend_of_slow")
    module.load = lambda _: Slow(seconds=seconds)
    sys.modules[module.__name__] = module
    registry.backends()["slow"] = registry.BackendSpec("slow", "segmenter", "backend_of_slow:load")
    registry.list_models()["slow"] = registry.ModelSpec("slow", "For a test", "MIT", (registry.Engine("fake", "slow", ""),))
    annotate(source, Prompt.everything(5), pipeline=Pipeline().segment("slow"), out=out, formats=FORMATS)


def killed_run(source, out, seconds, growth, wait):
    """Runs in a fork that is killed `wait` seconds after its journal grew by so many bytes; whether it was killed before it was done.

    A run that is done before is not waited for. One that failed ends this process.
    """
    journal = Path(out) / "journal.jsonl"
    before = journal.stat().st_size if journal.exists() else 0
    child = os.fork()
    if child == 0:
        try:
            run(source, out, seconds)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = 0
    while not journal.exists() or journal.stat().st_size < before + growth:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.001)
    else:
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a run failed before it was killed")
    return os.WIFSIGNALED(status)


def main(source, out, whole, kills):
    """Kills, completes, and makes the whole run to compare with."""
    moments = random.Random(3)
    killed, lines = 0, []
    for _ in range(int(kills)):
        killed += killed_run(source, out, 0.02, moments.randrange(4000), moments.uniform(0, 0.03))
        lines.append((Path(out) / "journal.jsonl").read_bytes().count(b"\n"))
    run(source, out)
    for _ in range(2):  # While the outputs are written again.
        killed_run(source, out, 0.0, 0, moments.uniform(0.02, 0.2))
    run(source, out)
    run(source, whole)
    print(json.dumps([killed, lines]))


if __name__ == "__main__":
    main(*sys.argv[1:])
