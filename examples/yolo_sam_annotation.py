"""Semi-automatic annotation: YOLO finds the objects of every photo in a folder, and a SAM makes their masks, for a person to look through.

    python examples/yolo_sam_annotation.py photos/ --out annotations/ --only person "car|truck"

For each photo there is a picture with the masks on it, and a JSON file with the masks (COCO RLE), boxes, scores and labels, as
``promptseg segment`` writes it. A photo that cannot be read is named at the end, and keeps no other from being done.

ultralytics and the YOLO models, the published ones and those trained with it, are licensed under AGPL-3.0: a program that uses them, also
over a network only, has to be published under that license, unless you have another from Ultralytics. promptseg itself is under Apache-2.0.
"""

import argparse
import sys
import time
from pathlib import Path

from PIL import Image

import promptseg as ps
from promptseg.cli.output import distinct_names, write_image, write_json

STAGES = ("read", "detect", "encode", "cache", "segment", "clean", "write")


def main() -> int:
    """Annotates the folder; the exit status is 1 where photos could not be read."""
    options = arguments()
    readable = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    photos = sorted(path for path in options.folder.glob("*") if path.suffix.lower() in readable)
    if not photos:
        sys.exit(f"there are no photos in {options.folder}")
    pipeline = (
        ps.Pipeline()
        .detect(options.detector, threshold=options.threshold)
        .segment(options.segmenter)
        .clean(fill_holes=options.specks, min_island=options.specks)
        .build(options.device)
    )
    wanted = [ps.Prompt.text(*options.only)] if options.only else []
    rows: dict[str, dict[str, float]] = {}
    failed: list[ps.PromptSegError] = []
    outcomes = pipeline.run(photos, *wanted, batch_size=options.batch_size, on_error="return")
    for photo, name, outcome in zip(photos, distinct_names(photos), outcomes, strict=True):
        if isinstance(outcome, ps.PromptSegError):
            failed.append(outcome)
            continue
        started = time.perf_counter()
        write_image(outcome.overlay(), options.out / f"{name}-overlay.png")  # Both appear under their names when they are complete.
        write_json(outcome.to_dict(), options.out / f"{name}-masks.json")
        print(f"{photo}: {', '.join(str(label) for label in outcome.masks.labels) or 'nothing found'}")
        rows[photo.name] = {**outcome.timings, "write": time.perf_counter() - started}
    print_table(rows)
    for error in failed:
        print(f"not annotated: {error}", file=sys.stderr)
    return 1 if failed else 0


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """Prints the seconds of each photo by stage, and their means."""
    stages = [stage for stage in STAGES if any(stage in row for row in rows.values())]
    table = {name: [row.get(stage, 0.0) for stage in stages] for name, row in rows.items()}
    if table:
        table["mean"] = [sum(column) / len(table) for column in zip(*table.values(), strict=True)]
    width = max((len(name) for name in table), default=0)
    print(f"\n{'seconds':{max(width, 7)}}" + "".join(f"{stage:>9}" for stage in [*stages, "total"]))
    for name, seconds in table.items():
        print(f"{name:{max(width, 7)}}" + "".join(f"{value:9.3f}" for value in [*seconds, sum(seconds)]))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Masks of what YOLO finds in a folder of photos.")
    parser.add_argument("folder", type=Path, help="the photos")
    parser.add_argument("--out", type=Path, default=Path("annotations"), help="folder for pictures and masks (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="PHRASE", help="classes to look for (default: all that the detector knows)")
    parser.add_argument("--detector", default="yolo11n", metavar="NAME[=WEIGHTS]", help="default: %(default)s")
    parser.add_argument("--segmenter", default="mini-sam", metavar="NAME[=WEIGHTS]", help="default: %(default)s")
    parser.add_argument("--threshold", type=float, default=0.3, help="least score of a detection (default: %(default)s)")
    parser.add_argument("--specks", type=int, default=100, help="holes and islands of fewer pixels go (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=4, help="photos in memory at once (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ps.PromptSegError as error:  # The models could not be loaded, or a file could not be written.
        sys.exit(f"yolo_sam_annotation: {error}")
