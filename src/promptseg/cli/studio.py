"""``promptseg studio``: the page in which a person segments, names and corrects objects."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .._checks import whole_number
from ..errors import ConfigError
from ..pipeline import Pipeline
from ..rasters.bands import checked_bands
from ..rasters.stretching import checked_percentiles
from ..runtime.files import output_errors, remove_leftovers, temporary_folder
from ..runtime.home import cache_dir
from . import completion
from .concepts import ConceptOption
from .output import errors_as_messages, say
from .prompts import DEFAULT_THRESHOLD, DetectorEngineOption, DeviceOption, EngineOption, QuantizeOption, ThresholdOption, check_threshold
from .scenes import bands_of, stretch_of
from .serve import OfferedConfigs, OfferedModels, check_installed, local_engine, offered_pipelines
from .truth import TruthOption

if TYPE_CHECKING:
    from ..server.settings import ServerSettings
    from ..studio_server.access import Running
    from ..studio_server.opening import OpenedStudio

PORT = 8470
LEAST_SCORE = 0.1
"""Score from which the detector tells what it finds. The page shows of it what its slider says."""


def studio(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="A folder of images, an image or raster, a video, or another source of `annotate` (default: a sample)."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Dataset folder, also one of `annotate` (default: beside SOURCE, named after it, with -studio)."
        ),
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="SOURCE is a folder with the frames of a video.")] = False,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME,NAME", help="Labels to offer: names, or a .txt, .yaml or COCO file of them."),
    ] = None,
    truth: TruthOption = None,
    config: OfferedConfigs = None,
    model: OfferedModels = None,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=WEIGHTS]", autocompletion=completion.detectors, help="The detector of each model, for objects by text and class."
        ),
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: ThresholdOption = None,
    concept: ConceptOption = None,
    tracker: Annotated[
        str | None,
        typer.Option(metavar="NAME", autocompletion=completion.trackers, help="A video model for tracking (default: the segmenter)."),
    ] = None,
    bands: Annotated[
        str | None, typer.Option(metavar="N,N,N", help="Of rasters: bands to show as red, green and blue, or one band, such as 4,3,2.")
    ] = None,
    stretch: Annotated[
        str | None,
        typer.Option(metavar="X,X", help="Of rasters: percentiles that become black and white if a band is not of 8 bits (default: 2,98)."),
    ] = None,
    device: DeviceOption = None,
    host: Annotated[str, typer.Option(metavar="NAME", help="Address to listen on. With any but loopback, others see it.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(metavar="N", show_default=False, help=f"Port to listen on (default: {PORT}, or any free one).")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Segment, name and correct objects in the browser, by clicks, words and brush.

    The page is on this machine alone. Each change is on the disk at once, and the folder can be annotated further by `annotate`.
    """
    pipelines = offered_pipelines(config, model, detector, concept, engine, quantize, detector_engine, threshold)
    check_threshold(threshold)
    with errors_as_messages():
        wanted = None if port is None else whole_number("--port", port, 0, most=65535)
        chosen, percentiles = bands_of(bands), stretch_of(stretch)
        if chosen is not None:
            checked_bands(chosen)
        if percentiles is not None:
            checked_percentiles(percentiles)
        check_installed("studio")
        for pipeline in pipelines.values():
            pipeline.check()
        from ..annotation.folder_lock import FolderInUseError
        from ..datasets.class_list import classes_of
        from ..studio_server.opening import default_out, open_studio
        from ..studio_server.rasters.files import RasterFiles

        rasters = RasterFiles(chosen, percentiles)
        names = [] if labels is None else [each.name for each in classes_of(labels)]
        folder = default_out(source) if out is None else out
        try:
            with open_studio(source, folder, names, truth, _first_threshold(pipelines, threshold), video=video, rasters=rasters) as opened:
                say(f"The dataset is in {folder}: each change is kept there at once.", err=True)
                for reason in opened.unreadable:
                    say(f"promptseg: {reason}", err=True)
                _run(opened, _with_low_threshold(pipelines), host, wanted, device, tracker, browser)
        except FolderInUseError:
            address = _address_of_running(folder)
            if address is None:
                raise
            say(f"A studio of {folder} runs already. Open, once: {address}", err=True)
            _open(address, browser)


