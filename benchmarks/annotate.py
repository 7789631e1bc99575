"""Cost of annotating many images beyond the models, in time and memory; runs that are killed; and Ray with one and two workers.

python benchmarks/annotate.py overhead     # mini-sam on images of --folder: the models' share of the time
python benchmarks/annotate.py memory       # peak memory at 1,000 and at 10,000 images, with a model that takes no time
python benchmarks/annotate.py kills        # `promptseg annotate` killed at twenty random moments, compared with a whole run
python benchmarks/annotate.py ray          # the superpixel model on Ray: one worker, two, and two of which one is killed
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

SUBPROCESS = "from promptseg.cli import main; main()"
KILLED_FORMATS = "coco,yolo-seg,voc,labelme,cvat,masks,label-studio"


def write_images(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """Write noisy images of ``(width, height)`` `size`, a thousand a folder, and return the outer folder."""
    random_numbers = np.random.default_rng(0)
    ground = Image.fromarray(random_numbers.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    for index in range(count):
        path = folder / f"{index // 1000:03}" / f"{index % 1000:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(np.asarray(ground), index, axis=1)).save(path, quality=90)
    return folder


def overhead(options: argparse.Namespace, folder: Path) -> None:
    """Print the models' share of the time with mini-sam, by a box and in everything mode."""
    from promptseg import Pipeline, Prompt, annotate

    for name, prompt in (("a box", Prompt.box(20, 20, 300, 300)), ("everything, 8 x 8 points", Prompt.everything(8))):
        out = folder / name.partition(",")[0].replace(" ", "-")
        done = annotate(options.folder, prompt, pipeline=Pipeline().segment("mini-sam"), out=out, limit=options.limit)
        share = done.model_seconds / done.seconds
        print(
            f"{name}: {done.processed} images in {done.seconds:.1f} s, the models {done.model_seconds:.1f} s of it: {100 * share:.1f} %",
            flush=True,
        )


