"""``promptseg evaluate``: evaluate a model on an annotated dataset, or summarize the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from .video_scores import evaluate_predictions, evaluate_tracker

if TYPE_CHECKING:
    from ..datasets.core import Dataset
    from ..evaluation.results import Evaluation


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
    from ..evaluation.run import evaluate as evaluate_model
    from ..evaluation.simulation import Text, parse_prompt_protocol

    outputs = _Outputs(out, rows, report, failures, failure_iou)
    data = {"--images": images, "--masks": masks, "--coco": coco, "--labelme": labelme, "--yolo": yolo, "--davis": davis}
    if scene is not None:
        if predictions is None or truth is None:
            raise usage_error(
                "--scene needs --predictions FILE and --truth FILE: vectors or label rasters, such as objects.gpkg and truth.geojson"
            )
        _refuse({**data, **outputs.of_objects}, "--scene compares two files of objects, and writes the figures with --out")
        evaluate_scene_files(scene, predictions, Path(truth), out, by_label=by_label, as_json=as_json)
        return
    if by_label:
        raise usage_error("--by-label is for --scene, and there is none")
    fitted = None if calibration == "auto" else calibration
    inputs = [*data.values(), names, truth and truth.partition("=")[2], predictions, fitted, *model_paths(model, detector)]
    if video or predictions is not None:
        if davis is None or not video:
            raise usage_error("--video needs --davis FOLDER, and --predictions needs both, or --scene FILE")
        _refuse(outputs.of_objects, "--video prints J, F, J&F and switches, and writes them with --out")
        with errors_as_messages():
            outputs.check(inputs)
        options = segmenter_options(quantize)
        if predictions is not None:
            evaluate_predictions(davis, predictions, out, as_json=as_json)
            return
        evaluate_tracker(davis, model, out, engine=engine, options=options, device=device, use_cache=not no_cache, as_json=as_json)
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
    outputs.check_options()
    _check_detector_options(detector, threshold, detector_engine)
    if summary:
        _refuse({"--out": out, **outputs.of_objects}, "--summary runs no model, and prints what the dataset holds")
        _summarize(dataset, as_json)
        return
    with errors_as_messages():
        outputs.check(inputs)
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
    complete = outputs.write(evaluation, dataset, as_json=as_json)
    print_findings(evaluation.findings)
    if not complete:
        raise typer.Exit(FAILED)


@dataclass(frozen=True)
class _Outputs:
    """Outputs of an evaluation, each None where it is not asked for.

    Attributes:
        run: File of the whole run.
        rows: Table with a row for each object.
        report: Report with figures.
        failures: Folder for what the failures have in common.
        failure_iou: IoU below which a mask is a failure.
    """

    run: Path | None
    rows: Path | None
    report: Path | None
    failures: Path | None
    failure_iou: float

    @property
    def of_objects(self) -> dict[str, Path | None]:
        """The outputs that only an evaluation object by object has, by their options."""
        return {"--rows": self.rows, "--report": self.report, "--failures": self.failures}

    @property
    def failure_list(self) -> Path | None:
        """File in the folder of failures that lists them."""
        return None if self.failures is None else self.failures / "failures.json"

    def check_options(self) -> None:
        """Check what the options say.

        Raises:
            typer.Exit: The table has another suffix, or the IoU is out of its range.
        """
        from ..evaluation.results import ROW_SUFFIXES

        if self.rows is not None and self.rows.suffix.lower() not in ROW_SUFFIXES:
            raise usage_error(f"--rows is a file .csv or .parquet, got {self.rows}")
        if not 0 < self.failure_iou <= 1:
            raise usage_error(f"--failure-iou is an IoU above 0 and at most 1, got {self.failure_iou:g}")

    def check(self, inputs: Iterable[Path | str | None]) -> None:
        """Check every output before the model is loaded, and remove what a killed run left half-written.

        Args:
            inputs: Files and folders that no output may replace.

        Raises:
            OutputError: An output cannot be written, would replace an input, or has the path of another.
            MissingDependencyError: A package that an output needs is missing.
        """
        from ..evaluation.results import ROW_SUFFIXES, check_row_format

        known = list(inputs)
        check_outputs_differ([self.run, self.rows, self.report, self.failures, self.failure_list])
        if self.rows is not None:
            check_row_format(self.rows)
        for path, suffixes in ((self.run, (".json",)), (self.rows, ROW_SUFFIXES), (self.report, (".html", ".htm"))):
            if path is not None:
                check_output_file(path, suffixes=suffixes, inputs=known)
                clean_up(path.parent, path.name)
        if self.failures is not None:
            check_output_folder(self.failures, names=["failures.json"], inputs=known)
            clean_up(self.failures)

    def write(self, evaluation: Evaluation, dataset: Dataset, *, as_json: bool) -> bool:
        """Write all outputs and print the figures. Return whether all were written.

        An output that fails now, such as on a full disk, takes none of the others with it.
        """
        from ..evaluation.failures import draw_failures, find_failures
        from ..evaluation.report import write_report

        saved = [
            self.run is None or written(partial(evaluation.save, self.run), self.run),
            self.rows is None or written(partial(evaluation.save_rows, self.rows), self.rows),
        ]
        say(json.dumps(evaluation.to_dict(), indent=1) if as_json else str(evaluation))
        if self.failures is None and self.report is None:
            return all(saved)
        with errors_as_messages(), progress.shown():
            found = find_failures(evaluation, dataset, self.failure_iou)
        if self.failures is not None and self.failure_list is not None:
            saved.append(written(partial(write_json, found.to_dict(), self.failure_list), self.failure_list))
            saved.append(written(partial(draw_failures, found, dataset, self.failures), self.failures))
        if self.report is not None:
            saved.append(written(partial(write_report, evaluation, dataset, self.report, failures=found), self.report))
        if self.failures is not None and not as_json:
            say(str(found))
        return all(saved)


def _check_detector_options(detector: str | None, threshold: float | None, detector_engine: str | None) -> None:
    """Exit with status 2 if an option is for a detector, and there is none, or if the threshold is not a score."""
    for option, value in (("--threshold", threshold), ("--detector-engine", detector_engine)):
        if value is not None and detector is None:
            hint = ". The IoU below which a mask is a failure is --failure-iou" if option == "--threshold" else ""
            raise usage_error(f"{option} {value} is for a detector, and there is none: give --prompt text and --detector{hint}")
    check_threshold(threshold)


def _finds_concepts(model: str, engine: str | None) -> bool:
    with errors_as_messages():
        return choose(model, engine=engine).backend.kind == "concept"


def _refuse(options: dict[str, Path | None], why: str) -> None:
    """Exit with status 2 if one of the options is given, which would have no effect."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise usage_error(f"{given[0]} cannot be given here: {why}")


def _summarize(dataset: Dataset, as_json: bool) -> None:
    from ..datasets.summary import summarize

    with errors_as_messages(), progress.shown():
        found = summarize(dataset)
    say(json.dumps(found.to_dict(), indent=1) if as_json else str(found))
    if any(finding.broken for finding in found.findings):
        raise typer.Exit(FAILED)
