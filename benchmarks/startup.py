"""Waiting times of a user: import, a second prompt, and an image that was encoded before in this process or in another."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile

from common import seconds

IMPORT = """
import sys, time
started = time.perf_counter()
import promptseg
print(time.perf_counter() - started, *(name for name in ("torch", "onnxruntime", "cv2") if name in sys.modules))
"""

OTHER_PROCESS = """
import sys
import promptseg
from promptseg.samples import coffee
cache = promptseg.EmbeddingCache(folder=sys.argv[1])
session = promptseg.load("mini-sam", cache=cache).open(coffee())
print(", ".join(f"{stage} {spent * 1000:.1f} ms" for stage, spent in session.timings.items()))
"""


def python(program: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    runs = [python(IMPORT).split() for _ in range(7)]
    median = statistics.median(float(run[0]) for run in runs)
    print(f"import promptseg: median {median:.3f} s; heavy modules loaded: {', '.join(runs[0][1:]) or 'none'}")

    import promptseg
    from promptseg import Prompt
    from promptseg.samples import coffee

    segmenter = promptseg.load("mini-sam")
    session = segmenter.open(coffee())
    print(f"first prompt's encoding: {session.timings['encode'] * 1000:.0f} ms")
    prompts = [seconds(lambda: session.segment([Prompt.point(290, 160)])) for _ in range(9)]
    print(f"further prompts on the open session: median {statistics.median(prompts) * 1000:.0f} ms, no encoding")
    again = segmenter.open(coffee())
    print(f"the same image opened again: {', '.join(f'{stage} {spent * 1000:.1f} ms' for stage, spent in again.timings.items())}")
    with tempfile.TemporaryDirectory() as folder:
        print(f"with a cache on the disk, first process: {python(OTHER_PROCESS, folder)}")
        print(f"with a cache on the disk, second process: {python(OTHER_PROCESS, folder)}")


if __name__ == "__main__":
    main()
