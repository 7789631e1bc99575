"""Fine-tuning of the mask decoder: what cached embeddings save, how long a training takes, and what it gains on photos that it never saw.

An epoch on cached embeddings and one that encodes each photo anew run in turn, with the same photos, prompts and weights; what is timed is
the second epoch of each, when masks are read and prompts that never change are made. With
``--cross-validate K`` a decoder is trained for each of K folds of the photos, and judged on that fold: mean IoU by box and by center point,
beside the model as it was and beside the prompt's box, filled, with paired bootstrap intervals.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import THREADS, parser


class Anew(Sequence[Any]):
    """The features of photos, encoded whenever they are asked for."""

    def __init__(self, segmenter: Any, photos: Sequence[Path]) -> None:
        self._segmenter, self._photos = segmenter, photos

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Any:
        return self._segmenter.open(self._photos[index]).embedding.features


def epochs(model: str, examples: Sequence[Any], rounds: int) -> Iterator[tuple[float, float, float]]:
    """Seconds of an epoch on cached embeddings and of one without, and the difference of their losses."""
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
    anew = Anew(load_segmenter(model, engine=chosen.engine.name, device="cpu", cache=None), [example.image for example in examples])
    cached = [anew[index] for index in range(len(examples))]

    def epoch(features: Sequence[Any], number: int) -> tuple[float, float]:
        decoder = TrainableDecoder(make(chosen.backend.torch_module, request), torch.device("cpu"))
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(epochs=2, validation=0, seed=number)
            training = Training(decoder, examples, features, range(len(examples)), [], settings, StateFile(Path(folder), {}))
            *_, entry = training.run().log
            return entry["seconds"], entry["loss"]

    for number in range(rounds):
        first, second = epoch(cached, number), epoch(anew, number)
        yield first[0], second[0], abs(first[1] - second[1])


def cross_validated(options: Any, dataset: Any) -> None:
    from promptseg.finetuning.cross_validation import cross_validate

    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        found = cross_validate(dataset, None, out, model=options.model, folds=options.cross_validate, seed=options.seed, device="cpu")
        for name, comparison in found.comparisons().items():
            print(comparison)
            for baseline, both in found.tuned[name].baselines.items():
                print(f"  {baseline}: {both['iou']}; the tuned above it by {both['above']}", flush=True)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--images", type=Path, help="folder of photos (default: data/flood_area/images of the shared folder)")
    arguments.add_argument("--masks", type=Path, help="folder of their masks (default: data/flood_area/masks of the shared folder)")
    arguments.add_argument("--model", default="mini-sam")
    arguments.add_argument("--photos", type=int, default=10, help="how many photos an epoch of the comparison has")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--cross-validate", type=int, metavar="K", help="train and judge K decoders")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, help="folder to keep the decoders and runs in")
    options = arguments.parse_args()
    from promptseg.datasets.formats.folders import read_folders
    from promptseg.finetuning.data import read_examples
    from promptseg.finetuning.run import finetune_decoder

    data = options.shared / "data" / "flood_area"
    dataset = read_folders(options.images or data / "images", options.masks or data / "masks")
    examples, _ = read_examples(dataset)
    if options.rounds:
        measured = list(epochs(options.model, examples[: options.photos], options.rounds))
        ours, theirs = (statistics.median(one[side] for one in measured) for side in (0, 1))
        ratio = statistics.median(anew / cached for cached, anew, _ in measured)
        print(f"epoch of {options.photos} photos: cached {ours:.3g} s, encoded anew {theirs:.3g} s, ratio {ratio:.1f}", flush=True)
        print(f"largest difference of their losses: {max(one[2] for one in measured):.2g}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            done = finetune_decoder(dataset, None, Path(folder) / "tuned", model=options.model, seed=options.seed, device="cpu")
            spent = time.process_time() - started
        print(
            f"whole training: {done.photos[0]} photos, {done.epochs} epochs, {done.seconds:.0f} s by the clock after encoding; "
            f"{spent:.0f} s of processor time with reading, {done.encoded} photos to encode and writing",
            flush=True,
        )
    if options.cross_validate:
        cross_validated(options, dataset)


if __name__ == "__main__":
    main()
