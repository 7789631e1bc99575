"""Encoding an image: promptseg's `open` without a cache against upstream's `set_image`, same weights."""

from __future__ import annotations

from common import chosen_image, compare, image_argument, parser
from pairs import pair, pair_arguments


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    pair_arguments(arguments)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    image = chosen_image(options)
    both = pair(options, image)
    compare("encode", lambda: both.predictor.set_image(image), lambda: both.ours.open(image), options.rounds)


if __name__ == "__main__":
    main()
