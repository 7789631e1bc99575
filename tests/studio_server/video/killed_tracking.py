"""A tracker that keeps masks of a video until it is killed: ``python killed_tracking.py CLIP DATASET``. It prints what is kept."""

import sys
from pathlib import Path

import numpy as np

from promptseg import Mask, Masks
from promptseg.results import FrameMasks
from promptseg.studio_server.video.project import open_video_project


def main(clip, dataset):
    with open_video_project(Path(clip), Path(dataset)) as project:
        mask = Mask.from_array(np.ones(project.size, bool), score=0.9)
        for frame in range(1, 1_000_000):
            project.keep_tracked(FrameMasks(frame, (1,), Masks([mask], project.size)), {1: "cat"})
            print(frame, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
