"""``promptseg evaluate``: evaluate a model on an annotated dataset, or summarize the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..registry import DEFAULT_MODEL, choose
from ..runtime import progress
from ..runtime.output_files import write_json
from ..runtime.output_paths import check_output_file, check_output_folder, check_outputs_differ
from . import completion
from .output import FAILED, clean_up, errors_as_messages, model_paths, print_findings, say, usage_error, written
from .prompts import (
    AutoDeviceOption,
    DetectionThresholdOption,
    DetectorEngineOption,
    EngineOption,
    QuantizeOption,
    SegmenterOption,
    check_threshold,
    segmenter_options,
)
from .scene_scores import evaluate_scene_files
from .truth import BoxesOption, CrowdsOption, FitOption, MaskKindOption, NamesOption, TruthOption, open_truth

if TYPE_CHECKING:
    from ..datasets.core import Dataset
    from ..evaluation.video import SequenceScore


def evaluate(
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
    video: Annotated[
        bool,
        typer.Option(
            "--video", help="Track the objects of the --davis sequences from their boxes on the first frame; print J, F, J&F and switches."
        ),
    ] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="With --video: score the label images of this folder instead of a model. With --scene: vectors or a label raster.",
        ),
    ] = None,
    scene: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Compare the objects of --predictions FILE in this raster with those of --truth FILE: vectors, FILE.gpkg:LAYER, label "
            "rasters, or FILE.tif:classes.",
        ),
    ] = None,
    by_label: Annotated[bool, typer.Option("--by-label", help="With --scene: match objects of the same label alone.")] = False,
    mask_kind: MaskKindOption = "auto",
    summary: Annotated[bool, typer.Option("--summary", help="Only summarize the dataset.")] = False,
    model: SegmenterOption = DEFAULT_MODEL,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    detector: Annotated[
        str | None,
        typer.Option(metavar="NAME[=WEIGHTS]", autocompletion=completion.detectors, help="The detector, for --prompt text."),
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: DetectionThresholdOption = None,
    prompt: Annotated[
        str,
        typer.Option(
            metavar="PROTOCOL",
            help="box, box:0.1, point, point:random, grid:3, clicks:10, text, text:PHRASES, everything, example:1, example:1:same.",
        ),
    ] = "box",
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of random prompts.")] = 0,
    device: AutoDeviceOption = "auto",
    no_baselines: Annotated[bool, typer.Option("--no-baselines", help="Do not measure the baselines, which need no model.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not cache image embeddings on the disk.")] = False,
    calibration: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Calibrate the scores first: a file of promptseg calibrate, or auto for what promptseg has."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Save the run, for promptseg compare.")] = None,
    rows: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write one row for each object, as .csv or .parquet.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a report with figures, plots and images.")] = None,
    failures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write what the failures have in common, and images of the worst.")
    ] = None,
    failure_iou: Annotated[float, typer.Option(metavar="IOU", help="A mask with an IoU below this is a failure.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Evaluate a model on an annotated dataset, with prompts simulated from the ground truth.

    Baselines that need no model are measured, too. Image embeddings are cached, so a repeated run is faster.
    """
    # Imported here, because no other command needs them.
    from ..evaluation.failures import draw_failures, find_failures
    from ..evaluation.report import write_report
    from ..evaluation.results import ROW_SUFFIXES
    from ..evaluation.run import evaluate as evaluate_model
    from ..evaluation.simulation import Text, parse_prompt_protocol

    used = {"--rows": rows, "--report": report, "--failures": failures}
    if scene is not None:
        if predictions is None or truth is None:
            raise usage_error(
                "--scene needs --predictions FILE and --truth FILE: vectors or label rasters, such as objects.gpkg and truth.geojson"
            )
        data = {"--images": images, "--masks": masks, "--coco": coco, "--labelme": labelme, "--yolo": yolo, "--davis": davis}
        _refuse({**data, **used}, "--scene compares two files of objects, and writes the figures with --out")
        evaluate_scene_files(scene, predictions, Path(truth), out, by_label=by_label, as_json=as_json)
        return
    if by_label:
        raise usage_error("--by-label is for --scene, and there is none")
    inputs = [
        images,
        masks,
        coco,
        labelme,
        yolo,
        names,
        davis,
        truth and truth.partition("=")[2],
        predictions,
        calibration if calibration != "auto" else None,
        *model_paths(model, detector),
    ]
    if video or predictions is not None:
        if davis is None or not video:
            raise usage_error("--video needs --davis FOLDER, and --predictions needs both, or --scene FILE")
        _refuse(used, "--video prints J, F, J&F and switches, and writes them with --out")
        with errors_as_messages():
            _check_outputs(out, None, None, None, inputs)
        options = segmenter_options(quantize)
        _evaluate_video(davis, predictions, model, engine, options, device, out, as_json, no_cache=no_cache)
        return
    with errors_as_messages():
        chosen = parse_prompt_protocol(prompt)
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
    if isinstance(chosen, Text) and detector is None and not summary and not _finds_concepts(model, engine):
        raise usage_error("--prompt text needs a detector for phrases, or a model that finds concepts: give --detector")
    if detector is not None and not isinstance(chosen, Text):
        raise usage_error(f"--detector needs --prompt text, got {chosen.name!r}")
    if rows is not None and rows.suffix.lower() not in ROW_SUFFIXES:
        raise usage_error(f"--rows is a file .csv or .parquet, got {rows}")
    if not 0 < failure_iou <= 1:
        raise usage_error(f"--failure-iou is an IoU above 0 and at most 1, got {failure_iou:g}")
    for option, value in (("--threshold", threshold), ("--detector-engine", detector_engine)):
        if value is not None and detector is None:
            hint = ". The IoU below which a mask is a failure is --failure-iou" if option == "--threshold" else ""
            raise usage_error(f"{option} {value} is for a detector, and there is none: give --prompt text and --detector{hint}")
    check_threshold(threshold)
    if summary:
        _refuse({"--out": out, **used}, "--summary runs no model, and prints what the dataset holds")
        _summarize(dataset, as_json)
        return
    with errors_as_messages():
        _check_outputs(out, rows, report, failures, inputs)
    with errors_as_messages(), progress.shown():
        evaluation = evaluate_model(
            dataset,
            model=model,
            prompt=chosen,
            seed=seed,
            device=device,
            engine=engine,
            options=segmenter_options(quantize),
            detector=detector,
            detector_engine=detector_engine,
            threshold=threshold,
            cache=None if no_cache else "disk",
            baselines=not no_baselines,
            calibration=calibration,
        )
    # An output that fails now, such as on a full disk, takes none of the others with it.
    saved = [
        out is None or written(partial(evaluation.save, out), out),
        rows is None or written(partial(evaluation.save_rows, rows), rows),
    ]
    say(json.dumps(evaluation.to_dict(), indent=1) if as_json else str(evaluation))
    if failures is not None or report is not None:
        with errors_as_messages(), progress.shown():
            found = find_failures(evaluation, dataset, failure_iou)
        if failures is not None:
            listed = failures / "failures.json"
            saved.append(written(partial(write_json, found.to_dict(), listed), listed))
            saved.append(written(partial(draw_failures, found, dataset, failures), failures))
        if report is not None:
            saved.append(written(partial(write_report, evaluation, dataset, report, failures=found), report))
        if failures is not None and not as_json:
            say(str(found))
    print_findings(evaluation.findings)
    if not all(saved):
        raise typer.Exit(FAILED)


