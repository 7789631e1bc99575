"""One script for any models: configuration files alone name the detector and the segmenter.

python examples/swap_backends/run.py photo.jpg --find "person" "dog" --config examples/swap_backends/*.yaml
"""

import argparse
import sys
from pathlib import Path

import promptseg as ps

parser = argparse.ArgumentParser(description="The same image and phrases with the models of each configuration file.")
parser.add_argument("image")
parser.add_argument("--find", nargs="+", required=True, metavar="PHRASE", help="what to look for")
parser.add_argument("--config", nargs="+", required=True, type=Path, metavar="FILE", help="pipeline files")
parser.add_argument("--out", type=Path, default=Path(), help="folder for the overlays (default: this one)")
options = parser.parse_args()

options.out.mkdir(parents=True, exist_ok=True)
failed = False
for file in options.config:
    try:
        result = ps.Pipeline.from_config(file).build()(options.image, ps.Prompt.text(*options.find))
    except ps.PromptSegError as error:  # For example a package or weights are missing: the other files may still run.
        print(f"{file.name}: {error}", file=sys.stderr)
        failed = True
        continue
    print(f"{file.name}: {' + '.join(used.model for used in result.provenance)}, {sum(result.timings.values()):.2f} s")
    for mask in result.masks:
        print(f"  {mask.label}  {mask.score:.2f}  {mask.box.astype(int).tolist()}")
    result.overlay().save(options.out / f"{file.stem}.png")
sys.exit(failed)
