"""``promptseg track``: track objects through a video, from prompts on its first frame, from examples or from a detector."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, cast

import typer

from .._counting import number_of
from ..errors import PromptSegError, shown
from ..object_colors import ObjectColors
from ..pipeline import BuiltPipeline, Pipeline
from ..pipeline.checks import EXAMPLES
from ..pipeline.config import PipelineConfig
from ..prompts import Prompt, PromptKind, TextPrompt, concepts_of
from ..protocols import FrameSource, VideoLike
from ..registry import DEFAULT_MODEL, choose, load_video, tracker_of
from ..results import known_classes
from ..runtime import progress
from ..tracking.asking import Every
from ..tracking.outputs import LABELS, TableFormat, TrackOutputs
from ..tracking.redetection import TrackedFrame
from ..video.frames import open_frames
from ..video.late import Drop
from . import completion
from .concepts import ConceptOption, LabelOption, LikeOption, UnlikeOption, with_examples
from .images import STDIN, standard_input
from .output import FAILED, clean_up, errors_as_messages, model_paths, say, usage_error
from .prompts import (
    AutoDeviceOption,
    DetectionThresholdOption,
    DetectorEngineOption,
    EngineOption,
    QuantizeOption,
    SegmenterOption,
    TextOption,
    check_threshold,
    prompts_of,
    segmenter_options,
)


def track(
    video: Annotated[
        str,
        typer.Argument(
            metavar="VIDEO",
            help="A video file, a folder of images, a pattern of images in quotes, the URL of a video or stream, the number of a camera, "
            "or - for standard input.",
        ),
    ],
    point: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y[,0]", help="A click on the object on the first frame; with 0, a background click. Repeatable."),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around one object on the first frame. Repeatable.")
    ] = None,
    text: TextOption = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    label: LabelOption = None,
    model: SegmenterOption = DEFAULT_MODEL,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    tracker: Annotated[
        str | None,
        typer.Option(metavar="NAME", autocompletion=completion.trackers, help="The tracker (default: the model's own, else propagate)."),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(metavar="NAME[=WEIGHTS]", autocompletion=completion.detectors, help="A detector that finds the objects."),
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: DetectionThresholdOption = None,
    concept: ConceptOption = None,
    redetect_every: Annotated[int | None, typer.Option(metavar="N", help="Look again, by detector or --like, on every N-th frame.")] = None,
    redetect_when_lost: Annotated[
        bool, typer.Option("--redetect-when-lost", help="Look again, by detector or --like, while an object is lost.")
    ] = False,
    ask_every: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            autocompletion=completion.one_of(("auto",)),
            help="Ask the model on every N-th taken frame, or where a mask may have gone wrong (auto); flow moves the masks in between.",
        ),
    ] = None,
    start: Annotated[int, typer.Option(metavar="N", help="The first frame.")] = 0,
    stop: Annotated[int | None, typer.Option(metavar="N", help="The frame before which to stop.")] = None,
    every: Annotated[int, typer.Option(metavar="N", help="Take every N-th frame.")] = 1,
    drop: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=completion.one_of(("late",)),
            help="late: drop the frames of a camera or stream that come while the tracker is busy, and go on with the newest.",
        ),
    ] = None,
    device: AutoDeviceOption = "auto",
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the video, label images, masks and events.")] = Path(
        "promptseg-track"
    ),
    table: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=completion.one_of(("json", "parquet")),
            help="Format of the mask table: json (YouTube-VIS) or parquet.",
        ),
    ] = "json",
    no_timeline: Annotated[bool, typer.Option("--no-timeline", help="Do not draw the timeline plot, which needs matplotlib.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Track objects through a video.

    Writes the video with the masks drawn on it, a label image for each frame, a table of the masks, the events and a timeline plot. After
    an error or Ctrl-C, the finished frames are kept.
    """
    prompts = prompts_of(point, box, text, everything=False, points_per_side=None)
    with errors_as_messages():
        finder = None if concept is None else choose(concept, kind="concept")
        kinds = EXAMPLES if finder is None else finder.backend.accepts
        alone = finder is not None and finder.backend.video is not None and detector is None and not point and not box and tracker is None
    prompts = with_examples(prompts, like, unlike, label, joined="text" in kinds)
    if detector is None:
        _check_without_detector(prompts, kinds, text, looks_again=redetect_every is not None or redetect_when_lost)
        _refuse_for_detector({"--threshold": threshold, "--detector-engine": detector_engine})
    check_threshold(threshold)
    asking = _ask_every(ask_every)
    if drop not in (None, "late"):
        raise usage_error(f"--drop is late, got {shown(drop)}")
    if table not in ("json", "parquet"):
        raise usage_error(f"--table is json or parquet, got {table!r}")
    with errors_as_messages():
        frames = open_frames(_video(video), every=every, start=start, stop=stop, drop=cast("Drop | None", drop))
        inputs: list[str | Path] = [video, *model_paths(model, detector, concept)]
        outputs = TrackOutputs(out, frames.size, frames.fps, table=cast("TableFormat", table), timeline=not no_timeline, inputs=inputs)
        for folder in (out, out / LABELS):
            clean_up(folder)
        options = segmenter_options(quantize)
        if alone and concept is not None:  # It finds and tracks in one, and needs no other model.
            pipeline = BuiltPipeline(PipelineConfig())
            how: dict[str, Any] = {"tracker": load_video(concept, device=device), "every": asking}
        else:
            pipeline = _pipeline(model, engine, options, detector, detector_engine, threshold, concept, device)
            how = _tracker(model, engine, options, tracker, device, asking)
        outputs.colors = ObjectColors(known_classes(prompts, [] if pipeline.detector is None else [pipeline.detector.provenance]))
        tracked = pipeline.track(
            frames,
            *prompts,
            redetect_every=redetect_every,
            redetect="when-lost" if redetect_when_lost else None,
            **how,
        )
    failure, seconds = _run(tracked, outputs, frames, quiet=as_json)
    _print_summary(outputs, failure, seconds, as_json)
    if failure is not None:
        raise typer.Exit(FAILED)