def _finds_concepts(model: str, engine: str | None) -> bool:
    with errors_as_messages():
        return choose(model, engine=engine).backend.kind == "concept"


def _refuse(options: dict[str, Path | None], why: str) -> None:
    """Exit with status 2 if one of the options is given, which would have no effect."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise usage_error(f"{given[0]} cannot be given here: {why}")


def _check_outputs(
    out: Path | None, rows: Path | None, report: Path | None, failures: Path | None, inputs: Iterable[Path | str | None]
) -> None:
    """Check every output before the model is loaded, and remove what a killed run left half-written.

    Raises:
        OutputError: An output cannot be written, would replace an input, or has the path of another.
        MissingDependencyError: A package that an output needs is missing.
    """
    from ..evaluation.results import ROW_SUFFIXES, check_row_format

    known = list(inputs)
    check_outputs_differ([out, rows, report, failures, None if failures is None else failures / "failures.json"])
    if rows is not None:
        check_row_format(rows)
    for path, suffixes in ((out, (".json",)), (rows, ROW_SUFFIXES), (report, (".html", ".htm"))):
        if path is not None:
            check_output_file(path, suffixes=suffixes, inputs=known)
            clean_up(path.parent, path.name)
    if failures is not None:
        check_output_folder(failures, names=["failures.json"], inputs=known)
        clean_up(failures)


def _evaluate_video(
    root: Path,
    predictions: Path | None,
    model: str,
    engine: str | None,
    options: Mapping[str, Any],
    device: str,
    out: Path | None,
    as_json: bool,
    *,
    no_cache: bool,
) -> None:
    from ..evaluation.video import evaluate_video
    from ..registry import load_video, tracker_of

    with errors_as_messages():
        if predictions is None:
            chosen = choose(model, engine=engine)
            propagates = tracker_of(chosen).name == "propagate"
            cache = {"cache": "disk"} if propagates and not no_cache and "cache" in chosen.backend.options else {}
            scores = evaluate_video(load_video(model, engine=engine, device=device, **cache, **options), root)
        else:
            scores = evaluate_video(predictions, root)
        values = {score.name: score.to_dict() for score in scores}
        mean = {key: round(sum(getattr(score, key) for score in scores) / len(scores), 6) for key in ("j", "f", "j_and_f")}
        result = {"format": "promptseg-video-evaluation-1", "tracker": str(predictions or model), "sequences": values, "mean": mean}
    saved = out is None or written(partial(write_json, result, out), out)
    if as_json:
        say(json.dumps(result, indent=1))
    else:
        _print_video_scores(scores, mean)
    if not saved:
        raise typer.Exit(FAILED)


def _print_video_scores(scores: Sequence[SequenceScore], mean: dict[str, float]) -> None:
    width = max(8, *(len(score.name) for score in scores))
    say(f"{'sequence':<{width}}  objects      J      F    J&F  switches")
    for score in scores:
        figures = f"{score.j:>6.3f} {score.f:>6.3f} {score.j_and_f:>6.3f}"
        say(f"{score.name:<{width}}  {len(score.objects):>7} {figures} {score.switches:>9}")
    say(f"{'mean':<{width}}  {'':>7} {mean['j']:>6.3f} {mean['f']:>6.3f} {mean['j_and_f']:>6.3f}")


def _summarize(dataset: Dataset, as_json: bool) -> None:
    from ..datasets.summary import summarize

    with errors_as_messages(), progress.shown():
        found = summarize(dataset)
    say(json.dumps(found.to_dict(), indent=1) if as_json else str(found))
    if any(finding.broken for finding in found.findings):
        raise typer.Exit(FAILED)
