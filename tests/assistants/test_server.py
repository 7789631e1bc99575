"""The tools over the protocol, asked by the client of package mcp: what they answer, and what their errors tell."""

import base64
import functools
import io
import os
import sys
import threading
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from fake_pipelines import built, detections
from promptseg.assistants.allowed_folders import AllowedFolders
from promptseg.assistants.workbench import Workbench
from promptseg.datasets.catalog import WRITABLE
from promptseg.errors import BackendError
from promptseg.images import load_image
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.runtime.progress import track
from promptseg.samples import coffee
from promptseg.testing import FakeSegmenter

mcp = pytest.importorskip("mcp", reason="mcp is not installed", exc_type=ImportError)
anyio = pytest.importorskip("anyio", reason="anyio is not installed", exc_type=ImportError)
from promptseg.assistants.server import make_server  # noqa: E402 - It needs package mcp.

FOUND = detections(("dog", (5, 5, 20, 20), 0.9), ("dog", (30, 5, 50, 20), 0.8))


@pytest.fixture
def folder(tmp_path, photo):
    """An allowed folder with an image of 60 x 40 pixels."""
    (tmp_path / "allowed").mkdir()
    Image.fromarray(photo(40, 60)).save(tmp_path / "allowed" / "a.png")
    return (tmp_path / "allowed").resolve()


@pytest.fixture
def asked(folder):
    """Run a conversation with a server: ``asked(talk, build)``, where ``await talk(client)``."""

    def ask(talk, build=lambda: built(FOUND), in_use=MappingProxyType({"segment": "fake"}), **client):
        async def main():
            async with mcp.Client(make_server(Workbench(build, AllowedFolders([folder])), in_use), **client) as connected:
                return await talk(connected)

        return anyio.run(main)

    return ask