def _run(
    opened: OpenedStudio,
    pipelines: dict[str, Pipeline],
    host: str,
    port: int | None,
    device: str | None,
    tracker: str | None,
    browser: bool,
) -> None:
    from ..server.run import serve_app
    from ..studio_server.access import Running

    place = cache_dir() / "studio"
    with output_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        remove_leftovers(place)  # Of studios that were killed.
    earlier = Running.read(opened.own)
    with _listening(opened, host, port, earlier) as (listening, settings), temporary_folder(place, "studio") as folder:
        running = Running(host, settings.port)
        running.write(opened.own)
        engine = local_engine(pipelines, settings, None if device is None else [device], tracker, folder)
        app = opened.app(engine, settings, folder)
        address = f"{running.address}/open/{opened.access.new_code()}"
        say(f"Open, once: {address}", err=True)
        say("Ctrl-C ends the studio.", err=True)
        _open(address, browser)
        serve_app(app, listening, seconds=SECONDS_TO_END)


@contextlib.contextmanager
def _listening(
    opened: OpenedStudio, host: str, port: int | None, earlier: Running | None
) -> Iterator[tuple[socket.socket, ServerSettings]]:
    """Listen, and return the socket with the settings of the server.

    Without a port that was asked for, it is that of the last studio of the folder, so that a page which is still open goes on; else the
    usual one, or any free one.
    """
    from ..server.run import bound_socket
    from ..studio_server.app import settings_for

    first = [] if earlier is None else [earlier.port]
    ports = [*first, PORT, 0] if port is None else [port]
    for number, each in enumerate(ports, 1):
        settings = settings_for(opened.access, host, each)
        try:
            listening = bound_socket(settings)
        except ConfigError:
            if number == len(ports):
                raise
            continue
        with listening:
            yield listening, settings_for(opened.access, host, listening.getsockname()[1])
        return


def _first_threshold(pipelines: dict[str, Pipeline], threshold: float | None) -> float:
    """Return the score from which text finds objects at first: the given one, or that of the first pipeline with a detector."""
    if threshold is not None:
        return threshold
    stages = (pipeline.config.detect for pipeline in pipelines.values())
    return next((stage.threshold for stage in stages if stage is not None), DEFAULT_THRESHOLD)


def _with_low_threshold(pipelines: dict[str, Pipeline]) -> dict[str, Pipeline]:
    """Return pipelines whose detectors tell more than is shown at first, so that the slider of the page can go down."""
    lowered = {}
    for name, pipeline in pipelines.items():
        values = pipeline.to_config()
        if "detect" in values:
            values["detect"]["threshold"] = min(LEAST_SCORE, pipeline.config.detect.lowest_threshold if pipeline.config.detect else 1.0)
            values["detect"].pop("thresholds", None)
        lowered[name] = Pipeline.from_config(values)
    return lowered


def _address_of_running(folder: Path) -> str | None:
    """Return an address that opens the studio which uses a folder, or None if that is not a studio."""
    import requests

    from ..studio_server.access import Running, read_secret
    from ..studio_server.opening import own_folder

    running, secret = Running.read(own_folder(folder)), read_secret(own_folder(folder))
    if running is None or secret is None:
        return None
    try:
        answer = requests.post(f"{running.address}/v1/studio/addresses", headers={"Authorization": f"Bearer {secret}"}, timeout=5)
        answer.raise_for_status()
        path = answer.json()["address"]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None
    return f"{running.address}{path}" if isinstance(path, str) and path.startswith("/open/") else None


def _open(address: str, browser: bool) -> None:
    """Open an address in the browser, on a thread: some browsers of a terminal return at their end."""
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


SECONDS_TO_END = 5
"""Time to answer what was accepted, when the studio is told to end."""
