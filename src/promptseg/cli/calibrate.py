"""``promptseg calibrate``: fit what turns the scores of a model into the IoU to expect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from ..calibration.features import PROMPT_CLASSES, PromptClass
from ..registry import DEFAULT_MODEL
from ..runtime import progress
from ..runtime.output_paths import check_output_file
from . import completion
from .output import clean_up, errors_as_messages, model_paths, say
from .prompts import AutoDeviceOption, EngineOption, SegmenterOption
from .truth import BoxesOption, CrowdsOption, FitOption, MaskKindOption, NamesOption, TruthOption, open_truth


def calibrate(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.json", help="Write the calibration.")],
    images: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The images.")] = None,
    masks: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Their ground-truth masks, as mask images of the same names.")
    ] = None,
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
    model: SegmenterOption = DEFAULT_MODEL,
    engine: EngineOption = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=completion.one_of(PROMPT_CLASSES),
            help=f"Kind of prompt: {', '.join(PROMPT_CLASSES)}; repeatable; default: all.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the dataset, to be kept in the file; default: its path.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the prompts.")] = 0,
    device: AutoDeviceOption = "auto",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not cache image embeddings on the disk.")] = False,
) -> None:
    """Fit what turns the scores of a model into the IoU to expect, on any annotated dataset.

    A pipeline uses the file by its key segment.calibration.
    """
    from ..evaluation.score_fitting import calibrate as calibrate_scores

    with errors_as_messages():
        known = [images, masks, coco, labelme, yolo, names, davis, truth and truth.partition("=")[2], *model_paths(model, None)]
        check_output_file(out, suffixes=(".json",), inputs=known)
        clean_up(out.parent, out.name)
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
    with errors_as_messages(), progress.shown():
        made = calibrate_scores(
            dataset,
            model=model,
            engine=engine,
            device=device,
            prompts=cast("list[PromptClass]", prompt or list(PROMPT_CLASSES)),
            names=None if name is None else [name],
            seed=seed,
            cache=None if no_cache else "disk",
        )
        made.save(out)
    say(f"{'prompt':<10}{'masks':>7}{'error of the score':>20}{'of the expected IoU':>21}")
    for kind, regression in made.prompts.items():
        say(f"{kind:<10}{regression.objects:>7}{regression.error_before:>20.3f}{regression.error_after:>21.3f}")
    say(f"promptseg: wrote {out}", err=True)
