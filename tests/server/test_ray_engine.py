"""A server whose replicas run on Ray: the tests of the API and of the client, and what happens when a replica is killed."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import inspect
import io
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from promptseg import Pipeline, Prompt
from promptseg.client import AsyncClient, Client, ClientError
from promptseg.errors import ConfigError

ray = pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("ray.serve", reason="Ray Serve is not installed", exc_type=ImportError)
pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from promptseg.server import ray_engine  # noqa: E402 - Their packages are optional.
from promptseg.server.errors import ReplicaLostError, StoppingError  # noqa: E402 - Their packages are optional.
from promptseg.server.operations import Encode, Segment  # noqa: E402 - Their packages are optional.
from promptseg.server.ray_deployment import Replicas  # noqa: E402 - Their packages are optional.
from promptseg.server.ray_engine import RayEngine  # noqa: E402 - Their packages are optional.
from promptseg.server.ray_replica import ReplicaSettings  # noqa: E402 - Their packages are optional.
from promptseg.server.ray_router import ranked, session_id  # noqa: E402 - Their packages are optional.
from promptseg.server.settings import ServerSettings  # noqa: E402 - Their packages are optional.

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets and files to its own processes.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WAITING = 16
LONG = {"test_a_video_is_tracked_corrected_and_exported"}  # A shorter one is below.


def words():
    """The pipeline "words" of the fixture `running_server`, as replicas build it."""
    from running_server import WORDS

    found = dict(WORDS)

    class Words:
        """Local to a function, so that Ray sends the class and not its name."""

        def check(self):
            pass

        def build(self, device):
            from promptseg.pipeline.config import DetectStage
            from promptseg.testing import FakeDetector

            plain = Pipeline().segment("mini-sam").build(device)
            config = plain.config.model_copy(update={"detect": DetectStage(model="mini-sam")})
            return replace(plain, config=config, detector=FakeDetector(found))

    return Words()


@pytest.fixture(scope="module")
def running_server(served_pipelines, tmp_path_factory):
    """A server with two replicas, in place of the local one that other modules share."""
    from running_server import running

    ray.init(num_cpus=4, log_to_driver=False, include_dashboard=False, object_store_memory=200_000_000)
    folder = tmp_path_factory.mktemp("server")
    pipelines = {"mini-sam": Pipeline().segment("mini-sam"), "words": words()}
    engine = RayEngine(pipelines, Replicas(2, 2), ReplicaSettings(folder=folder, max_waiting=WAITING), name="test")
    engine.load()
    with running(served_pipelines, ServerSettings(port=0), folder, engine) as server:
        yield server
    ray.shutdown()
    gc.collect()  # What Ray leaves open warns here, where it may, and not in a later test.


def on_ray(path):
    """Return a class with the tests and fixtures of another module, which here get the `running_server` of this one."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = {name: staticmethod(value) for name, value in vars(module).items() if name.startswith("test_") and name not in LONG}
    fixtures = {name: vars(module)[name] for name in ("client", "image", "frames") if name in vars(module)}
    again = {name: pytest.fixture(scope="module")(staticmethod(inspect.unwrap(value))) for name, value in fixtures.items()}
    return type("Tests", (), {**tests, **again})


TestSegment = on_ray(Path(__file__).parent / "api" / "test_segment.py")
TestClient = on_ray(Path(__file__).parents[1] / "client" / "test_client.py")


def actors():
    """The actors of the replicas that live: their ids, each with its process."""
    found = ray._private.state.actors().items()
    return {name: actor["Pid"] for name, actor in found if "ServeReplica" in actor["ActorClassName"] and actor["State"] == "ALIVE"}


def kill(server, image):
    """Kill the replica that has an image open."""
    engine = server.service.engine
    answer = asyncio.run_coroutine_threadsafe(engine._ask(Encode("mini-sam", image)), engine_loop(server)).result(60)
    os.kill(actors()[answer.actor], signal.SIGKILL)


def engine_loop(server):
    return server.service._loading.get_loop()


@pytest.mark.timeout(120)
def test_prompts_are_answered_while_a_replica_is_killed(running_server, sample_bytes, photo):
    def file(seed):
        made = io.BytesIO()
        Image.fromarray(photo(100, 140, seed)).save(made, "PNG")
        return made.getvalue()

    async def clicks():
        async with AsyncClient(running_server.url) as client:
            images = [(content, await client.open(content)) for content in (sample_bytes, *map(file, range(3)))]
            asked = [(content, image, Prompt.point(30 + 7 * number, 50)) for number in range(8) for content, image in images]
            at_a_time = asyncio.Semaphore(6)

            async def one(number, image, prompt):
                async with at_a_time:
                    if number == 8:
                        await asyncio.to_thread(kill, running_server, running_server.service.images.get(images[0][1].id))
                    return (await client.segment(image, prompt)).masks

            return asked, await asyncio.gather(*(one(number, image, prompt) for number, (_, image, prompt) in enumerate(asked)))

    asked, answers = asyncio.run(clicks())
    opened = {content: running_server.pipelines["mini-sam"].open(content) for content, _, _ in asked}
    assert answers == [opened[content](prompt).masks for content, _, prompt in asked]


@pytest.fixture
def video(running_server, tmp_path, photo, monkeypatch):
    """A folder of two frames, which the server allows."""
    service = running_server.service
    monkeypatch.setattr(service, "settings", replace(service.settings, folders=(tmp_path,)))
    for index in range(2):
        Image.fromarray(photo(60, 80, index)).save(tmp_path / f"{index}.png")
    return tmp_path


