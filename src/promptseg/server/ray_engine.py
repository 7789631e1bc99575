"""`RayEngine`: an engine whose devices are replicas of Ray Serve, on this host or on others.

The server itself stays one process: it holds tokens, limits, images, jobs and the masks of videos, and passes operations on. A replica that
is lost takes with it what it had open. What can be repeated is: prompts and encodings, on the replica that is next for their image. A job
fails with a reason, and a video has to be opened again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from .._install import install_extra
from ..errors import BackendError, ConfigError, MissingDependencyError
from ..pipeline import BuiltPipeline, Pipeline
from .engine import EngineState
from .errors import BusyError, ImageGoneError, NotFoundError, RefusedError, ReplicaLostError, StoppingError
from .operations import CloseVideo, Encode, OpenVideo, Operation, PromptVideo, Propagate, RemoveObject, Segment, ServedModel, affinity
from .rasters import NOT_SENT, Segmentable, StoredRaster
from .ray_deployment import Replicas, deployment_options
from .ray_replica import Answer, RayReplica, ReplicaSettings

_Value = TypeVar("_Value")

TRIES = 8
"""Number of times that a request is tried. Where a host is lost, several of its replicas are tried before Ray knows of it."""

PAUSES = (0.0, 0.25, 0.5, 1.0)
"""Time in seconds before each further try; the last one from then on."""

REMEMBERED = 600.0
"""Time in seconds after which what a silent replica was doing is forgotten."""


class RayEngine:
    """An engine of replicas on Ray Serve. It joins the cluster that the environment names, or starts one on this host.

    Args:
        pipelines: The pipelines to offer, by name. Each replica loads them.
        replicas: How many replicas.
        settings: Settings of each.
        name: Name of the application. A server that starts again under its old name replaces what was left of it.
        patience: Time in seconds after which a request that waits is refused if no replica runs.
    """

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        replicas: Replicas | None = None,
        settings: ReplicaSettings | None = None,
        *,
        name: str = "promptseg",
        patience: float = 15.0,
    ) -> None:
        self._pipelines = dict(pipelines)
        self._replicas, self._settings = replicas or Replicas(), settings or ReplicaSettings()
        self._name, self._patience = name, patience
        self._handle: Any = None
        self._started_ray = False
        self._models: tuple[ServedModel, ...] = ()
        self._places: dict[str, str] = {}  # The replica of each open video.
        self._states: dict[str, tuple[float, EngineState]] = {}  # As of the last answer of each actor.
        self._sending: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def models(self) -> Sequence[ServedModel]:
        return self._models

    @property
    def state(self) -> EngineState:
        oldest = time.monotonic() - REMEMBERED
        states = [state for since, state in list(self._states.values()) if since >= oldest]
        return EngineState(**{each.name: sum(getattr(state, each.name) for state in states) for each in fields(EngineState)})

    def load(self) -> None:
        """Start the replicas and wait until all of them have loaded the models, unless they have.

        Raises:
            MissingDependencyError: Ray Serve or a package of a model is missing.
            ConfigError: A pipeline is built already, or its stages do not fit together.
            BackendError: The replicas do not start.
        """
        if self._models:
            return
        ray, serve = _ray_serve()
        for name, pipeline in self._pipelines.items():
            if isinstance(pipeline, BuiltPipeline):
                raise ConfigError(f"replicas load the models themselves, but {name!r} is already built: pass the pipeline before .build()")
            pipeline.check()
        if not ray.is_initialized():
            ray.init(log_to_driver=False, configure_logging=False)
            self._started_ray = True
        quiet = {"log_level": "WARNING", "enable_access_log": False}
        try:
            serve.start(proxy_location="Disabled", logging_config=quiet)
            logging.getLogger("ray.serve").setLevel(logging.ERROR)  # Each request of a lost replica would warn of it.
            options = deployment_options(self._replicas, self._settings.max_waiting)
            application = serve.deployment(**options)(RayReplica).bind(self._pipelines, self._settings)
            self._handle = serve.run(application, name=self._name, route_prefix=None, logging_config=quiet)
            self._models = self._handle.models.remote().result(timeout_s=60)
        except Exception as error:  # Ray Serve raises RuntimeError, TimeoutError and its own kinds.
            raise BackendError(f"the replicas do not start: {error}") from error

    async def start(self) -> None:
        await asyncio.to_thread(self.load)

    async def stop(self) -> None:
        await asyncio.to_thread(self._stop)

    async def sweep(self, idle_seconds: float) -> None:
        """Do nothing: replicas close by themselves what is idle."""

    async def ask(self, operation: Operation) -> Any:
        for _ in range(TRIES):
            answer = await self._ask(operation)
            if isinstance(operation, (Encode, Segment)) and isinstance(answer.error, ImageGoneError):
                await self._send(operation.image)
                continue
            break
        if isinstance(operation, OpenVideo) and answer.error is None:
            self._places[operation.video] = answer.replica
        if answer.error is not None:
            raise answer.error
        return answer.value

    async def stream(self, operation: Operation) -> AsyncGenerator[Any, None]:
        if isinstance(operation, Segment):
            await self._send(operation.image)
        answers = self._on(operation).options(stream=True).stream.remote(operation)
        try:
            while True:
                try:
                    answer = await self._wait(anext(answers, None), answers)
                except Exception as error:  # What Ray raises has no common base.
                    raise self._reason(error, operation) from error
                if answer is None:
                    return
                self._heard(answer)
                if answer.error is not None:
                    raise answer.error
                yield answer.value
        finally:
            answers.cancel()

    async def _ask(self, operation: Operation) -> Answer:
        """Return the answer of a replica. What can be repeated is asked of others if it is lost."""
        if isinstance(operation, CloseVideo):
            with contextlib.suppress(NotFoundError, StoppingError):  # It is closed if its replica is gone.
                await self._call(self._on(operation).ask, operation, operation)
            return Answer("", "", EngineState())
        if isinstance(operation, (Encode, Segment)):
            answer: Answer = await self._again(operation.image.id, "ask", operation)
        else:
            answer = await self._call(self._on(operation).ask, operation, operation)
        return answer

    async def _again(self, key: str, method: str, argument: Any) -> Any:
        """Call a method of the replica of a key; if that is lost, of the next one, and so on."""
        for tried in range(TRIES):
            try:
                return await self._call(getattr(self._at(key), method), argument)
            except ReplicaLostError:
                if tried + 1 == TRIES:
                    raise
                await asyncio.sleep(PAUSES[min(tried, len(PAUSES) - 1)])
        raise AssertionError  # The loop returns or raises.

    async def _call(self, method: Any, argument: Any, operation: Operation | None = None) -> Any:
        response = method.remote(argument)
        try:
            answer = await self._wait(_awaited(response), response)
        except Exception as error:  # What Ray raises has no common base.
            raise self._reason(error, operation) from error
        if isinstance(answer, Answer):
            self._heard(answer)
        return answer

    async def _send(self, image: Segmentable) -> None:
        """Send the file of an image to its replica, unless it has it. Of several requests that want this, one does.

        Raises:
            RefusedError: It is a raster.
        """
        if isinstance(image, StoredRaster):
            raise RefusedError(NOT_SENT)
        lock = self._sending.setdefault(image.id, asyncio.Lock())
        async with lock:
            if await self._again(image.id, "has", image.id):
                return
            answer = await self._again(image.id, "keep", await asyncio.to_thread(image.content))
        if answer.error is not None:
            raise answer.error

    async def _wait(self, asked: Awaitable[_Value], response: Any) -> _Value:
        """Return what is awaited. While it does not come, look from time to time whether a replica runs at all."""
        waiting = asyncio.ensure_future(asked)
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())  # Nobody may be left to ask for it.
        try:
            while not (await asyncio.wait({waiting}, timeout=self._patience))[0]:
                if not await asyncio.to_thread(self._running):
                    raise StoppingError("no replica of the models runs: try again later")
            return waiting.result()
        finally:
            if not waiting.done():
                response.cancel()
                waiting.cancel()

    def _on(self, operation: Operation) -> Any:
        """Return the handle for an operation. A video stays where it was opened, whatever replicas come and go."""
        key = affinity(operation)
        place = "" if isinstance(operation, (Encode, Segment)) else self._places.get(key, "")
        if isinstance(operation, CloseVideo):
            self._places.pop(key, None)
        return self._at(key, place)

    def _at(self, key: str, place: str = "") -> Any:
        from .ray_router import session_id

        if not self._models:
            raise StoppingError("the models are not loaded yet")
        return self._handle.options(session_id=session_id(key, place))

    def _heard(self, answer: Answer) -> None:
        if answer.actor:
            self._states[answer.actor] = time.monotonic(), answer.state

    def _reason(self, error: Exception, operation: Operation | None) -> Exception:
        """Return the error of promptseg for one of Ray."""
        from ray.exceptions import RayError, RayTaskError
        from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException

        if isinstance(error, BackPressureError):
            return BusyError("too many requests wait already: try again later", 5)
        if isinstance(error, DeploymentUnavailableError):
            return StoppingError("no replica of the models runs: try again later")
        if isinstance(error, RayTaskError):
            return BackendError(f"a replica failed: {type(error.cause).__name__}")
        if not isinstance(error, (RayError, RayServeException)):
            return error
        self._states.pop(str(getattr(error, "actor_id", "")), None)
        if isinstance(operation, (PromptVideo, RemoveObject, Propagate, CloseVideo)):
            return NotFoundError("the replica that had this video open was lost: open the video again")
        return ReplicaLostError("the replica that worked on this was lost: start it again")

    def _running(self) -> int:
        """Return the number of replicas that run, as Ray Serve knows it."""
        _, serve = _ray_serve()
        application = serve.status().applications.get(self._name)
        if application is None:
            return 0
        return sum(int(deployment.replica_states.get("RUNNING", 0)) for deployment in application.deployments.values())

    def _stop(self) -> None:
        self._models = ()
        if self._handle is None:
            return
        ray, serve = _ray_serve()
        self._handle = None
        if self._started_ray:
            ray.shutdown()
            return
        with contextlib.suppress(Exception):  # What is gone already need not be ended.
            serve.delete(self._name)


async def _awaited(response: Any) -> Any:
    return await response


def _ray_serve() -> tuple[Any, Any]:
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise MissingDependencyError(f"the executor 'ray' needs Ray Serve: {install_extra('ray-serve')}") from error
    return ray, serve
