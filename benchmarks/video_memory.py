"""Memory of SAM 2 over a long video: promptseg on a stream, and sam2's own predictor, each in a process of its own.

    python benchmarks/video_memory.py ours 5000
    python benchmarks/video_memory.py upstream 2000

A tiny model with random weights on synthetic frames: how much memory is taken does not depend on the weights. `ours` adds a second object
at frame 1,000, and the session may remember 4 MiB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (240, 320)
MARKS = 500
TINY = (
    "++model.image_size=64",
    "++model.memory_attention.num_layers=1",
    "++model.memory_attention.layer.dim_feedforward=64",
    "++model.image_encoder.trunk.embed_dim=16",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("who", choices=["ours", "upstream"])
    parser.add_argument("frames", type=int, nargs="?", default=5000)
    options = parser.parse_args()
    (ours if options.who == "ours" else upstream)(options.frames)


def synthetic_frame(index: int) -> NDArray[np.uint8]:
    """Return a frame with a light square on a dark ground, which moves from left to right again and again."""
    image = np.full((*SIZE, 3), 40, np.uint8)
    x = 25 + index % 200
    image[75:150, x : x + 75] = 210
    return image


def predictor():
    import torch
    from sam2.build_sam import build_sam2_video_predictor

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_sam2_video_predictor("configs/sam2.1/sam2.1_hiera_t.yaml", device="cpu", hydra_overrides_extra=list(TINY))
    model.fill_hole_area = 0
    return model.requires_grad_(False)


def ours(count: int) -> None:
    import torch

    from promptseg.models.sam.torch.model import TorchSettings
    from promptseg.models.sam.video.model import TorchSam2Video
    from promptseg.models.sam.video.session import SamVideoSegmenter
    from promptseg.prompts import Prompt
    from promptseg.results import Provenance

    def frames() -> Iterator[NDArray[np.uint8]]:
        for index in range(count):
            yield synthetic_frame(index)

    model = TorchSam2Video(predictor(), Provenance("tiny", "sam2_video", "1"), TorchSettings(torch.device("cpu")), 0)
    session = SamVideoSegmenter(model, memory=4 << 20).open(frames())
    session.add(0, 1, Prompt.box(25, 75, 100, 150))
    started = time.process_time()
    for at in session.propagate():
        tell(at.frame, len(at.masks), session.nbytes, started)
        if at.frame == 1000:
            session.add(1000, 2, Prompt.box(50, 75, 150, 150))


def upstream(count: int) -> None:
    model = predictor()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index in range(count):
            Image.fromarray(synthetic_frame(index)).save(Path(folder) / f"{index}.jpg")
        print("before the frames are read", f"{resident():.0f} MiB", flush=True)
        state = model.init_state(folder)
        print("when they were read", f"{resident():.0f} MiB", flush=True)
        model.add_new_points_or_box(state, 0, 1, box=np.array([25, 75, 100, 150], np.float32))
        started = time.process_time()
        for frame, ids, _ in model.propagate_in_video(state):
            tell(frame, len(ids), None, started)


def tell(frame: int, objects: int, held: int | None, started: float) -> None:
    if (frame + 1) % MARKS and frame != 100:
        return
    session = "" if held is None else f", {held / 2**20:.1f} MiB of them the session's"
    print(
        f"frame {frame + 1}: {objects} objects, {resident():.0f} MiB{session}, {time.process_time() - started:.0f} s of processor time",
        flush=True,
    )


def resident() -> float:
    """Return the resident memory of the process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
