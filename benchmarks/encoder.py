"""Encoding a photo: promptseg's `open` without a cache against upstream's `SamPredictor.set_image`, same weights."""

from __future__ import annotations

from common import engine_argument, in_turn, parser, photo, photo_argument, report, segmenter, upstream_predictor


def main() -> None:
    arguments = parser(__doc__)
    photo_argument(arguments)
    engine_argument(arguments)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    image = photo(options)
    predictor = upstream_predictor(options)
    ours = segmenter(options)
    report("encode", *in_turn(lambda: predictor.set_image(image), lambda: ours.open(image), options.rounds))


if __name__ == "__main__":
    main()
