"""Grounded-SAM: phrases become boxes by Grounding DINO, and the boxes become labeled masks by SAM.

    python examples/grounded_sam.py photo.jpg "dog" "red car|red van"

Weights are fetched at first use. With local weights after the name, no network is needed:

    python examples/grounded_sam.py photo.jpg "dog" --detector grounding-dino-swin-t=FOLDER --segmenter sam-vit-b=sam_vit_b_01ec64.pth

FOLDER holds ``groundingdino_swint_ogc.pth`` and ``vocab.txt``, or what transformers saved.
"""

import argparse
import sys

import promptseg as ps

parser = argparse.ArgumentParser(description="Masks of phrases, by Grounding DINO and SAM.")
parser.add_argument("image")
parser.add_argument("phrases", nargs="+", help='what to look for, such as "red car"; "lorry|truck" gives alternatives for one thing')
parser.add_argument("--detector", default="grounding-dino-swin-t", metavar="NAME[=WEIGHTS]")
parser.add_argument("--segmenter", default="sam-vit-b", metavar="NAME[=WEIGHTS]")
parser.add_argument("--threshold", type=float, default=0.3, help="least score of a detection (default: %(default)s)")
parser.add_argument("--out", default="grounded-sam.png", help="the overlay (default: %(default)s)")
options = parser.parse_args()

try:
    pipeline = ps.Pipeline().detect(options.detector, threshold=options.threshold).segment(options.segmenter).build()
    result = pipeline(options.image, ps.Prompt.text(*options.phrases))
except ps.PromptSegError as error:
    sys.exit(f"grounded_sam: {error}")

for mask in result.masks:
    print(f"{mask.label}  {mask.score:.2f}  {mask.box.astype(int).tolist()}")
print(f"{len(result.masks)} found → {options.out}")
result.save(options.out)
