"""Encoding a photo: promptseg's `open` without a cache against upstream's `SamPredictor.set_image`, same weights."""

from __future__ import annotations

from common import in_turn, parser, photo, photo_argument, report, upstream_predictor


def main() -> None:
    arguments = parser(__doc__)
    photo_argument(arguments)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    import promptseg

    image = photo(options)
    predictor = upstream_predictor(options)
    segmenter = promptseg.load("mini-sam", cache=None)
    report("encode", *in_turn(lambda: predictor.set_image(image), lambda: segmenter.open(image), options.rounds))


if __name__ == "__main__":
    main()
