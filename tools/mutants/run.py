"""Put plausible faults into a copy of the code, one at a time, and say which of them the tests notice.

    python tools/mutants/run.py                          # every fault of tools/mutants/faults
    python tools/mutants/run.py --only 'models/sam/*'    # those of some files
    python tools/mutants/run.py --sample 30              # some of them, the same at every call
    python tools/mutants/run.py --again                  # those that were not noticed the last time

The checkout is never changed: each worker has a copy of what git knows of it. A fault is tried with the tests that mirror its module and
those that its file of faults names. It is noticed where a test fails, crashes or goes on past the limit. Results are kept in
``.mutants/results.jsonl``, one line a fault, and a call that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib
if sys.platform == "linux":
    import resource

ROOT = Path(__file__).resolve().parents[2]
FAULTS = Path(__file__).parent / "faults"
RESULTS = ROOT / ".mutants" / "results.jsonl"
PACKAGE = Path("src/promptseg")
MEMORY = 16 << 30  # Address space of a test run in bytes: a fault that never stops to allocate must not take the machine with it.
QUICK = ("-m", "not weights and not shared and not full_size")
NO_TESTS = 5  # pytest's exit status where it found no test.


@dataclass(frozen=True)
class Fault:
    """A single wrong change.

    Attributes:
        file: Path of the module below ``src/promptseg``.
        old: Text that occurs exactly once in the module.
        new: Text that replaces it.
        why: Why somebody could write this.
        tests: Tests that are run beside those that mirror the module: those of its file of faults, under ``[tests]``.
        equivalent: Why no test can notice it; empty for all others.
    """

    file: str
    old: str
    new: str
    why: str
    tests: tuple[str, ...] = ()
    equivalent: str = ""

    @property
    def key(self) -> str:
        """Name of the fault in the file of results: it changes with the fault."""
        return hashlib.sha256("\0".join((self.file, self.old, self.new, *self.tests)).encode()).hexdigest()[:16]

    @property
    def package(self) -> str:
        """Top-level package or module of the fault."""
        return self.file.split("/")[0].removesuffix(".py")

    def applied(self, source: str) -> str:
        """The source with the fault.

        Raises:
            ValueError: The old text does not occur exactly once, or nothing changes.
        """
        if source.count(self.old) != 1 or self.old == self.new:
            raise ValueError(f"{self.file}: {self.old!r} occurs {source.count(self.old)} times, expected once, and a change")
        return source.replace(self.old, self.new)


def read_faults(folder: Path = FAULTS) -> list[Fault]:
    """All faults, in the order of their files."""
    found: list[Fault] = []
    for path in sorted(folder.glob("*.toml")):
        content = tomllib.loads(path.read_text("utf-8"))
        tests: dict[str, list[str]] = content.get("tests", {})
        found += [Fault(**fault, tests=tuple(tests.get(fault["file"], ()))) for fault in content["fault"]]
    return found


def mirror_of(fault: Fault, root: Path = ROOT) -> tuple[str, ...]:
    """The tests that mirror the module, in a file or a folder of its name, and those that its file of faults names.

    Where there are neither, the nearest folder of tests.
    """
    module = Path("tests") / fault.file
    mirror = module.with_name(f"test_{module.stem.lstrip('_')}.py")
    if (root / mirror).is_file():
        return tuple(dict.fromkeys((mirror.as_posix(), *fault.tests)))
    return fault.tests or (next(folder for folder in module.parents if (root / folder).is_dir()).as_posix(),)


class Copy:
    """A copy of the checkout in which faults are tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / ".tmp").mkdir()

    def test(self, tests: Sequence[str], limit: float | None = None) -> tuple[int | None, str]:
        """Exit status of pytest, None where the limit was passed, and what it printed."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "TMPDIR": str(self.folder / ".tmp"),
            "HOME": str(self.folder / ".tmp"),  # What a fault writes in the wrong place stays in the copy.
            "OMP_NUM_THREADS": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # Plugins of other packages take seconds to import, and no test needs one.
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *QUICK, *tests]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]
        return process.returncode, output

    def tried(self, fault: Fault, number: int, limit: float) -> dict[str, Any]:
        """The result of one fault, as it is written to the file of results."""
        path = self.folder / PACKAGE / fault.file
        source, status = path.read_text("utf-8"), path.stat()
        started = time.monotonic()
        try:
            path.write_text(fault.applied(source), "utf-8")
            # Python takes compiled code for current where size and whole second agree; each fault has a time of its own.
            os.utime(path, (number, number))
            code, output = self.test(mirror_of(fault, self.folder), limit)
        finally:
            path.write_text(source, "utf-8")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
        return {
            "key": fault.key,
            "file": fault.file,
            "noticed": code not in (0, NO_TESTS),
            "by": "the limit" if code is None else failed[1] if failed else f"exit status {code}",
            "seconds": round(time.monotonic() - started, 1),
        }


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The last result of each fault by its key; a line that a stopped call left unfinished is skipped."""
    results = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            result = json.loads(line)
        except json.JSONDecodeError:
            continue
        results[result["key"]] = result
    return results


