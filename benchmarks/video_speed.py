"""Speed of SAM 2 on video: promptseg on a stream against sam2's own predictor, on the same frames, in alternating rounds of one process.

    python benchmarks/video_speed.py --frames 6 --rounds 3

SAM 2.1 tiny, by default at its full size, with random weights: the time does not depend on them. Each round reads the frames
again: a folder of JPEG files, and for promptseg a video file as well. Printed are processor time and wall time a frame, and the share of
promptseg's time outside the network: reading, decoding and resizing frames, and converting logits to masks.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sam2.build_sam import build_sam2_video_predictor

from promptseg.models.sam.torch.model import TorchSettings
from promptseg.models.sam.video.model import TorchSam2Video
from promptseg.models.sam.video.session import SamVideoSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.video.writer import VideoWriter

BOX = (200, 150, 420, 330)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--objects", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=1024, help="side of the model input in pixels")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    changes = [f"++model.image_size={options.size}"]
    predictor = build_sam2_video_predictor(
        "configs/sam2.1/sam2.1_hiera_t.yaml", device="cpu", hydra_overrides_extra=changes
    ).requires_grad_(False)
    predictor.fill_hole_area = 0  # Without its CUDA extension it does not fill holes; promptseg does.
    clock = Clock(TorchSam2Video(predictor, Provenance("sam2.1-hiera-tiny", "sam2_video", "1"), TorchSettings(torch.device("cpu"))))
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder, file = Path(name) / "frames", Path(name) / "frames.mp4"
        write(folder, file, options.frames)
        runs: dict[str, Callable[[], None]] = {
            "upstream, folder": lambda: upstream(predictor, folder, options.objects),
            "promptseg, folder": lambda: ours(clock.model, folder, options.objects),
            "promptseg, mp4": lambda: ours(clock.model, file, options.objects),
        }
        taken: dict[str, list[tuple[float, float, float]]] = {label: [] for label in runs}
        for turn in range(options.rounds + 1):
            for label in sorted(runs, reverse=bool(turn % 2)):
                clock.inside = 0.0
                wall, processor = time.perf_counter(), time.process_time()
                runs[label]()
                processor, wall = time.process_time() - processor, time.perf_counter() - wall
                if turn:  # The first is for warming up.
                    taken[label].append((processor / options.frames, wall / options.frames, 1 - clock.inside / processor))
    first = [statistics.median(column) for column in zip(*taken["upstream, folder"], strict=True)]
    for label, rounds in taken.items():
        processor, wall, outside = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{label}: {processor:.2f} s of processor time a frame, {processor / first[0]:.2f} of upstream's; {wall:.2f} s by the clock")
        if label.startswith("promptseg"):
            print(f"    {outside:.1%} of the processor time is outside the network")


class Clock:
    """Sum of the processor time in the network."""

    def __init__(self, model: TorchSam2Video) -> None:
        self.model, self.inside = model, 0.0
        run = model._run  # noqa: SLF001 - What is measured.

        def measured(*arguments):
            started = time.process_time()
            try:
                return run(*arguments)
            finally:
                self.inside += time.process_time() - started

        model._run = measured  # noqa: SLF001


def write(folder: Path, file: Path, count: int) -> None:
    folder.mkdir()
    ground = np.asarray(Image.fromarray(np.random.default_rng(0).integers(0, 120, (36, 64, 3), np.uint8)).resize((1280, 720)))
    with VideoWriter(file, (720, 1280)) as writer:
        for index in range(count):
            image = ground.copy()
            image[150:330, 200 + 10 * index : 420 + 10 * index] += 120
            Image.fromarray(image).save(folder / f"{index}.jpg", quality=95)
            writer.write(image)


def ours(model: TorchSam2Video, video: Path, objects: int) -> None:
    session = SamVideoSegmenter(model).open(video)
    for object_id in range(objects):
        session.add(0, object_id, Prompt.box(*BOX))
    for at in session.propagate():
        assert len(at.masks) == objects


def upstream(predictor, folder: Path, objects: int) -> None:
    state = predictor.init_state(str(folder))
    for object_id in range(objects):
        predictor.add_new_points_or_box(state, 0, object_id, box=np.array(BOX, np.float32))
    for _, _, logits in predictor.propagate_in_video(state):
        (logits > 0).cpu().numpy()


if __name__ == "__main__":
    main()
