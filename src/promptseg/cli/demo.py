"""``promptseg demo``: segment the sample image by point, by box and in everything mode, as a first example."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..prompts import Prompt
from ..registry import DEFAULT_MODEL
from ..runtime import progress
from ..runtime.output_files import write_image, write_json
from ..runtime.output_paths import check_output_folder
from . import completion
from .found import counted_masks, found_lines
from .output import errors_as_messages, model_paths, say, seconds
from .prompts import DeviceOption, EngineOption, QuantizeOption, segmenter_options

# On the sample image: a click on the coffee, and a box around the spoon.
PROMPTS: dict[str, Prompt] = {
    "point": Prompt.point(290, 160),
    "box": Prompt.box(322, 62, 430, 330),
    "everything": Prompt.everything(),
}


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the overlays and masks.json.")] = Path("demo"),
    model: Annotated[
        str, typer.Option(metavar="NAME[=WEIGHTS]", autocompletion=completion.segmenters, help="The segmenter.")
    ] = DEFAULT_MODEL,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Segment the sample image by point, by box and everything; write overlays and masks.json."""
    from ..pipeline import Pipeline
    from ..samples import coffee

    def tell(line: str) -> None:
        if not as_json:
            say(line)

    with errors_as_messages():
        check_output_folder(out, names=[*(f"{name}.png" for name in PROMPTS), "masks.json"], inputs=model_paths(model))
        started = time.perf_counter()
        tell(f"Model {model}: fetching its weights if they are not here yet, and loading it…")
        pipeline = Pipeline().segment(model, engine=engine, options=segmenter_options(quantize)).build(device)
        loaded = time.perf_counter() - started
        tell(f"  ready after {loaded:.1f} s")
        image = coffee()
        report: dict[str, Any] = {"image": "coffee.jpg (Rachel Michetti, CC0 1.0)", "model": model, "seconds": {"load": round(loaded, 3)}}
        for name, prompt in PROMPTS.items():
            with progress.shown():
                result = pipeline(image, prompt)
            overlay = out / f"{name}.png"
            write_image(result.overlay(), overlay)
            report[name] = {**result.to_dict(), "overlay": str(overlay)}
            found = "".join(f"\n  {line}" for line in found_lines(result))
            tell(f"{prompt!r}\n  {counted_masks(result)} ({seconds(dict(result.timings))}) → {overlay}{found}")
        report["seconds"]["total"] = round(time.perf_counter() - started, 3)
        write_json(report, out / "masks.json")
    tell(f"All masks as COCO RLE → {out / 'masks.json'}")
    tell(f"Done in {report['seconds']['total']:.1f} s. Next: promptseg segment YOUR_IMAGE.jpg --everything")
    if as_json:
        say(json.dumps(report, indent=1))