def try_all(faults: Sequence[Fault], path: Path, workers: int, limit: float) -> None:
    """Tries faults and appends their results to a file.

    Raises:
        SystemExit: The tests fail without any fault.
    """
    copies: queue.Queue[Copy] = queue.Queue()
    lock = threading.Lock()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for worker in range(workers):
            (Path(folder) / str(worker)).mkdir()
            copies.put(Copy(Path(folder) / str(worker)))
        tests = sorted({test for fault in faults for test in mirror_of(fault)})
        code, output = copies.queue[0].test(tests)
        if code != 0:
            raise SystemExit(f"the tests fail without any fault, with exit status {code}:\n{output[-3000:]}")
        print(f"without a fault {len(tests)} files and folders of tests pass; {len(faults)} faults follow", flush=True)

        def work(job: tuple[int, Fault]) -> None:
            number, fault = job
            copy = copies.get()
            try:
                result = copy.tried(fault, 1_000_000_000 + number, limit)
            finally:
                copies.put(copy)
            with lock, path.open("a", encoding="utf-8") as file:
                print(json.dumps(result), file=file, flush=True)
                print(
                    f"{'noticed ' if result['noticed'] else 'SURVIVED'} {result['seconds']:6.1f} s  {fault.file}: {fault.why}", flush=True
                )

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, enumerate(faults)))


def report(faults: Iterable[Fault], results: dict[str, dict[str, Any]]) -> float:
    """Prints the share that was noticed by package, and what was not; returns the share of all."""
    counts: dict[str, list[int]] = {}
    survivors = []
    for fault in faults:
        if fault.equivalent or fault.key not in results:
            continue
        noticed = results[fault.key]["noticed"]
        for name in (fault.package, "all"):
            counted = counts.setdefault(name, [0, 0])
            counted[0] += noticed
            counted[1] += 1
        if not noticed:
            survivors.append(fault)
    print("\n| package | faults | noticed | share |\n|---|---|---|---|")
    for name in [*sorted(set(counts) - {"all"}), *(["all"] if counts else [])]:
        noticed, tried = counts[name]
        print(f"| {name} | {tried} | {noticed} | {noticed / tried:.0%} |")
    for fault in survivors:
        print(f"\nnot noticed: {fault.file}: {fault.why}\n  - {fault.old.strip()}\n  + {fault.new.strip()}")
    noticed, tried = counts.get("all", (0, 0))
    return noticed / tried if tried else 1.0


def main(words: Sequence[str] | None = None) -> None:
    """Tries the faults that the command line asks for, and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="GLOB", default="*", help="files below src/promptseg, as in 'models/sam/*'")
    parser.add_argument("--sample", metavar="N", type=int, help="so many faults, drawn with a fixed seed")
    parser.add_argument("--again", action="store_true", help="try again what was not noticed the last time")
    parser.add_argument("--report", action="store_true", help="try nothing, print what is known")
    parser.add_argument("--workers", type=int, default=int(os.environ.get("WORKERS", "1")), help="processes; WORKERS, else 1")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one fault; a test run that takes longer has noticed it")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of results, one line a fault")
    options = parser.parse_args(words)

    faults = [fault for fault in read_faults() if fnmatch(fault.file, options.only)]
    if options.sample is not None:
        faults = random.Random(0).sample(faults, min(options.sample, len(faults)))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    known = read_results(options.results)
    wanted = [fault for fault in faults if not fault.equivalent]
    wanted = [fault for fault in wanted if fault.key not in known or (options.again and not known[fault.key]["noticed"])]
    if wanted and not options.report:
        try_all(wanted, options.results, options.workers, options.limit)
    report(faults, read_results(options.results))


if __name__ == "__main__":
    main()