def _check_without_detector(prompts: Sequence[Prompt], kinds: frozenset[PromptKind], text: str | None, *, looks_again: bool) -> None:
    """Exit with status 2 if there is nothing to track without a detector, or nothing that finds what the options ask for.

    Args:
        prompts: The prompts.
        kinds: What concepts may consist of.
        text: Value of ``--text``, for the message.
        looks_again: Whether objects are to be looked for on later frames.
    """
    if "text" not in kinds and any(isinstance(prompt, TextPrompt) for prompt in prompts):
        raise usage_error(f"--text {text!r} needs a detector for phrases: give --detector")
    if not prompts:
        raise usage_error("nothing to track: give --point, --box, --like or --detector")
    if looks_again and not concepts_of(prompts):
        raise usage_error("--redetect-every and --redetect-when-lost need a detector or --like: give --detector")


def _refuse_for_detector(options: Mapping[str, object]) -> None:
    """Exit with status 2 if an option is given that is for a detector alone."""
    for option, value in options.items():
        if value is not None:
            raise usage_error(f"{option} {value} is for a detector, and there is none: give --detector")


def _video(word: str) -> VideoLike:
    """Return the video that a word names."""
    if word == STDIN:
        return standard_input("a video").getvalue()
    return int(word) if word.isdecimal() else word


def _ask_every(word: str | None) -> Every | None:
    """Return the value of ``--ask-every``."""
    if word is None:
        return None
    if word == "auto":
        return "auto"
    if not (word.isdecimal() and word.isascii() and 0 < len(word) < 10 and int(word)):
        raise usage_error(f"--ask-every is a whole number of frames of at least 1, or auto, got {shown(word)}")
    return int(word)


def _propagates(model: str, engine: str | None, tracker: str | None) -> bool:
    return tracker_of(choose(model, engine=engine), tracker).name == "propagate"


def _tracker(
    model: str, engine: str | None, options: Mapping[str, Any], tracker: str | None, device: str, every: Every | None
) -> dict[str, Any]:
    """Return the arguments of `BuiltPipeline.track` that say which tracker tracks, and when it asks its model."""
    if _propagates(model, engine, tracker):
        return {"every": every}
    if every is not None:
        options = {**options, "every": every}
    return {"tracker": load_video(model, engine=engine, tracker=tracker, device=device, **options)}


def _pipeline(
    model: str,
    engine: str | None,
    options: dict[str, Any],
    detector: str | None,
    detector_engine: str | None,
    threshold: float | None,
    concept: str | None,
    device: str,
) -> BuiltPipeline:
    pipeline = Pipeline()
    if detector is not None:
        settings = {} if threshold is None else {"threshold": threshold}
        pipeline = pipeline.detect(detector, engine=detector_engine, **settings)
    if concept is not None:
        pipeline = pipeline.concept(concept)
    return pipeline.segment(model, engine=engine, options=options).build(device)


def _run(tracked: Iterator[TrackedFrame], outputs: TrackOutputs, frames: FrameSource, quiet: bool) -> tuple[str | None, float]:
    """Write the tracked frames. Return the reason of an early end, or None, and the elapsed seconds."""
    from tqdm import tqdm

    started, failure = time.perf_counter(), None
    try:
        with outputs, _interrupt_on_sigterm():
            lines = progress.Lines()
            for frame in tqdm(tracked, total=frames.count, unit="frame", leave=False, disable=True if quiet else None):
                outputs.write(frame)
                if not quiet:
                    lines.tell(f"track: {outputs.frames}{'' if frames.count is None else f' of {frames.count}'} frames")
    except PromptSegError as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "stopped"
    return failure, time.perf_counter() - started


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on SIGTERM within the block, so that the outputs are completed as on Ctrl-C."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: Any = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_summary(outputs: TrackOutputs, failure: str | None, seconds: float, as_json: bool) -> None:
    counts: dict[str, int] = {}
    for event in outputs.events:
        if event.object_id is not None:
            counts[event.kind] = counts.get(event.kind, 0) + 1
    asked = sum(event.kind == "asked" for event in outputs.events)
    rate = outputs.frames / seconds if seconds else 0.0
    if as_json:
        values = {
            "frames": outputs.frames,
            "seconds": round(seconds, 3),
            "dropped": outputs.dropped,
            "events": [event.to_dict() for event in outputs.events],
            "written": [str(path) for path in outputs.written],
            "failure": failure,
        }
        say(json.dumps(values, indent=1))
    elif outputs.frames:
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        say(
            f"{number_of(outputs.frames, 'frame')} in {seconds:.1f} s ({rate:.2f} frames a second)"
            + (f"; objects: {told}" if told else "")
            + (f"; the model was asked on {number_of(asked, 'frame')}" if asked else "")
            + (f"; dropped {number_of(outputs.dropped, 'late frame')}" if outputs.dropped else "")
        )
        for path in outputs.written:
            say(f"  {path}")
    if failure is not None:
        kept = "no frame was done"
        if outputs.frames:
            kept = "the frame before it is kept" if outputs.frames == 1 else f"the {outputs.frames} frames before it are kept"
        say(f"promptseg: {failure}; {kept}", err=True)