def memory_of(count: int, folder: Path) -> None:
    """Annotate `count` images with a model that takes no time; print the peak memory and the time an image. Needs a process of its own."""
    from promptseg import Prompt, annotate
    from promptseg.pipeline import BuiltPipeline
    from promptseg.pipeline.config import parse_config
    from promptseg.testing import FakeSegmenter

    pipeline = BuiltPipeline(parse_config({"segment": {"model": "fake"}}), None, FakeSegmenter())
    source = write_images(folder / "images", count, (160, 120))
    started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    done = annotate(source, Prompt.everything(2), pipeline=pipeline, out=folder / "out", formats=["coco"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    journal = (folder / "out" / "journal.jsonl").stat().st_size
    print(
        f"{count} images of 160 x 120, 4 objects each: peak {peak:.0f} MiB ({started:.0f} before the run), "
        f"{1000 * done.seconds / done.processed:.2f} ms an image, journal {journal / count:.0f} bytes an image"
    )


def memory(_options: argparse.Namespace, folder: Path) -> None:
    """Measure each number of images in a process of its own, because a peak never falls."""
    for count in (1000, 10_000):
        subprocess.run([sys.executable, __file__, "memory-of", "--limit", str(count), "--work", str(folder / str(count))], check=True)


def kills(options: argparse.Namespace, folder: Path) -> None:
    """Kill the command at random moments, and compare the files of several formats with those of an uninterrupted run.

    When all images are done, it is killed a few more times while it writes the outputs.
    """
    source = write_images(folder / "images", 200, (320, 240))
    (source / "000" / "broken.jpg").write_bytes(b"")
    command = [sys.executable, "-c", SUBPROCESS, "annotate", str(source), "--model", "superpixel", "--everything"]
    command += ["--format", KILLED_FORMATS]
    moments = random.Random(options.seed)
    journal = folder / "out" / "journal.jsonl"
    lines, killed = [], 0
    while killed < options.kills:
        process = subprocess.Popen([*command, "--out", str(folder / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if killed % 5:  # After a number of images, and at any moment of the next one; every fifth time, at any moment of the start.
            wanted = size_of(journal) + moments.randrange(1, 200_000)
            while process.poll() is None and size_of(journal) < wanted:
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.05))
        else:
            time.sleep(moments.uniform(0, 2.5))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            break
        killed += 1
        lines.append(journal.read_bytes().count(b"\n") if journal.exists() else 0)
    whole_run = partial(subprocess.run, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    whole_run([*command, "--out", str(folder / "out")])
    started = time.perf_counter()
    whole_run([*command, "--out", str(folder / "out")])
    spent = time.perf_counter() - started
    written_over = 0
    for _ in range(options.kills // 4):
        process = subprocess.Popen([*command, "--out", str(folder / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(spent * moments.uniform(0.4, 0.95))
        process.send_signal(signal.SIGKILL)
        written_over += process.wait() == -signal.SIGKILL
    whole_run([*command, "--out", str(folder / "out")])
    whole_run([*command, "--out", str(folder / "whole")])
    written = outputs(folder / "whole")
    same = bool(written) and outputs(folder / "out") == written
    print(f"{killed} kills, with these numbers of lines in the journal: {lines}; and {written_over} while the outputs were written again")
    print(f"outputs of {len(written)} files: {'the same, byte for byte' if same else 'THEY DIFFER'}")


def size_of(path: Path) -> int:
    """Return the bytes of a file, or 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def outputs(out: Path) -> dict[str, bytes]:
    """Return the files of a run except the journal and the gallery, which contain times."""
    files = (
        path for path in out.rglob("*") if path.is_file() and "gallery" not in path.parts and path.name not in ("journal.jsonl", ".lock")
    )
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def ray(_options: argparse.Namespace, folder: Path) -> None:
    """Annotate the same images without Ray, with one worker, with two, and with two of which one is killed."""
    import ray as engine

    from promptseg import Pipeline, Prompt, annotate
    from promptseg.annotation.run_progress import RunProgress, SavedImage

    engine.init(num_cpus=4, log_to_driver=False, include_dashboard=False, object_store_memory=200_000_000)
    source = write_images(folder / "images", 40, (640, 480))
    settings = {"pipeline": Pipeline().segment("superpixel"), "batch_size": 4}

    def kill_one() -> None:
        workers = (actor for actor in engine._private.state.actors().values() if "MapWorker" in actor["ActorClassName"])  # noqa: SLF001
        os.kill(next(actor["Pid"] for actor in workers if actor["State"] == "ALIVE"), signal.SIGKILL)

    keep, kept = RunProgress.save, []

    def killing(self: RunProgress, *what: object) -> SavedImage:
        kept.append(what)
        if len(kept) == 20:
            kill_one()
        return keep(self, *what)

    for name, workers in (("without Ray", 0), ("one worker", 1), ("two workers", 2), ("two workers, one killed", 2)):
        RunProgress.save = killing if "killed" in name else keep  # type: ignore[method-assign]
        done = annotate(
            source,
            Prompt.everything(8),
            out=folder / name,
            **settings,
            **({"executor": "ray", "workers": workers} if workers else {}),
        )
        same = outputs(folder / name) == outputs(folder / "without Ray")
        print(
            f"{name}: {done.processed} images in {done.seconds:.1f} s, the models {done.model_seconds:.1f} s in all workers together; "
            f"outputs {'the same' if same else 'DIFFERENT'}",
            flush=True,
        )
    engine.shutdown()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=["overhead", "memory", "memory-of", "kills", "ray"])
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco_tiny" / "train2017"
    arguments.add_argument("--folder", type=Path, default=default, help="images for overhead")
    arguments.add_argument("--limit", type=int, default=12, help="largest number of images (default: %(default)s)")
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--work", type=Path, help="folder for the results (default: a temporary one)")
    options = arguments.parse_args()
    folder = options.work or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if options.what == "memory-of":
            memory_of(options.limit, folder)
        else:
            {"overhead": overhead, "memory": memory, "kills": kills, "ray": ray}[options.what](options, folder)
    finally:
        if options.work is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
