"""A long clip in the studio: seconds to open it, to show a frame anywhere, to play, and to open it again with all frames tracked; memory.

It writes a clip of the given minutes at low resolution, 25 frames a second with a key frame every 10 seconds, as players expect.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from common import parser

from promptseg import Mask, Masks
from promptseg.results import FrameMasks
from promptseg.runtime.host import processor_name
from promptseg.studio_server.video.changes import KeyFrame, VideoChange
from promptseg.studio_server.video.project import VideoProject

FPS = 25
SIZE = (180, 320)
OBJECTS = 3


def write_clip(path: Path, frames: int) -> None:
    """Write a clip of noise that moves, so that its frames have the bytes of real ones."""
    import av

    noise = np.random.default_rng(0).integers(0, 256, (SIZE[0] // 4, SIZE[1], 3), dtype=np.uint8)
    ground = np.repeat(noise, 4, axis=0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = SIZE[1], SIZE[0], "yuv420p", 10 * FPS
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(ground, index, axis=1)), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def shown(project: VideoProject, frame: int) -> float:
    """Return the seconds until a frame is there as JPEG."""
    started = time.perf_counter()
    project.frames.jpeg(frame, SIZE[1]).result()
    return time.perf_counter() - started


def measure(clip: Path, out: Path) -> None:
    """Open a clip, show frames, keep a mask for each object and frame, and print the figures."""
    started = time.perf_counter()
    project = VideoProject(clip, out)
    opened, first = time.perf_counter() - started, shown(project, 0)
    count = project.frames.count or 0
    print(f"opened in {opened:.2f} s, first frame after {first * 1000:.0f} ms more; {count} frames of {clip.stat().st_size >> 20} MB")
    random = np.random.default_rng(1)
    away = [shown(project, int(frame)) for frame in random.integers(0, count, 60)]
    p50, p95 = np.quantile(away[1:], [0.5, 0.95]) * 1000
    print(f"a frame anywhere: the first {away[0] * 1000:.0f} ms, then p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    start = count // 2
    shown(project, start)
    started = time.perf_counter()
    for frame in range(start, start + 500):
        shown(project, frame)
    print(f"in order: {500 / (time.perf_counter() - started):.0f} frames a second")
    back = [shown(project, frame) for frame in range(start - 1, start - 201, -1)]
    print(f"back: {len(back) / sum(back):.0f} frames a second")
    keep_masks(project, count)
    project.close()
    started = time.perf_counter()
    project = VideoProject(clip, out)
    again, size = time.perf_counter() - started, (out / "video.jsonl").stat().st_size >> 20
    print(f"opened again in {again:.2f} s with {OBJECTS} masks on each frame, {size} MB")
    started = time.perf_counter()
    runs = sum(len(project.track(each.uid).runs()) for each in project.objects())
    timeline = time.perf_counter() - started
    started = time.perf_counter()
    for frame in range(start, start + 64):
        project.on_frame(frame)
    print(f"timeline ({runs} runs) in {timeline * 1000:.0f} ms, masks of 64 frames in {(time.perf_counter() - started) * 1000:.0f} ms")
    project.close()
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")


def keep_masks(project: VideoProject, count: int) -> None:
    """Keep a mask of each object on each frame, as a tracker does."""
    mask = Mask.from_array(np.pad(np.ones((60, 60), bool), ((60, 60), (130, 130))), score=0.9)
    values: dict[str, Any] = {"label": None, "color": None, "hidden": False, "locked": False, "attributes": {}}
    uids = {number: f"object{number}" for number in range(1, OBJECTS + 1)}
    objects = tuple({"uid": uid, **values} for uid in uids.values())
    project.change(VideoChange(objects, keys=tuple(KeyFrame(0, uid, mask) for uid in uids.values())), 0)
    masks = Masks([mask] * OBJECTS, SIZE)
    with mock.patch("os.fsync"):  # A tracker is slower than the disk; here it would take minutes.
        for frame in range(1, count):
            project.keep_tracked(FrameMasks(frame, tuple(uids), masks, frame / FPS), uids)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--measured", type=Path, help="a clip that is there already")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = given.measured
        if clip is None:  # Written by another process, whose memory does not count.
            clip = Path(folder) / "clip.mp4"
            frames = round(given.minutes * 60 * FPS)
            code = f"from pathlib import Path; import studio_video; studio_video.write_clip(Path({str(clip)!r}), {frames})"
            subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
        (Path(folder) / "out").mkdir()
        print(processor_name())
        measure(clip, Path(folder) / "out")


if __name__ == "__main__":
    main()
