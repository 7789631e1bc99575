"""How well `propagate` tracks with a segmenter, against the first mask held still and the first mask moved by flow alone.

    python benchmarks/tracking.py DAVIS [DAVIS …] [--model mini-sam] [--json FILE]

DAVIS is a folder with ``JPEGImages`` and ``Annotations`` (or ``images`` and ``masks``), each with a folder for every sequence. Of the
ground truth, only the boxes of the objects on the first frame are given; frames without annotation are tracked and not scored. All three
trackers begin with the same mask, the segmenter's for the box, and are scored on all annotated frames, the first included.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from promptseg.evaluation.video import TrackingBaseline, first_boxes, read_sequences, score_sequence, track_sequence
from promptseg.registry import load_video


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="mini-sam")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tracker = load_video(arguments.model, tracker="propagate", cache="disk")
    rows = []
    print(f"{'sequence':<14}{'frames':>7}{'objects':>8}  {'tracker':<12}{'J':>7}{'F':>7}{'J&F':>7}{'switches':>9}  CPU s a frame")
    for folder in arguments.folders:
        for sequence in read_sequences(folder):
            prompts = first_boxes(sequence)
            for name, chosen in {
                "propagate": tracker,
                "flow alone": TrackingBaseline(tracker, use_flow=True),
                "held still": TrackingBaseline(tracker),
            }.items():
                started = time.process_time()
                score = score_sequence(sequence, track_sequence(chosen, sequence, prompts))
                spent = (time.process_time() - started) / len(sequence.frames)
                row = {"sequence": sequence.name, "tracker": name, "frames": len(sequence.frames), **score.to_dict(), "seconds": spent}
                rows.append(row)
                print(
                    f"{sequence.name:<14}{len(sequence.frames):>7}{len(score.objects):>8}  {name:<12}{score.j:>7.3f}{score.f:>7.3f}"
                    f"{score.j_and_f:>7.3f}{score.switches:>9}  {spent:.2f}",
                    flush=True,
                )
    for name in ("propagate", "flow alone", "held still"):
        of = [row for row in rows if row["tracker"] == name]
        j, f = (sum(float(row[key]) for row in of) / len(of) for key in ("j", "f"))
        print(f"{'mean':<14}{'':>15}  {name:<12}{j:>7.3f}{f:>7.3f}{(j + f) / 2:>7.3f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
