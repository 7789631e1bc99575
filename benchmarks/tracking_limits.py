"""How far mean J moves when a limit or weight of `propagate` is 10 % lower or higher, one at a time.

    python benchmarks/tracking_limits.py DAVIS [--sequence bmx-trees] [--names LOST PRIOR_SIGMA …]

As `tracking.py`, but for one sequence. Embeddings are kept on the disk, so that only the first run encodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from promptseg.evaluation.video import evaluate_video
from promptseg.registry import load_video
from promptseg.tracking import appearance, propagation

LIMITS = {
    "LOST": propagation,
    "GONE": propagation,
    "LEARNED": propagation,
    "FLOW_WEIGHT": propagation,
    "PRIOR_SIGMA": propagation,
    "ALIKE": propagation,
    "SURE": propagation,
    "SHARPNESS": appearance,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sequence", default="bmx-trees")
    parser.add_argument("--names", nargs="+", choices=LIMITS, default=list(LIMITS))
    arguments = parser.parse_args()
    tracker = load_video("mini-sam", tracker="propagate", cache="disk")

    def measured() -> float:
        (score,) = evaluate_video(tracker, arguments.folder, [arguments.sequence])
        return score.j

    print(f"{'as it is':<12}{measured():>24.4f}", flush=True)
    for name in arguments.names:
        module = LIMITS[name]
        value = getattr(module, name)
        found = []
        for factor in (0.9, 1.1):
            setattr(module, name, value * factor)
            found.append(measured())
        setattr(module, name, value)
        print(f"{name:<12}{value:>8g}{found[0]:>8.4f}{found[1]:>16.4f}", flush=True)


if __name__ == "__main__":
    main()
