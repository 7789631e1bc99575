"""``promptseg finetune``: fine-tune a mask decoder on your own images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._counting import number_of
from ..registry import DEFAULT_MODEL
from ..runtime import progress
from ..runtime.output_paths import check_output_folder
from . import completion
from .output import clean_up, errors_as_messages, model_paths, print_findings, say
from .prompts import AutoDeviceOption
from .truth import BoxesOption, CrowdsOption, FitOption, MaskKindOption, NamesOption, TruthOption, open_truth

if TYPE_CHECKING:
    from ..datasets.core import Dataset


def finetune(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the result. An unfinished training in it is continued.")],
    images: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The images.")] = None,
    masks: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Their masks, as mask images of the same names.")] = None,
    coco: Annotated[Path | None, typer.Option(metavar="FILE", help="Their objects as a COCO file, in place of --masks.")] = None,
    labelme: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Their objects as LabelMe files.")] = None,
    yolo: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Their objects as YOLO text files.")] = None,
    names: NamesOption = None,
    davis: Annotated[Path | None, typer.Option(metavar="FOLDER", help="A DAVIS folder, which contains the images.")] = None,
    truth: TruthOption = None,
    boxes: BoxesOption = False,
    crowds: CrowdsOption = False,
    fit: FitOption = False,
    mask_kind: MaskKindOption = "auto",
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME[=WEIGHTS]",
            autocompletion=completion.segmenters,
            help="A model that runs in torch: SAM, MobileSAM, mini-sam or SAM 2.",
        ),
    ] = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the split, the order of images and the prompts.")] = 0,
    epochs: Annotated[int, typer.Option(metavar="N", help="Maximum number of epochs.")] = 12,
    learning_rate: Annotated[float, typer.Option(metavar="X", help="Maximum learning rate of AdamW.")] = 1e-4,
    validation: Annotated[
        float | None, typer.Option(metavar="X", help="Fraction of the images for validation; 0 for none. Default: 0.2, with --folds 0.")
    ] = None,
    patience: Annotated[int, typer.Option(metavar="N", help="Epochs without a better validation IoU until training stops.")] = 4,
    objects: Annotated[int, typer.Option(metavar="N", help="Maximum number of objects of an image in one step.")] = 8,
    prompts: Annotated[int, typer.Option(metavar="N", help="Prompts for each object in one step.")] = 1,
    prompt_encoder: Annotated[bool, typer.Option("--prompt-encoder", help="Also train the prompt encoder.")] = False,
    lora: Annotated[
        int, typer.Option(metavar="RANK", help="Also train the image encoder, with LoRA adapters of this rank; needs peft.")
    ] = 0,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Cross-validate: train K decoders, each without one fold of the images, and evaluate each on that fold."
        ),
    ] = None,
    device: AutoDeviceOption = "auto",
    precision: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=completion.one_of(("float32", "bfloat16", "float16")),
            help="float32, bfloat16 or float16; the last two need accelerate.",
        ),
    ] = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write to a folder that is not empty, and start over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the summary.")] = False,
) -> None:
    """Train a model's mask decoder on images with masks. The image encoder runs once for each image."""
    settings: dict[str, Any] = {
        "model": model,
        "seed": seed,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "patience": patience,
        "objects": objects,
        "prompts": prompts,
        "prompt_encoder": prompt_encoder,
        "precision": precision,
        "lora": lora,
        "device": device,
        "overwrite": overwrite,
    }
    if validation is not None:
        settings["validation"] = validation
    with errors_as_messages():
        inputs = [images, masks, coco, labelme, yolo, names, davis, *model_paths(model)]
        check_output_folder(out, inputs=inputs)
        clean_up(out.parent, out.name)
        clean_up(out)
        dataset = open_truth(
            images,
            truth,
            masks=masks,
            coco=coco,
            labelme=labelme,
            yolo=yolo,
            davis=davis,
            mask_kind=mask_kind,
            names=names,
            boxes=boxes,
            crowds=crowds,
            fit=fit,
        )
    if folds is None:
        _train(dataset, out, settings, as_json)
    else:
        _cross_validate(dataset, out, folds, settings, as_json)


def _train(dataset: Dataset, out: Path, settings: dict[str, Any], as_json: bool) -> None:
    from ..finetuning.run import finetune_decoder

    with errors_as_messages(), progress.shown():
        done = finetune_decoder(dataset, None, out, **settings)
    if as_json:
        say(json.dumps(done.to_dict(), indent=1))
    else:
        trained, validated = done.images
        reason = f", stopped: {done.stopped}" if done.stopped else ""
        if done.was_finished:
            say(f"This training is already finished, and {done.folder} holds its result: there was nothing to do")
        images = f"{number_of(trained, 'training image')}, {number_of(validated, 'validation image')}"
        say(f"{images}; {number_of(done.epochs, 'epoch')} in {done.seconds:.0f} s{reason}")
        for kind, (before, after) in done.validation.items():
            say(f"Validation IoU by {kind}: {before:.3f} before, {after:.3f} after epoch {done.best_epoch}")
        if done.validation and not done.best_epoch:
            say("No epoch was better than the original model: the folder holds its unchanged decoder")
        say(f"Use it: --model {done.model}={done.folder}")
    print_findings(done.findings)


def _cross_validate(dataset: Dataset, out: Path, folds: int, settings: dict[str, Any], as_json: bool) -> None:
    from ..finetuning.cross_validation import cross_validate

    with errors_as_messages(), progress.shown():
        found = cross_validate(dataset, None, out, folds=folds, **settings)
    if as_json:
        say(json.dumps(found.to_dict(), indent=1))
    else:
        for name, comparison in found.comparisons().items():
            say(str(comparison))
            for baseline, both in found.tuned[name].baselines.items():
                say(f"  over {baseline.replace('_', ' ')}: {both['above']}")
        say(f"The runs are saved for promptseg compare: {', '.join(str(path) for path in sorted(out.glob('*.json')))}")
    print_findings(found.findings)