async def call(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content[0].text
    return answer.structured_content


async def refused(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return answer.content[0].text


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_masks_are_those_of_the_python_call(asked, folder, mode):
    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        points = [{"x": 12, "y": 10}, {"x": 50, "y": 30, "label": 0}]
        clicked = await call(client, "segment_object", image_id=image_id, points=points, with_rle=True)
        named = await call(client, "segment_text", image_id=image_id, phrases=["dog"], with_rle=True)
        counts = await call(client, "count_objects", result_id=named["result_id"])
        return clicked, named, counts

    clicked, named, counts = asked(talk, mode=mode)
    image, pipeline = load_image(folder / "a.png"), built(FOUND)
    for answer, prompt in ((clicked, Prompt.points([(12, 10), (50, 30)], [1, 0])), (named, Prompt.text("dog"))):
        expected = [Mask(mask.size, mask.counts) for mask in pipeline(image, prompt).masks]
        assert [Mask.from_coco_rle(entry["rle"]) for entry in answer["masks"]] == expected != []
    assert counts["counts"] == {"dog": 2}


def test_an_overlay_is_an_image_as_content_with_what_it_shows(asked):
    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        result_id = (await call(client, "segment_everything", image_id=image_id, points_per_side=2))["result_id"]
        return [
            await client.call_tool("show_image", {"image_id": image_id, "max_side": 64}),
            await client.call_tool("show_overlay", {"result_id": result_id, "masks": [0]}),
        ]

    plain, overlay = asked(talk)
    pixels = []
    for answer in (plain, overlay):
        image, text = answer.content
        assert (image.type, image.mime_type, text.type) == ("image", "image/jpeg", "text")
        shown = Image.open(io.BytesIO(base64.b64decode(image.data)))
        assert shown.size == (answer.structured_content["width"], answer.structured_content["height"]) == (60, 40)
        pixels.append(np.asarray(shown))
    assert not np.array_equal(*pixels)


def test_masks_are_exported_below_the_allowed_folder_alone(asked, folder):
    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        result_id = (await call(client, "segment_text", image_id=image_id, phrases=["dog"]))["result_id"]
        export = functools.partial(dict, result_ids=[result_id])
        written = await call(client, "export_masks", **export(format="coco", folder="out"))
        wrong = [
            await refused(client, "export_masks", **export(format="coco", folder="../out")),
            await refused(client, "export_masks", **export(format="coco", folder=".")),
            await refused(client, "export_masks", **export(format="cocoa", folder="new")),
        ]
        return written, wrong

    written, (outside, full, unknown) = asked(talk)
    assert written["path"] == str(folder / "out" / "coco.json")
    assert "not below a folder that is allowed" in outside
    assert "not exported here" in full
    assert "Did you mean 'coco'" in unknown
    assert [path.name for path in folder.parent.iterdir()] == ["allowed"]


def test_hostile_arguments_are_refused_without_naming_what_lies_outside(asked, folder):
    (folder.parent / "secret.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    (folder / "text.png").write_text("root:x:0:0")

    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        return [
            *[await refused(client, "open_image", path=path) for path in ("../secret.png", "link.png", str(folder.parent / "secret.png"))],
            await refused(client, "open_image", path="text.png"),
            await refused(client, "open_image", content_base64="%%%"),
            await refused(client, "open_image"),
            await refused(client, "list_images", folder=".."),
            await refused(client, "segment_object", image_id=image_id, points=[{"x": 1e9, "y": 0}]),
            await refused(client, "segment_object", image_id=image_id, points=[{"x": 1, "y": 1}] * 257),
            await refused(client, "segment_object", image_id=image_id, box={"x0": 9, "y0": 9, "x1": 1, "y1": 1}),
            await refused(client, "segment_everything", image_id=image_id, points_per_side=1000),
            await refused(
                client, "segment_like", image_id=image_id, examples=[{"box": {"x0": 1, "y0": 1, "x1": 5, "y1": 5}, "image_id": "no"}]
            ),
            await refused(client, "show_image", image_id=image_id, max_side=100_000),
            await refused(client, "count_objects", result_id="no"),
        ]

    for told in asked(talk):
        assert "Traceback" not in told
        assert "root:x" not in told
        assert str(folder.parent) not in told.replace(str(folder), "")


def test_an_error_of_the_model_names_no_path_and_a_crash_tells_nothing(asked):
    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        return await refused(client, "segment_everything", image_id=image_id)

    def failing(error):
        def build():
            raise error

        return build

    told = asked(talk, failing(BackendError("the model at /home/someone/my weights/sam.onnx is damaged: fetch it again")))
    assert told.endswith("the model at [path] is damaged: fetch it again")
    assert "someone" not in asked(talk, failing(RuntimeError("/home/someone")))


def test_the_server_answers_while_a_model_computes_and_works_one_call_at_a_time(asked):
    started, go_on, running = threading.Event(), threading.Event(), []

    class Slow(FakeSegmenter):
        def open(self, image):
            running.append(1)
            started.set()
            assert len(running) == 1
            assert go_on.wait(60)
            running.pop()
            return super().open(image)

    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(functools.partial(call, client, "segment_everything", image_id=image_id, points_per_side=2))
            await anyio.to_thread.run_sync(started.wait)
            tools = (await client.list_tools()).tools
            go_on.set()
        return tools

    assert asked(talk, lambda: replace(built(), segmenter=Slow()))


def test_a_call_that_is_canceled_ends_at_its_next_report_of_progress(asked):
    started, go_on, ended, batches = threading.Event(), threading.Event(), threading.Event(), []

    class Reporting(FakeSegmenter):
        def open(self, image):
            started.set()
            assert go_on.wait(60)
            try:
                batches.extend(track(range(3), stage="everything", total=3, unit="batch"))
            finally:
                ended.set()
            return super().open(image)

    async def talk(client):
        image_id = (await call(client, "open_image", path="a.png"))["image_id"]
        async with anyio.create_task_group() as group:
            group.start_soon(functools.partial(call, client, "segment_everything", image_id=image_id, points_per_side=2))
            await anyio.to_thread.run_sync(started.wait)
            group.cancel_scope.cancel()
        tools = (await client.list_tools()).tools  # The server has heard of it by then.
        go_on.set()
        await anyio.to_thread.run_sync(ended.wait)
        return tools, await call(client, "segment_object", image_id=image_id, points=[{"x": 12, "y": 10}])

    assert all(asked(talk, lambda: replace(built(), segmenter=Reporting())))
    assert batches == [0, 1, 2]  # Those of the second call.


def test_the_tools_say_what_an_assistant_must_know(asked):
    async def talk(client):
        return (await client.list_tools()).tools, client.instructions

    tools, instructions = asked(talk)
    assert len(tools) == 11
    assert "x to the right, y down" in instructions
    assert "half-open" in instructions
    for tool in tools:
        assert tool.description
        assert tool.output_schema["type"] == "object"
        assert tool.annotations.read_only_hint == (tool.name != "export_masks")
        for name, schema in tool.input_schema["properties"].items():
            assert schema.get("description"), f"{tool.name}: {name} has no description"
    formats = next(tool for tool in tools if tool.name == "export_masks").input_schema["properties"]["format"]["enum"]
    assert formats == list(WRITABLE)


def test_the_models_are_listed_with_what_they_take(asked):
    async def talk(client):
        return await call(client, "list_models", prompt="text"), await call(client, "list_models", ready=True)

    by_text, ready = asked(talk)
    assert by_text["in_use"] == {"segment": "fake"}
    assert {"grounding-dino-swin-t"} <= {model["name"] for model in by_text["models"]}
    assert all("text" in model["prompts"] for model in by_text["models"])
    assert {model["state"] for model in ready["models"]} == {"ready"}


def test_the_list_of_models_names_no_path_of_this_machine(asked, monkeypatch):
    monkeypatch.setattr("promptseg.registry.readiness.install_command", lambda _: "pip install -e '/home/someone/my clone[sam]'")
    monkeypatch.setattr("promptseg.registry.spec.BackendSpec.missing", lambda _: ["torch"])

    async def talk(client):
        return await call(client, "list_models")

    listed = asked(talk, in_use={"segment": "/home/someone/tuned", "detect": "d-fine-n"})
    assert listed["in_use"] == {"segment": "[path]", "detect": "d-fine-n"}
    assert {model["state"] for model in listed["models"]} == {"needs torch: pip install -e '[path]'"}


@pytest.mark.weights
def test_the_command_serves_over_standard_input_and_output(tmp_path, mini_sam):
    Image.fromarray(coffee()).save(tmp_path / "coffee.png")
    command = ["-m", "promptseg", "mcp", "--model", "mini-sam", "--allow", str(tmp_path), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    async def main():
        async with mcp.Client(mcp.StdioServerParameters(command=sys.executable, args=command, env=environment)) as client:
            image_id = (await call(client, "open_image", path="coffee.png"))["image_id"]
            box = {"x0": 170, "y0": 18, "x1": 421, "y1": 315}
            return await call(client, "segment_object", image_id=image_id, box=box, with_rle=True)

    (entry,) = anyio.run(main)["masks"]
    expected = mini_sam.open(coffee()).segment([Prompt.box(170, 18, 421, 315)])[0]
    assert Mask.from_coco_rle(entry["rle"]) == Mask(expected.size, expected.counts)
