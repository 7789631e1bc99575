"""Fuzz every reader of promptseg: `python tools/fuzz.py --count 20000 --workers 2`, or one input: `--target coco --index 1234`."""

from __future__ import annotations

import argparse
import os
import pprint
import sys
import tempfile
from pathlib import Path

from fuzz_targets import targets

from promptseg.testing.fuzzing import Target, fuzz
from promptseg.testing.fuzzing.runner import generator, run_one, write_report


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="inputs of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--target", action="append", help="name of a target; all by default")
    parser.add_argument("--index", type=int, help="run this one input of --target in this process, and show it")
    parser.add_argument("--report", type=Path, help="write the counts and faults to this JSON file")
    arguments = parser.parse_args()
    chosen = [target for target in targets() if not arguments.target or target.name in arguments.target]
    if not chosen:
        parser.error(f"there is no such target; the targets are {', '.join(target.name for target in targets())}")
    if arguments.index is not None:
        return _one(chosen[0], arguments.seed, arguments.index)
    shown = [0]

    def progress(done: int) -> None:
        if done - shown[0] >= 10_000:
            shown[0] = done
            print(f"{done} inputs", file=sys.stderr, flush=True)

    report = fuzz(chosen, arguments.count, seed=arguments.seed, workers=arguments.workers, progress=progress)
    print(report)
    print(f"{report.inputs} inputs in {report.seconds:.0f} s")
    if arguments.report:
        write_report(report, arguments.report)
    return 1 if report.faults else 0


def _one(target: Target, seed: int, index: int) -> int:
    for name, content in target.make(generator(seed, target.name, index)).items():
        print(f"--- {name}")
        pprint.pprint(content[:3000])
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder) / "input"
        folder.mkdir()
        if target.prepare is not None:
            target.prepare(folder)
        print(run_one(target, seed, index, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
