"""Speed and masks of mini-sam in torch in 16-bit number types, against float32."""

from __future__ import annotations

import numpy as np
from boxes import random_boxes
from common import chosen_image, compare, image_argument, parser


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    arguments.add_argument("--dtype", choices=("bfloat16", "float16"), default="bfloat16")
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--boxes", type=int, default=50)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    import promptseg

    image = chosen_image(options)
    full, half = (
        promptseg.load("mini-sam", engine="torch", device=options.device, dtype=dtype, cache=None) for dtype in ("float32", options.dtype)
    )
    compare("encode", lambda: full.open(image), lambda: half.open(image), options.rounds, sides=("float32", options.dtype))
    prompts = [promptseg.Prompt.box(*box) for box in random_boxes(options.boxes, image.shape[:2]).tolist()]
    sessions = full.open(image), half.open(image)
    compare(
        f"{options.boxes} boxes",
        *(lambda session=session: session.segment(prompts) for session in sessions),
        options.rounds,
        sides=("float32", options.dtype),
    )
    overlaps = [one.iou(other) for one, other in zip(*(session.segment(prompts) for session in sessions), strict=True)]
    print(f"IoU of {options.dtype}'s masks with float32's: mean {np.mean(overlaps):.4f}, least {np.min(overlaps):.4f}")


if __name__ == "__main__":
    main()