def test_videos_are_tracked_where_they_were_opened(running_server, video, served_pipelines):
    from promptseg.tracking.session import PropagateSegmenter
    from promptseg.video.frames import open_frames

    with Client(running_server.url) as client:
        videos = [client.open_video(video, remote=True) for _ in range(3)]
        masks = [client.prompt(each, 0, 1, Prompt.box(8, 12, 36, 45)) for each in videos]
        tracked = [[frame.masks for frame in client.propagate(each)] for each in videos]
        for each in videos:
            client.close_video(each)
    session = PropagateSegmenter(served_pipelines["mini-sam"].segmenter).open(open_frames(str(video)))
    assert masks == [session.add(0, 1, Prompt.box(8, 12, 36, 45))] * 3
    assert tracked == [[frame.masks for frame in session.propagate()]] * 3


@pytest.mark.timeout(120)
def test_a_job_of_a_killed_replica_fails_and_its_video_is_gone(running_server, sample_bytes, video):
    with Client(running_server.url) as client:
        image, there = client.open(sample_bytes), client.open_video(video, remote=True)
        job = client.start(image, Prompt.everything(64))
        next(state for state in client.watch(job) if state.progress is not None)  # Before, it is not on a replica.
        for process in actors().values():  # The job and the video may be on two.
            os.kill(process, signal.SIGKILL)
        assert [state.state for state in client.watch(job)][-1] == "failed"
        with pytest.raises(ClientError, match="start it again") as caught:
            client.result(job)
        assert caught.value.status == 503
        assert len(once_one_runs(lambda: client.segment(image, Prompt.point(300, 200))).masks) == 1
        with pytest.raises(ClientError, match="open") as caught:
            once_one_runs(lambda: client.prompt(there, 0, 1, Prompt.box(5, 5, 40, 40)))
        assert caught.value.status == 404
        client.close_video(there)


def once_one_runs(ask):
    """Return the answer of a server whose replicas start anew, which takes long on a busy machine."""
    until = time.monotonic() + 200
    while True:
        try:
            return ask()
        except ClientError as error:
            if error.status != 503 or time.monotonic() > until:
                raise


def test_a_full_queue_refuses(running_server, sample_bytes):
    async def many():
        service = running_server.service
        image = await service.put_image(sample_bytes)
        operation = Segment("mini-sam", image, (Prompt.point(300, 200),))
        return await asyncio.gather(*(service.engine.ask(operation) for _ in range(4 * WAITING)), return_exceptions=True)

    outcomes = asyncio.run_coroutine_threadsafe(many(), engine_loop(running_server)).result(60)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert refused
    assert {error.status for error in refused} == {429}
    expected = running_server.pipelines["mini-sam"](sample_bytes, Prompt.point(300, 200)).masks
    assert all(outcome.masks == expected for outcome in outcomes if not isinstance(outcome, Exception))


def test_a_replica_that_joins_takes_only_what_becomes_its_own():
    keys = [str(number) for number in range(300)]
    before = {key: ranked(session_id(key), ["a", "b", "c"])[0] for key in keys}
    after = {key: ranked(session_id(key), ["d", "c", "b", "a"])[0] for key in keys}
    assert all(after[key] in (before[key], "d") for key in keys)
    assert all(list(after.values()).count(name) > 40 for name in "abcd")


def test_a_replica_that_has_a_video_comes_first_while_it_is_there():
    assert {ranked(session_id(str(number), "b"), ["a", "b", "c"])[0] for number in range(50)} == {"b"}
    assert ranked(session_id("v", "gone"), ["a", "b"]) in (["a", "b"], ["b", "a"])


def test_who_waits_while_no_replica_runs_is_refused(monkeypatch):
    engine = RayEngine({}, patience=0.01)
    monkeypatch.setattr(engine, "_running", lambda: 0)
    cancelled = []

    class Response:
        def cancel(self):
            cancelled.append(True)

    with pytest.raises(StoppingError, match="no replica"):
        asyncio.run(engine._wait(asyncio.sleep(60), Response()))
    assert cancelled


def test_a_request_is_tried_a_few_times(monkeypatch):
    engine, tried = RayEngine({}), []

    async def lost(method, argument, operation=None):
        tried.append(argument)
        raise ReplicaLostError("lost")

    monkeypatch.setattr(engine, "_call", lost)
    monkeypatch.setattr(engine, "_at", lambda key, place="": engine)
    monkeypatch.setattr(engine, "asked", None, raising=False)
    monkeypatch.setattr(ray_engine, "PAUSES", (0.0,))
    with pytest.raises(ReplicaLostError):
        asyncio.run(engine._again("key", "asked", "argument"))
    assert tried == ["argument"] * ray_engine.TRIES


def test_a_pipeline_that_is_built_is_refused(served_pipelines):
    with pytest.raises(ConfigError, match=r"before \.build\(\)"):
        RayEngine(served_pipelines).load()


@pytest.mark.parametrize("wrong", [{"least": 0}, {"least": 2, "most": 1}, {"gpus": -1.0}, {"cpus": float("nan")}])
def test_numbers_of_replicas_are_checked(wrong):
    with pytest.raises(ConfigError):
        Replicas(**wrong)
