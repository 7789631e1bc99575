"""Fuzz the readers of single files guided by coverage, with Atheris: `python tools/fuzz_guided.py --runs 20000`.

Each target runs in a process of its own. Atheris keeps inputs that reach new lines of promptseg, and changes them with the mutators of
`promptseg.testing.fuzzing`. It ends at the first exception that is not of promptseg, and leaves the input in the folder of findings.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from random import Random


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000, help="inputs of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", help="name of a target; all by default")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="folder for inputs that are faults")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    if arguments.inside:
        _inside(arguments.inside, rest)
    from fuzz_targets import single_files

    failed, total = [], 0
    arguments.findings.mkdir(parents=True, exist_ok=True)
    for name in arguments.target or single_files():
        own = arguments.findings / re.sub(r"\W+", "-", name)
        options = [f"-runs={arguments.runs}", f"-seed={arguments.seed}", "-max_len=65536", "-timeout=20", f"-artifact_prefix={own}-"]
        command = [sys.executable, __file__, "--inside", name, *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        ran = re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
        covered = re.findall(r"cov: (\d+)", done.stderr)
        total += int(ran[-1]) if ran else 0
        print(
            f"{name:24} {ran[-1] if ran else 0:>9} inputs, coverage {covered[-1] if covered else '?'}, status {done.returncode}", flush=True
        )
        if done.returncode:
            failed.append(name)
            print("\n".join(line for line in done.stderr.splitlines() if not line.startswith(("#", "INFO")))[-2000:])
    print(f"{total} inputs, {len(failed)} targets with faults")
    return 1 if failed else 0


def _inside(name: str, options: list[str]) -> None:
    """Run one target in this process, which Atheris ends."""
    import atheris  # type: ignore[import-not-found]  # Installed by `make fuzz`.

    with atheris.instrument_imports(include=["promptseg"]):
        from fuzz_inputs import changed, images
        from fuzz_targets import single_files

        from promptseg.errors import PromptSegError
    file, good, read = single_files()[name]
    folder = Path(tempfile.mkdtemp(prefix="promptseg-fuzz-"))
    images(folder)
    warnings.simplefilter("ignore")

    def run(data: bytes) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
        with suppress(PromptSegError):
            read(folder)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        try:
            return changed(bytes(data) or good, file, random)[:most]
        except Exception:  # An earlier change broke the form or left values that cannot be changed: begin anew.
            return changed(good, file, random)[:most]

    atheris.Setup([sys.argv[0], *options], run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
