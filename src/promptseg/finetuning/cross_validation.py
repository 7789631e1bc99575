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

from ..datasets.core import Dataset, Finding
from ..datasets.reading import open_dataset
from ..errors import ConfigError
from ..evaluation.comparison import Comparison, compare
from ..evaluation.results import Evaluation
from ..evaluation.run import evaluate
from ..registry import DEFAULT_MODEL, load_segmenter, manifest
from ..registry.manifest import RECORD
from ..runtime.structured import read_json
from .data import Example, read_examples
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
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        settings: Other settings of `promptseg.finetune_decoder`.

    Raises:
        ConfigError: The number of folds is below 2, or a setting is one that `promptseg.finetune_decoder` refuses.
        InputError: There are fewer independent images than folds, or no image can be used.
    """
    dataset = images if isinstance(images, Dataset) else open_dataset(images, masks=masks, coco=coco)
    examples, findings = read_examples(dataset)
    chosen = split_folds([example.group for example in examples], folds, seed)
    common = {"model": model, "seed": seed, "validation": validation, "device": device, **settings}
    folders = []
    parts: dict[str, list[Evaluation]] = {name: [] for name in protocols}
    for number, held_out in enumerate(chosen, 1):
        folder = Path(out) / f"fold-{number}"
        folders.append(folder)
        learned = [example for index, example in enumerate(examples) if index not in set(held_out)]
        if not _is_finished(folder, learned, common):
            finetune_decoder(dataset.only([example.name for example in learned]), None, folder, **common)
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
    for kind, runs in (("base", base), ("tuned", tuned)):
        for name, run in runs.items():
            run.save(Path(out) / f"{kind}-{name.replace(':', '-')}.json")
    return CrossValidation(base, tuned, tuple(folders), tuple(findings))


def _is_finished(folder: Path, learned: Sequence[Example], settings: Mapping[str, Any]) -> bool:
    """Return whether the folder holds a finished decoder of this training.

    Raises:
        ConfigError: The folder holds the decoder of another training.
    """
    if settings.get("overwrite") or manifest.read(folder) is None:
        return False
    record = read_json(folder / RECORD)
    try:
        trained_on = sorted(one["sha256"] for side in ("train", "validation") for one in record[side])
        differing = {name: value for name, value in settings.items() if name in record["settings"] and record["settings"][name] != value}
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{folder / RECORD} is not a training record: give another folder, or overwrite=True (--overwrite)") from error
    if trained_on != sorted(example.content for example in learned) or differing:
        reason = f" (it has other {', '.join(differing)})" if differing else ""
        raise ConfigError(f"{folder} holds another training{reason}: give another folder, or overwrite=True (--overwrite)")
    return True
