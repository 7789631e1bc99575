"""Tracking through an occlusion: whether objects of a real clip are found again under their ids behind a drawn wall, with right masks.

    python benchmarks/occlusion.py CLIP --weights yolov8n.pt [--cover 0.6] [--out FOLDER]

Every third frame of the first 45, at a width of 640 pixels. A gray wall hides all of frames 5 to 7, or with `--cover` that share of the
width of frames 4 to 9, from the left. A detector finds the objects on the first frame and is asked again while one is lost; mini-sam
tracks them. After the wall, masks are compared with those that the same detector and segmenter give for the frame alone.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

import promptseg as ps
from promptseg.tracking.outputs import TrackOutputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--weights", type=Path, required=True, help="weights of yolov8n")
    parser.add_argument("--cover", type=float)
    parser.add_argument("--out", type=Path, help="folder for the files that `promptseg track` writes")
    arguments = parser.parse_args()
    frames = []
    for frame in ps.open_frames(arguments.clip, every=3, stop=45).read():
        height, width = frame.image.shape[:2]
        frames.append(cv2.resize(frame.image, (640, round(height * 640 / width)), interpolation=cv2.INTER_AREA))
    hidden = range(5, 8) if arguments.cover is None else range(4, 10)
    for index in hidden:
        frames[index][:, : round(640 * (1 if arguments.cover is None else arguments.cover))] = 128
    pipeline = ps.Pipeline().detect("yolov8n", weights=str(arguments.weights), threshold=0.5).segment("mini-sam").build("cpu")
    started = time.process_time()
    tracked = list(pipeline.track(frames, redetect="when-lost"))
    spent = (time.process_time() - started) / len(frames)
    for frame in tracked:
        for event in frame.events:
            print(f"frame {event.frame}: {event.label} {event.object_id} {event.kind}, {event.reason}")
    ious: dict[str, list[float]] = {}
    for frame in tracked[hidden.stop :]:
        alone = pipeline(frame.image).masks
        for number, mask in zip(frame.object_ids, frame.masks, strict=True):
            of_label = [mask.iou(other) for other in alone if other.label == mask.label]
            ious.setdefault(f"{mask.label} {number}", []).extend([max(of_label)] if of_label else [])
    for name, values in ious.items():
        print(f"{name}: IoU with the frame alone {np.mean(values):.3f}, least {min(values):.3f}, on {len(values)} frames after the wall")
    print(f"{spent:.2f} s of processor time a frame, encoding included")
    if arguments.out is not None:
        with TrackOutputs(arguments.out, frames[0].shape[:2], 10) as outputs:
            for frame in tracked:
                outputs.write(frame)


if __name__ == "__main__":
    main()
