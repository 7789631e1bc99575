"""Many boxes on one image: promptseg's one call against upstream's loop of `predict`, same weights, encoding not included."""

from __future__ import annotations

import numpy as np
from common import chosen_image, compare, image_argument, parser
from pairs import pair, pair_arguments


def random_boxes(count: int, size: tuple[int, int]) -> np.ndarray:
    """Return (count, 4) float32 xyxy boxes with sides from a twentieth to a third of the image."""
    random = np.random.default_rng(0)
    height, width = size
    lengths = random.uniform(1 / 20, 1 / 3, (count, 2)) * [width, height]
    corners = random.uniform(0, 1, (count, 2)) * ([width, height] - lengths)
    return np.concatenate([corners, corners + lengths], axis=1).astype(np.float32)


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    pair_arguments(arguments)
    arguments.add_argument("--boxes", type=int, default=50)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    import promptseg

    image = chosen_image(options)
    both = pair(options, image)
    boxes = random_boxes(options.boxes, image.shape[:2])
    prompts = [promptseg.Prompt.box(*box) for box in boxes.tolist()]
    both.predictor.set_image(image)
    session = both.ours.open(image)

    def upstream() -> list[np.ndarray]:
        return [both.predictor.predict(box=box, multimask_output=False)[0][0] for box in boxes]

    compare(f"{options.boxes} boxes", upstream, lambda: session.segment(prompts), options.rounds)
    both_masks = zip(session.segment(prompts), upstream(), strict=True)
    overlaps = [mask.iou(promptseg.Mask.from_array(array > 0)) for mask, array in both_masks if array.any()]
    print(f"IoU with upstream's masks: mean {np.mean(overlaps):.4f}, least {np.min(overlaps):.4f}")


if __name__ == "__main__":
    main()
