"""Semi-automatic annotation: a detector finds the objects in each image of a folder, a SAM makes their masks, and a person checks them.

    python examples/annotate_folder.py images/ --out annotations/ --only person "car|truck"

For each image there is an overlay with the masks, and a JSON file with masks (COCO RLE), boxes, scores and labels, as ``promptseg segment``
writes it. An image that cannot be read is named at the end, and the others are annotated.

The default detector, D-FINE N, is under Apache-2.0 and needs no torch. With ``--permissive`` a model under another kind of license, such as
AGPL-3.0 of YOLO, is refused before anything is loaded.
"""

import argparse
import sys
import time
from pathlib import Path

from PIL import Image

import promptseg as ps
from promptseg.cli.output import distinct_names

STAGES = ("read", "detect", "encode", "cache", "segment", "clean", "write")


def main() -> int:
    """Annotate the folder, and return the exit status: 1 if an image could not be read."""
    options = arguments()
    readable = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    images = sorted(path for path in options.folder.glob("*") if path.suffix.lower() in readable)
    if not images:
        sys.exit(f"there are no images in {options.folder}")
    pipeline = (
        ps.Pipeline()
        .detect(options.detector, threshold=options.threshold)
        .segment(options.segmenter)
        .clean(fill_holes=options.specks, min_island=options.specks)
        .build(options.device, licenses="permissive" if options.permissive else None)
    )
    wanted = [ps.Prompt.text(*options.only)] if options.only else []
    rows: dict[str, dict[str, float]] = {}
    failed: list[ps.PromptSegError] = []
    outcomes = pipeline.run(images, *wanted, batch_size=options.batch_size, on_error="return")
    for path, name, outcome in zip(images, distinct_names(images), outcomes, strict=True):
        if isinstance(outcome, ps.PromptSegError):
            failed.append(outcome)
            continue
        started = time.perf_counter()
        outcome.save(options.out / f"{name}-overlay.png")  # Both get their names when they are complete.
        outcome.save(options.out / f"{name}-masks.json")
        print(f"{path}: {', '.join(str(label) for label in outcome.masks.labels) or 'nothing found'}")
        rows[path.name] = {**outcome.timings, "write": time.perf_counter() - started}
    print_table(rows)
    for error in failed:
        print(f"not annotated: {error}", file=sys.stderr)
    return 1 if failed else 0


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """Print the seconds of each image by stage, and their means."""
    stages = [stage for stage in STAGES if any(stage in row for row in rows.values())]
    table = {name: [row.get(stage, 0.0) for stage in stages] for name, row in rows.items()}
    if table:
        table["mean"] = [sum(column) / len(table) for column in zip(*table.values(), strict=True)]
    width = max((len(name) for name in table), default=0)
    print(f"\n{'seconds':{max(width, 7)}}" + "".join(f"{stage:>9}" for stage in [*stages, "total"]))
    for name, seconds in table.items():
        print(f"{name:{max(width, 7)}}" + "".join(f"{value:9.3f}" for value in [*seconds, sum(seconds)]))


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Masks of objects that a detector finds in a folder of images.")
    parser.add_argument("folder", type=Path, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("annotations"), help="folder for overlays and masks (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="PHRASE", help="classes to look for (default: all classes of the detector)")
    parser.add_argument("--detector", default="d-fine-n", metavar="NAME[=WEIGHTS]", help="default: %(default)s")
    parser.add_argument("--segmenter", default="mini-sam", metavar="NAME[=WEIGHTS]", help="default: %(default)s")
    parser.add_argument("--threshold", type=float, default=0.3, help="least score of a detection (default: %(default)s)")
    parser.add_argument("--specks", type=int, default=100, help="holes and islands of fewer pixels are removed (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=4, help="images in memory at once (default: %(default)s)")
    parser.add_argument("--permissive", action="store_true", help="refuse models without a permissive license")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ps.PromptSegError as error:  # The models could not be loaded, or a file could not be written.
        sys.exit(f"annotate_folder: {error}")
