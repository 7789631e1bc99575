"""Both clients against a server that runs: what they return is what the Python call returns."""

from __future__ import annotations

import asyncio
import io
import zipfile

import numpy as np
import pytest

from promptseg import Prompt, load_image
from promptseg.client import AsyncClient, Client, ClientError
from promptseg.client.calls import check_done
from promptseg.client.values import JobInfo
from promptseg.errors import ConfigError, InputError, OutOfMemoryError
from promptseg.tracking.session import PropagateSegmenter
from promptseg.video.frames import open_frames

pytest.importorskip("httpx2")

POINT = Prompt.point(300, 200)


@pytest.fixture(scope="module")
def client(running_server):
    with Client(running_server.url) as client:
        yield client


@pytest.fixture(scope="module")
def image(client, sample_bytes):
    return client.open(sample_bytes)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """A folder of five frames, on which a disc moves to the right."""
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("frames")
    for index in range(5):
        frame = Image.new("RGB", (96, 64), (40, 60, 40))
        ImageDraw.Draw(frame).ellipse((10 + 6 * index, 20, 34 + 6 * index, 44), fill=(230, 200, 60))
        frame.save(folder / f"{index:03}.png")
    return folder


@pytest.mark.parametrize(
    "prompts",
    [
        [POINT],
        [POINT + Prompt.point(20, 20, False), Prompt.box(170, 40, 430, 300)],
        [Prompt.everything(4)],
        [Prompt.example(None, Prompt.box(170, 40, 430, 300), label="cup")],
    ],
    ids=["point", "two", "everything", "example"],
)
def test_a_result_is_that_of_the_python_call(client, image, running_server, sample_bytes, prompts):
    expected = running_server.pipelines["mini-sam"](sample_bytes, *prompts)
    result = client.segment(image, *prompts)
    assert result.masks == expected.masks
    assert [mask.score for mask in result.masks] == [mask.score for mask in expected.masks]
    assert [mask.label for mask in result.masks] == [mask.label for mask in expected.masks]


def test_an_example_image_is_sent_along(client, image, running_server, sample_bytes):
    other = np.ascontiguousarray(load_image(sample_bytes)[:, ::-1])
    prompt = Prompt.example(other, Prompt.box(170, 40, 430, 300))
    assert client.segment(image, prompt).masks == running_server.pipelines["mini-sam"](sample_bytes, prompt).masks


def test_an_array_is_sent_without_loss(client, running_server, sample_bytes):
    array, prompt = load_image(sample_bytes)[:200], Prompt.point(300, 100)
    assert client.segment(array, prompt).masks == running_server.pipelines["mini-sam"](array, prompt).masks


def test_candidates_and_other_models(client, image, running_server, sample_bytes):
    assert len(client.segment(image, POINT, candidates=True).masks) == 3
    words = client.segment(image, Prompt.text("cup"), model="words")
    assert words.masks == running_server.pipelines["words"](sample_bytes, Prompt.text("cup")).masks


def test_models_say_what_they_take(client):
    plain, words = client.models()
    assert (plain.name, words.name) == ("mini-sam", "words")
    assert {"point", "box", "mask", "everything"} <= plain.accepts
    assert "text" in words.accepts - plain.accepts
    assert plain.licenses == ("MIT",)


def test_a_job_reports_its_progress_and_gives_the_masks(client, image, running_server, sample_bytes):
    job = client.start(image, Prompt.everything(4))
    states = list(client.watch(job))
    assert [state.state for state in states[:-1]] == ["running"] * (len(states) - 1)
    assert states[-1].state == "done"
    assert client.result(job).masks == running_server.pipelines["mini-sam"](sample_bytes, Prompt.everything(4)).masks
    assert client.job(job).progress.done == client.job(job).progress.total


def test_a_job_is_cancelled(client, image):
    job = client.start(image, Prompt.everything(64))
    assert client.cancel(job).state == "cancelled"
    with pytest.raises(ClientError, match="cancelled") as caught:
        client.result(job)
    assert caught.value.status == 409


def test_prompts_are_answered_while_a_job_runs(client, image, running_server):
    job = client.start(image, Prompt.everything(64))
    for _ in range(3):
        assert len(client.segment(image, POINT).masks) == 1
    assert client.job(job).state == "running"
    client.cancel(job)


