"""How well `propagate` tracks with a segmenter, against the first mask held still and the first mask moved by flow alone; and how fast.

    python benchmarks/tracking.py DAVIS [DAVIS …] [--model mini-sam] [--json FILE]
    python benchmarks/tracking.py DAVIS --every 1 2 3 4 8 auto [--curve PNG]

DAVIS is a folder with ``JPEGImages`` and ``Annotations`` (or ``images`` and ``masks``), each with a folder for every sequence. Of the
ground truth, only the boxes of the objects on the first frame are given; frames without annotation are tracked and not scored. All
trackers begin with the same mask, the segmenter's for the box, and are scored on all annotated frames, the first included.

With ``--every``, the table compares how often the segmenter is asked. Embeddings are kept on the disk, so that only the first run
encodes. Processor time is that of tracking with kept embeddings, plus that of encoding for each frame on which the segmenter was asked:
the least of five encodings in the same process. The last column is the time by the clock, summed in the same way.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cv2

from promptseg import load, load_image
from promptseg.evaluation.video import TrackingBaseline, VideoSequence, first_boxes, read_sequences, score_sequence, track_sequence
from promptseg.registry import load_video


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="mini-sam")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--every", nargs="+", help="numbers of frames, or auto: compare how often the segmenter is asked")
    parser.add_argument("--curve", type=Path, help="with --every: PNG file for a chart of J over seconds")
    arguments = parser.parse_args()
    sequences = [sequence for folder in arguments.folders for sequence in read_sequences(folder)]
    if arguments.every:
        rows = compare_every(sequences, arguments.model, [word if word == "auto" else int(word) for word in arguments.every])
        if arguments.curve is not None:
            draw(rows, arguments.curve)
    else:
        rows = compare_baselines(sequences, arguments.model)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def compare_baselines(sequences: list[VideoSequence], model: str) -> list[dict[str, Any]]:
    tracker = load_video(model, tracker="propagate", cache="disk")
    trackers = {
        "propagate": tracker,
        "flow alone": TrackingBaseline(tracker, use_flow=True),
        "held still": TrackingBaseline(tracker),
    }
    rows = []
    print(f"{'sequence':<14}{'frames':>7}{'objects':>8}  {'tracker':<12}{'J':>7}{'F':>7}{'J&F':>7}{'switches':>9}  CPU s a frame")
    for sequence in sequences:
        prompts = first_boxes(sequence)
        for name, chosen in trackers.items():
            started = time.process_time()
            score = score_sequence(sequence, track_sequence(chosen, sequence, prompts))
            spent = (time.process_time() - started) / len(sequence.frames)
            rows.append({"sequence": sequence.name, "tracker": name, "frames": len(sequence.frames), **score.to_dict(), "seconds": spent})
            print(
                f"{sequence.name:<14}{len(sequence.frames):>7}{len(score.objects):>8}  {name:<12}{score.j:>7.3f}{score.f:>7.3f}"
                f"{score.j_and_f:>7.3f}{score.switches:>9}  {spent:.2f}",
                flush=True,
            )
    for name in trackers:
        of = [row for row in rows if row["tracker"] == name]
        j, f = (sum(float(row[key]) for row in of) / len(of) for key in ("j", "f"))
        print(f"{'mean':<14}{'':>15}  {name:<12}{j:>7.3f}{f:>7.3f}{(j + f) / 2:>7.3f}")
    return rows


def compare_every(sequences: list[VideoSequence], model: str, settings: list[Any]) -> list[dict[str, Any]]:
    cv2.setNumThreads(1)
    segmenter, image = load(model, cache=None), load_image(sequences[0].frames[0])
    encoding = tuple(min(column) for column in zip(*(_spent(lambda: segmenter.open(image))[0] for _ in range(5)), strict=True))
    print(f"one encoding: {encoding[0]:.2f} s of processor time, {encoding[1]:.2f} s by the clock")
    frames = sum(len(sequence.frames) for sequence in sequences)
    rows = []
    print(
        f"{'every':<6}"
        + "".join(f"{sequence.name:>12}" for sequence in sequences)
        + f"{'mean J':>9}{'mean F':>8}{'asked':>8}  CPU s, s a frame"
    )
    for every in settings:
        tracker = load_video(model, tracker="propagate", cache="disk", every=every)
        scores, asked, spent = [], 0, [0.0, 0.0]
        for sequence in sequences:
            for path in sequence.frames if every == settings[0] else ():
                tracker.segmenter.open(path)  # Encoded before the clock runs.
            seconds, tracked = _spent(lambda chosen=tracker, of=sequence: list(track_sequence(chosen, of, first_boxes(of))))
            spent = [sum(pair) for pair in zip(spent, seconds, strict=True)]
            asked += sum(at.asked is not None for at in tracked)
            scores.append(score_sequence(sequence, tracked))
        j, f = (sum(getattr(score, key) for score in scores) / len(scores) for key in ("j", "f"))
        processor, clock = ((total + asked * once) / frames for total, once in zip(spent, encoding, strict=True))
        rows.append({"every": every, "j": j, "f": f, "asked": asked / frames, "processor": processor, "clock": clock})
        figures = "".join(f"{score.j:>12.3f}" for score in scores)
        print(f"{every:<6}{figures}{j:>9.3f}{f:>8.3f}{asked / frames:>8.0%}  {processor:.2f}, {clock:.2f}", flush=True)
    return rows


def _spent(call: Any) -> tuple[tuple[float, float], Any]:
    """Return the seconds of processor time and by the clock that a call takes, and its result."""
    started = time.process_time(), time.perf_counter()
    result = call()
    return (time.process_time() - started[0], time.perf_counter() - started[1]), result


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw mean J over the seconds of processor time a frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    fixed = [row for row in rows if row["every"] != "auto"]
    axes.plot([row["processor"] for row in fixed], [row["j"] for row in fixed], "o-", color="#4477aa", label="every k-th frame")
    for row in rows:
        if row["every"] == "auto":
            axes.plot(row["processor"], row["j"], "D", color="#cc6677", label="auto")
        else:
            axes.annotate(f"k = {row['every']}", (row["processor"], row["j"]), textcoords="offset points", xytext=(6, -10), fontsize=8)
    axes.set_xlabel("seconds of processor time a frame")
    axes.set_ylabel("mean J")
    axes.margins(x=0.1, y=0.12)  # So that no label touches the frame.
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
