"""How good fine-tuning is on photos that it did not see, where there are too few to hold some back: a decoder for each fold of the photos.

Each photo is judged by the one decoder that was trained without it, and without any photo of its group. So all photos count, and none
flatters.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..datasets.core import Dataset, Finding, read_json
from ..datasets.reading import open_dataset
from ..errors import ConfigError
from ..evaluation.comparison import Comparison, compare
from ..evaluation.results import Evaluation
from ..evaluation.run import evaluate
from ..registry import DEFAULT_MODEL, load_segmenter, manifest
from ..registry.manifest import RECORD
from .data import Example, read_examples
from .run import choose_trainable, finetune_decoder
from .split import folds as split_folds


@dataclass(frozen=True)
class CrossValidation:
    """What fine-tuning comes to on photos that it did not see.

    Attributes:
        base: The model as it was on all photos, by name of the protocol.
        tuned: The decoders, each on the photos that it was not trained on, likewise: the same objects in the same order.
        decoders: The folder of each decoder.
        findings: What of the photos and masks could not be used, or not as it stands.
    """

    base: Mapping[str, Evaluation]
    tuned: Mapping[str, Evaluation]
    decoders: tuple[Path, ...]
    findings: tuple[Finding, ...] = ()

    def comparisons(self, metric: str = "iou") -> dict[str, Comparison]:
        """The tuned against the base, object by object, by name of the protocol."""
        return {name: compare([self.base[name], self.tuned[name]], metric) for name in self.tuned}

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values that `json` can write."""
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
    judged_by: Sequence[str] = ("box", "point"),
    baselines: bool = True,
    device: str = "auto",
    **settings: Any,
) -> CrossValidation:
    """Fine-tunes once for each fold, and evaluates each decoder on the photos of its fold and the model as it was on all.

    The runs are saved beside the decoders, ``base-box.json`` and ``tuned-box.json`` for protocol ``"box"``, as ``promptseg compare`` reads
    them. A call that was ended goes on where it was when it is repeated; decoders that are finished are not trained again.

    Args:
        images: A dataset of `promptseg.datasets`, or the folder of the photos.
        masks: Folder of masks of the same names; None where `images` is a dataset, or with `coco`.
        out: Folder for the decoders, ``fold-1`` and so on, and the runs.
        coco: COCO file of instances, in place of `masks`.
        model: As for `promptseg.finetune_decoder`.
        folds: How many.
        seed: Of the folds, and of each training.
        validation: The share of the photos learned from that stop each training; by default none, so that all teach.
        judged_by: Protocols of evaluation; see `promptseg.evaluation.simulation`.
        baselines: Also measure what no model gives; see `promptseg.evaluation.baselines`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        settings: Other settings of `promptseg.finetune_decoder`.

    Raises:
        ConfigError: The number of folds is under 2, or whatever `promptseg.finetune_decoder` refuses.
        InputError: There are fewer independent photos than folds, or no photo can be used.
    """
    dataset = images if isinstance(images, Dataset) else open_dataset(images, masks=masks, coco=coco)
    examples, findings = read_examples(dataset)
    chosen = split_folds([example.group for example in examples], folds, seed)
    common = {"model": model, "seed": seed, "validation": validation, "device": device, **settings}
    folders = []
    parts: dict[str, list[Evaluation]] = {name: [] for name in judged_by}
    for number, held_out in enumerate(chosen, 1):
        folder = Path(out) / f"fold-{number}"
        folders.append(folder)
        learned = [example for index, example in enumerate(examples) if index not in set(held_out)]
        if not _is_finished(folder, learned, common):
            finetune_decoder(dataset.only([example.name for example in learned]), None, folder, **common)
        segmenter = load_segmenter(str(folder), device=device, cache="disk")
        photos = dataset.only([examples[index].name for index in held_out])
        for name in judged_by:
            parts[name].append(evaluate(photos, model=segmenter, prompt=name, seed=seed, baselines=baselines))
    order = [example.name for example in examples]
    tuned = {name: Evaluation.joined(found, f"{model}, fine-tuned in {folds} folds") for name, found in parts.items()}
    engine = choose_trainable(model).engine.name
    everything = dataset.only(order)
    base = {
        name: evaluate(everything, model=model, engine=engine, prompt=name, seed=seed, device=device, baselines=baselines)
        for name in judged_by
    }
    for kind, runs in (("base", base), ("tuned", tuned)):
        for name, run in runs.items():
            run.save(Path(out) / f"{kind}-{name.replace(':', '-')}.json")
    return CrossValidation(base, tuned, tuple(folders), tuple(findings))


def _is_finished(folder: Path, learned: Sequence[Example], settings: Mapping[str, Any]) -> bool:
    """Whether a decoder of this very training is there.

    Raises:
        ConfigError: That of another training is.
    """
    if settings.get("overwrite") or manifest.read(folder) is None:
        return False
    record = read_json(folder / RECORD)
    of_photos = sorted(one["sha256"] for side in ("train", "validation") for one in record[side])
    differing = {name: value for name, value in settings.items() if name in record["settings"] and record["settings"][name] != value}
    if of_photos != sorted(example.content for example in learned) or differing:
        told = f" (it has other {', '.join(differing)})" if differing else ""
        raise ConfigError(f"{folder} holds another training{told}: give another folder, or overwrite=True (--overwrite)")
    return True
