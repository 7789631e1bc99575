"""Cross-validation of fine-tuning, for datasets that are too small for a test set of their own.

Each image is evaluated with the one decoder that was trained without it and without any image of its group. So all images count, and no
decoder is evaluated on images that it was trained on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._checks import flag, whole_number
from ..datasets.core import Dataset, Finding
from ..datasets.reading import open_dataset
from ..errors import ConfigError
from ..evaluation.comparison import Comparison, compare
from ..evaluation.results import Evaluation
from ..evaluation.run import evaluate
from ..evaluation.simulation import Text, parse_prompt_protocol
from ..registry import DEFAULT_MODEL, load_segmenter
from ..runtime.files import remove_leftovers
from ..runtime.output_paths import check_output_folder
from ..runtime.progress import ProgressOption, reports_progress
from .data import read_examples
from .run import choose_trainable, finetune_decoder
from .split import folds as split_folds


@dataclass(frozen=True)
class CrossValidation:
    """Results of fine-tuning on images that it was not trained on.

    Attributes:
        base: Evaluations of the base model on all images, by name of the protocol.
        tuned: Evaluations of the decoders, each on the images of its fold, by name of the protocol. Objects and their order are those of
            `base`.
        decoders: The folder of each decoder.
        findings: Images and masks that could not be used, or that were changed to be used.
    """

    base: Mapping[str, Evaluation]
    tuned: Mapping[str, Evaluation]
    decoders: tuple[Path, ...]
    findings: tuple[Finding, ...] = ()

    def comparisons(self, metric: str = "iou") -> dict[str, Comparison]:
        """Compare the fine-tuned decoders with the base model object by object; by name of the protocol."""
        return {name: compare([self.base[name], self.tuned[name]], metric) for name in self.tuned}

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON."""
        return {
            "decoders": [str(folder) for folder in self.decoders],
            "comparisons": {name: one.to_dict() for name, one in self.comparisons().items()},
            "baselines": {name: {key: one["above"].to_dict() for key, one in run.baselines.items()} for name, run in self.tuned.items()},
            "findings": [asdict(finding) for finding in self.findings],
        }


@reports_progress
def cross_validate(
    images: Dataset | str | os.PathLike[str],
    masks: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    *,
    coco: str | os.PathLike[str] | None = None,
    model: str = DEFAULT_MODEL,
    folds: int = 5,
    seed: int = 0,
    validation: float = 0.0,
    protocols: Sequence[str] = ("box", "point"),
    baselines: bool = True,
    device: str = "auto",
    progress: ProgressOption = None,  # noqa: ARG001 - The decorator takes it.
    **settings: Any,
) -> CrossValidation:
    """Fine-tune once for each fold, evaluate each decoder on the images of its fold, and the base model on all images.

    The runs are saved beside the decoders for ``promptseg compare``: ``base-box.json`` and ``tuned-box.json`` for protocol ``"box"``. An
    interrupted call continues where it stopped when it is repeated. Finished decoders are not trained again.

    Args:
        images: A dataset of `promptseg.datasets`, or a folder of images.
        masks: Folder of masks with the same file names; None if `images` is a dataset, or with `coco`.
        out: Folder for the decoders, ``fold-1`` and so on, and the runs.
        coco: COCO file of instances, instead of `masks`.
        model: Base model, as for `promptseg.finetune_decoder`.
        folds: Number of folds, at least 2.
        seed: Random seed of the folds and of each training.
        validation: Share of the training images that is held out for early stopping; by default 0, so that all are trained on.
        protocols: Evaluation protocols, named as in `promptseg.evaluation.simulation`.
        baselines: Also evaluate the baselines of `promptseg.evaluation.baselines`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.
        settings: Other settings of `promptseg.finetune_decoder`.

    Raises:
        ConfigError: The number of folds is below 2, or a setting is one that `promptseg.finetune_decoder` refuses.
        InputError: There are fewer independent images than folds, or no image can be used.
        OutputError: The folder cannot be written to, or is an input.
    """
    folds, seed, baselines = whole_number("folds", folds, 2), whole_number("seed", seed, 0), flag("baselines", baselines)
    for name in protocols:
        if isinstance(parse_prompt_protocol(name), Text):
            raise ConfigError(f"a decoder is evaluated with spatial prompts or in everything mode, got the protocol {name!r}")
    dataset = images if isinstance(images, Dataset) else open_dataset(images, masks=masks, coco=coco)
    runs_of = {(kind, name): Path(out) / f"{kind}-{name.replace(':', '-')}.json" for kind in ("base", "tuned") for name in protocols}
    check_output_folder(Path(out), names=[path.name for path in runs_of.values()], inputs=[*_paths(images), masks, coco])
    remove_leftovers(Path(out))
    examples, findings = read_examples(dataset)
    chosen = split_folds([example.group for example in examples], folds, seed)
    common = {"model": model, "seed": seed, "validation": validation, "device": device, **settings}
    folders = []
    parts: dict[str, list[Evaluation]] = {name: [] for name in protocols}
    for number, held_out in enumerate(chosen, 1):
        folder = Path(out) / f"fold-{number}"
        folders.append(folder)
        learned = [example.name for index, example in enumerate(examples) if index not in set(held_out)]
        finetune_decoder(dataset.only(learned), None, folder, **common)
        segmenter = load_segmenter(str(folder), device=device, cache="disk")
        unseen = dataset.only([examples[index].name for index in held_out])
        for name in protocols:
            parts[name].append(evaluate(unseen, model=segmenter, prompt=name, seed=seed, baselines=baselines))
    order = [example.name for example in examples]
    tuned = {name: Evaluation.joined(found, f"{model}, fine-tuned in {folds} folds") for name, found in parts.items()}
    engine = choose_trainable(model).engine.name
    everything = dataset.only(order)
    base = {
        name: evaluate(everything, model=model, engine=engine, prompt=name, seed=seed, device=device, baselines=baselines)
        for name in protocols
    }
    for (kind, name), path in runs_of.items():
        (base if kind == "base" else tuned)[name].save(path)
    return CrossValidation(base, tuned, tuple(folders), tuple(findings))


def _paths(images: Dataset | str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    return [] if isinstance(images, Dataset) else [images]
