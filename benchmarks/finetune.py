"""Fine-tuning of the mask decoder: time saved by cached embeddings, time of a training, and gain on images that it was not trained on.

An epoch on cached embeddings and one that encodes each image run alternately, with the same images, prompts and weights. The second epoch
of each is timed, when masks have been read and fixed prompts made. With ``--cross-validate K`` a decoder is trained for each of K folds of
the images, and evaluated on that fold: mean IoU by box and by center point, beside the base model and beside the filled box of the prompt,
with paired bootstrap intervals.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import THREADS, parser


class Uncached(Sequence[Any]):
    """Features of images that are encoded at each access."""

    def __init__(self, segmenter: Any, images: Sequence[Path]) -> None:
        self._segmenter, self._images = segmenter, images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Any:
        return self._segmenter.open(self._images[index]).embedding.features


def epochs(model: str, examples: Sequence[Any], rounds: int) -> Iterator[tuple[float, float, float]]:
    """Yield the seconds of an epoch on cached embeddings and of one without, and the difference of their losses."""
    import torch

    from promptseg.finetuning.decoder import TrainableDecoder
    from promptseg.finetuning.run import choose_trainable
    from promptseg.finetuning.state import StateFile
    from promptseg.finetuning.train import Settings, Training
    from promptseg.registry import load_segmenter
    from promptseg.registry.files import weights_of
    from promptseg.registry.loading import make

    torch.set_num_threads(THREADS)
    chosen = choose_trainable(model)
    request = chosen.request(weights_of(chosen), "cpu")
    uncached = Uncached(load_segmenter(model, engine=chosen.engine.name, device="cpu", cache=None), [example.image for example in examples])
    cached = [uncached[index] for index in range(len(examples))]

    def epoch(features: Sequence[Any], number: int) -> tuple[float, float]:
        decoder = TrainableDecoder(make(chosen.backend.torch_module, request), torch.device("cpu"))
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(epochs=2, validation=0, seed=number)
            training = Training(decoder, examples, features, range(len(examples)), [], settings, StateFile(Path(folder), {}))
            *_, entry = training.run().log
            return entry["seconds"], entry["loss"]

    for number in range(rounds):
        first, second = epoch(cached, number), epoch(uncached, number)
        yield first[0], second[0], abs(first[1] - second[1])


def cross_validated(options: Any, dataset: Any) -> None:
    from promptseg.finetuning.cross_validation import cross_validate

    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        found = cross_validate(dataset, None, out, model=options.model, folds=options.cross_validate, seed=options.seed, device="cpu")
        for name, comparison in found.comparisons().items():
            print(comparison)
            for baseline, both in found.tuned[name].baselines.items():
                print(f"  {baseline}: {both['iou']}; fine-tuned above it by {both['above']}", flush=True)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--images", type=Path, help="folder of images (default: data/flood_area/images of the shared folder)")
    arguments.add_argument("--masks", type=Path, help="folder of their masks (default: data/flood_area/masks of the shared folder)")
    arguments.add_argument("--model", default="mini-sam")
    arguments.add_argument("--limit", type=int, default=10, help="number of images in an epoch of the comparison")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--cross-validate", type=int, metavar="K", help="train and evaluate K decoders")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, help="folder to keep the decoders and runs in")
    options = arguments.parse_args()
    from promptseg.datasets.formats.paired_masks import read_paired_masks
    from promptseg.finetuning.data import read_examples
    from promptseg.finetuning.run import finetune_decoder

    data = options.shared / "data" / "flood_area"
    dataset = read_paired_masks(options.images or data / "images", options.masks or data / "masks")
    examples, _ = read_examples(dataset)
    if options.rounds:
        measured = list(epochs(options.model, examples[: options.limit], options.rounds))
        ours, theirs = (statistics.median(one[side] for one in measured) for side in (0, 1))
        ratio = statistics.median(uncached / cached for cached, uncached, _ in measured)
        print(f"epoch of {options.limit} images: cached {ours:.3g} s, encoded in each epoch {theirs:.3g} s, ratio {ratio:.1f}", flush=True)
        print(f"largest difference of their losses: {max(one[2] for one in measured):.2g}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            done = finetune_decoder(dataset, None, Path(folder) / "tuned", model=options.model, seed=options.seed, device="cpu")
            spent = time.process_time() - started
        print(
            f"whole training: {done.images[0]} images, {done.epochs} epochs, {done.seconds:.0f} s by the clock after encoding; "
            f"{spent:.0f} s of processor time with reading, {done.encoded} images to encode and writing",
            flush=True,
        )
    if options.cross_validate:
        cross_validated(options, dataset)


if __name__ == "__main__":
    main()
