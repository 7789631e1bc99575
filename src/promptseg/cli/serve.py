"""``promptseg serve``: the server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .._checks import whole_number
from .._install import install_extra
from ..errors import ConfigError, MissingDependencyError, shown
from ..pipeline import Pipeline
from ..registry import DEFAULT_MODEL
from ..runtime import progress
from ..runtime.files import output_errors, remove_leftovers, temporary_folder
from ..runtime.home import cache_dir
from ..vocabulary import split_phrases
from . import completion
from .on_ray import ray_engine, replicas_of
from .output import errors_as_messages, say, usage_error
from .prompts import DetectorEngineOption, EngineOption, QuantizeOption, ThresholdOption, pipeline_of

if TYPE_CHECKING:
    from ..server.engine import LocalEngine
    from ..server.ray_deployment import Replicas
    from ..server.ray_engine import RayEngine
    from ..server.settings import ServerSettings

PORT = 8420
TOKEN_VARIABLE = "PROMPTSEG_TOKEN"  # noqa: S105 - The name of a variable, not a token.
KEY_VARIABLE = "LABEL_STUDIO_API_KEY"

OfferedConfigs = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="A pipeline file, offered by the name of the file. Repeatable; the first model is the default."),
]
OfferedModels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=WEIGHTS]",
        autocompletion=completion.segmenters,
        help=f"A segmenter to offer. Repeatable (default: {DEFAULT_MODEL}).",
    ),
]


def serve(
    config: OfferedConfigs = None,
    model: OfferedModels = None,
    engine: EngineOption = None,
    quantize: QuantizeOption = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=WEIGHTS]", autocompletion=completion.detectors, help="The detector of each model, for text and classes."
        ),
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: ThresholdOption = None,
    concept: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=WEIGHTS]",
            autocompletion=completion.concepts,
            help="The model that finds what examples show and, if it reads words, what a text names (default: exemplar, on the segmenter).",
        ),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(metavar="NAME", autocompletion=completion.trackers, help="A video model for tracking (default: the segmenter)."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", autocompletion=completion.devices, help="auto, cpu, cuda, cuda:N or mps. Repeatable: one worker each."
        ),
    ] = None,
    host: Annotated[str, typer.Option(metavar="NAME", help="Address to listen on. Any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Port to listen on; 0 for any free one.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar=TOKEN_VARIABLE,
            show_default=False,
            help="Token that clients must send (default: one is made and printed, unless the host is loopback).",
        ),
    ] = None,
    allow: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="A folder whose images and videos clients may name by their path. Repeatable."),
    ] = None,
    allow_out: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="A folder below which jobs may write datasets. Repeatable.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="A host from which images may be fetched. A private address needs its port. Repeatable."),
    ] = None,
    allow_name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further name of this server, such as that of a proxy. Repeatable.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(metavar="ORIGIN", help="A web page that may call, such as https://labels.example.org. Repeatable.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Speak this protocol of another tool, and no others (default: all); none for none. Repeatable."),
    ] = None,
    label_studio: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of Label Studio, whose images are fetched (default: the one that connects, if allowed)."),
    ] = None,
    label_studio_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", envvar=KEY_VARIABLE, show_default=False, help="Access token for it (default: the one that it sends)."),
    ] = None,
    cvat_labels: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="What a model that reads any phrase finds for CVAT, whose detectors have a list of labels."),
    ] = None,
    max_upload: Annotated[int, typer.Option(metavar="MB", help="Maximum size of an image file.")] = 64,
    max_waiting: Annotated[int, typer.Option(metavar="N", help="Number of requests that may wait; others get status 429.")] = 64,
    rate: Annotated[int, typer.Option(metavar="N", help="Requests that one client may make in a minute; 0 for any.")] = 0,
    memory: Annotated[int, typer.Option(metavar="MB", help="Memory for open images.")] = 1024,
    disk: Annotated[int, typer.Option(metavar="MB", help="Disk space for uploaded images, and as much for embeddings.")] = 8192,
    executor: Annotated[
        str,
        typer.Option(
            metavar="NAME", autocompletion=completion.one_of(("local", "ray")), help="local, or ray for replicas on one host or many."
        ),
    ] = "local",
    replicas: Annotated[
        str | None,
        typer.Option(metavar="N[:MAX]", help="Replicas of --executor ray, and up to how many where many requests wait (default: 1)."),
    ] = None,
    gpus_per_replica: Annotated[float | None, typer.Option(metavar="X", help="GPUs that Ray reserves for a replica (default: 0).")] = None,
) -> None:
    """Serve models to other programs: over HTTP, and by the protocols of labeling tools.

    Only this machine can connect, unless another --host is given. Then clients need the token.
    """
    pipelines = offered_pipelines(config, model, detector, concept, engine, quantize, detector_engine, threshold)
    with errors_as_messages():
        on_ray = replicas_of(executor, replicas, gpus_per_replica, device)
        check_installed()
        from ..server.settings import ServerSettings

        for name, number, least in (
            ("--max-upload", max_upload, 1),
            ("--max-waiting", max_waiting, 1),
            ("--rate", rate, 0),
            ("--memory", memory, 0),
            ("--disk", disk, 0),
        ):
            whole_number(name, number, least)
        for name, folders in (("--allow", allow), ("--allow-out", allow_out)):
            for folder in folders or ():
                if not folder.expanduser().is_dir():
                    raise ConfigError(f"{name} is a folder that exists, got {shown(str(folder))}")
        settings = ServerSettings(
            host=host,
            port=port,
            token=token,
            hosts=tuple(allow_name or ()),
            origins=tuple(each.rstrip("/").lower() for each in origin or ()),
            folders=tuple(allow or ()),
            out_folders=tuple(allow_out or ()),
            addresses=tuple(allow_host or ()),
            max_upload_bytes=max_upload << 20,
            max_waiting=max_waiting,
            requests_per_minute=rate,
            image_bytes=disk << 20,
            open_bytes=memory << 20,
            protocols=None if not protocol else () if protocol == ["none"] else tuple(protocol),
            label_studio_url=label_studio,
            label_studio_key=label_studio_key,
            cvat_labels=() if cvat_labels is None else split_phrases(cvat_labels),
        )
        _run(pipelines, settings, device, tracker, on_ray, made=token is None)


def offered_pipelines(
    configs: list[Path] | None,
    models: list[str] | None,
    detector: str | None,
    concept: str | None,
    engine: str | None,
    quantize: str | None,
    detector_engine: str | None,
    threshold: float | None,
) -> dict[str, Pipeline]:
    """Return the pipelines to offer by their names, or exit with status 2 if two have the same."""
    options = {"engine": engine, "quantize": quantize, "detector_engine": detector_engine, "threshold": threshold}
    if configs and (detector or concept):
        raise usage_error("--config names the models: leave out --detector and --concept")
    found = [(path.stem, pipeline_of(path, None, (), None, None, **options)) for path in configs or ()]  # type: ignore[arg-type]
    for each in models or ([] if configs else [DEFAULT_MODEL]):
        name = each.partition("=")[0]
        found.append((name, pipeline_of(None, each, (), detector, None, concept=concept, **options)))  # type: ignore[arg-type]
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise usage_error(f"two models are offered by the name {name!r}: give pipeline files with other names")
    return dict(found)


def check_installed(extra: str = "server") -> None:
    """Check that the packages of the server are installed, or tell which extra has them.

    Raises:
        MissingDependencyError: One is missing.
    """
    try:
        import fastapi  # noqa: F401 - Only whether it is there counts.
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"the server needs {error.name}, which cannot be imported: {install_extra(extra)}") from error


def _run(
    pipelines: dict[str, Pipeline],
    settings: ServerSettings,
    devices: list[str] | None,
    tracker: str | None,
    replicas: Replicas | None,
    made: bool,
) -> None:
    from ..server.protocols import chosen
    from ..server.run import bound_socket, serve

    chosen(settings.protocols)  # What is wrong is told before a model is loaded.
    for pipeline in pipelines.values():
        pipeline.check()
    place = cache_dir() / "serve"
    with output_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        remove_leftovers(place)  # Of servers that were killed.
    with bound_socket(settings) as listening, temporary_folder(place, "server") as folder:
        # What has connected, knows the port. A server at any free port is another one each time.
        connections = place / f"label-studio-{settings.port}.json" if settings.port else None
        settings = replace(settings, port=listening.getsockname()[1], connections_file=connections)
        if replicas is None:
            engine: LocalEngine | RayEngine = local_engine(pipelines, settings, devices, tracker, folder)
        else:
            engine = ray_engine(pipelines, settings, devices, tracker, folder, replicas)
        with progress.shown():
            engine.load()
        _announce(settings, pipelines, made)
        serve(engine, settings, listening, folder)


def local_engine(
    pipelines: dict[str, Pipeline], settings: ServerSettings, devices: list[str] | None, tracker: str | None, folder: Path
) -> LocalEngine:
    """Return an engine on the devices of this machine."""
    from ..models.sam.cache import EmbeddingCache
    from ..registry.loading import load_video
    from ..server.engine import LocalEngine

    return LocalEngine(
        pipelines,
        devices or (None,),
        open_bytes=settings.open_bytes,
        max_waiting=settings.max_waiting,
        max_videos=settings.max_videos,
        folder=folder,
        cache=EmbeddingCache(256 << 20, folder / "embeddings", settings.image_bytes),
        tracker=None if tracker is None else lambda device: load_video(tracker, device=device or "auto"),
    )


def _announce(settings: ServerSettings, pipelines: dict[str, Pipeline], made: bool) -> None:
    """Print where the server is, and a token that was made."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    say(f"promptseg serves {', '.join(pipelines)} at http://{host}:{settings.port}", err=True)
    if settings.token is not None and made:
        say(f"token: {settings.token}", err=True)