def test_a_video_is_tracked_corrected_and_exported(client, frames, running_server):
    video = client.open_video(_as_video(frames))
    disc = Prompt.box(9, 19, 36, 46)
    first = client.prompt(video, 0, 7, disc)
    tracked = client.propagate(video)
    session = PropagateSegmenter(running_server.pipelines["mini-sam"].segmenter).open(open_frames(_as_path(frames)))
    assert first == session.add(0, 7, disc)
    assert [frame.masks for frame in tracked] == [frame.masks for frame in session.propagate()]
    assert [frame.object_ids for frame in tracked] == [(7,)] * 5
    client.prompt(video, 4, 7, Prompt.box(33, 19, 60, 46))
    back = client.start_propagation(video, start=4, reverse=True)
    assert [state.state for state in client.watch(back)][-1] == "done"
    names = zipfile.ZipFile(io.BytesIO(client.export(video))).namelist()
    assert {"masks.json", "overlay.mp4", "labels/00000.png", "labels/00004.png"} <= set(names)
    client.remove(video, 7)
    assert client.masks(video) == []
    client.close_video(video)
    with pytest.raises(ClientError, match="no longer"):
        client.masks(video)


def test_tracking_that_fails_is_an_error_and_not_a_part_of_the_masks(client, running_server, frames, monkeypatch):
    async def broken(video, asked):
        raise OutOfMemoryError("the GPU has no memory left")
        yield

    video = client.open_video(_as_video(frames))
    client.prompt(video, 0, 7, Prompt.box(9, 19, 36, 46))
    monkeypatch.setattr(running_server.service.videos, "propagate", broken)
    with pytest.raises(ClientError, match="the job is failed: the GPU has no memory left"):
        client.propagate(video)

    async def track():
        async with AsyncClient(running_server.url) as other:
            await other.propagate(video)

    with pytest.raises(ClientError, match="the job is failed"):
        asyncio.run(track())
    client.close_video(video)


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (None, "the connection ended before the job"),
        (JobInfo("1", "propagate", "running", None, None), "the connection ended before the job"),
        (JobInfo("1", "propagate", "cancelled", None, None), "^the job is cancelled$"),
    ],
)
def test_a_job_that_has_not_done_its_work_is_an_error(job, told):
    with pytest.raises(ClientError, match=told):
        check_done(job)


def _as_path(frames):
    return frames.parent / "frames.mp4"


def _as_video(frames):
    from PIL import Image

    from promptseg.video.writer import VideoWriter

    path = _as_path(frames)
    if not path.exists():
        pytest.importorskip("av")
        with VideoWriter(path, (64, 96), 10.0) as writer:
            for file in sorted(frames.glob("*.png")):
                writer.write(np.asarray(Image.open(file)), None)
    return path.read_bytes()


def test_the_client_for_async_does_the_same(running_server, sample_bytes):
    async def all_at_once():
        async with AsyncClient(running_server.url) as client:
            image = await client.open(sample_bytes)
            results = await asyncio.gather(*(client.segment(image, Prompt.point(100 + 40 * n, 200)) for n in range(8)))
            job = await client.start(image, Prompt.everything(4))
            return results, [state async for state in client.watch(job)], await client.result(job), await client.models()

    results, states, everything, models = asyncio.run(all_at_once())
    plain = running_server.pipelines["mini-sam"].open(sample_bytes)
    assert [result.masks for result in results] == [plain(Prompt.point(100 + 40 * n, 200)).masks for n in range(8)]
    assert states[-1].state == "done"
    assert everything.masks == plain(Prompt.everything(4)).masks
    assert [model.name for model in models] == ["mini-sam", "words"]


def test_a_refusal_says_why_and_names_the_request(client, image):
    with pytest.raises(ClientError, match="outside the image") as caught:
        client.segment(image, Prompt.point(9999, 0))
    assert caught.value.status == 422
    assert caught.value.request_id


def test_what_cannot_be_sent_is_refused_here(client, image, tmp_path):
    with pytest.raises(ConfigError, match="logits"):
        client.segment(image, Prompt.mask(np.zeros((256, 256), np.float32)))
    with pytest.raises(InputError, match=r"none\.png"):
        client.open(tmp_path / "none.png")
    with pytest.raises(InputError, match="is a folder, and an image is sent as one file"):
        client.open(tmp_path)
    with pytest.raises(InputError, match="is a folder, and a video is sent as one file"):
        client.open_video(tmp_path)


def test_an_address_in_the_place_of_a_file_is_called_one(client):
    with pytest.raises(InputError, match=r"https://example\.org/a\.jpg is an address, .* promptseg\.fetch_image"):
        client.open("https://example.org/a.jpg?key=secret")
    with pytest.raises(InputError, match=r"http://example\.org/a\.mp4 is an address, and a video is read from a file: download it"):
        client.open_video("http://example.org/a.mp4")


def test_a_name_that_is_almost_that_of_a_file_is_told(client, tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"Did you mean '.*photo\.jpg'"):
        client.open(tmp_path / "foto.jpg")


@pytest.mark.parametrize("url", ["127.0.0.1:8420", "localhost", "", None])
def test_an_address_of_a_server_says_its_protocol(url):
    with pytest.raises(ConfigError, match="begins with http"):
        Client(url)


def test_a_server_that_is_not_there_is_told():
    with Client("http://127.0.0.1:9") as client, pytest.raises(ClientError, match="cannot be reached"):
        client.models()
