"""The API answers as its OpenAPI document says, whatever is asked.

`--hypothesis-profile=explore` asks some 10,000 times. Ids of things that exist take the place of some of the invented ones, else nearly
every request would end at "there is no such image".
"""

from __future__ import annotations

import base64
import io
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

schemathesis = pytest.importorskip("schemathesis")
httpx = pytest.importorskip("httpx2")
pytest.importorskip("fastapi")


def png(color):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), color).save(file, "PNG")
    return file.getvalue()


class Known:
    """Ids of an image, a job and a video that exist; one that was removed is made again."""

    def __init__(self, url):
        self.client = httpx.Client(base_url=url, timeout=60)
        self.kept = {}

    def id(self, kind):
        name = self.kept.get(kind)
        if name is None or self.client.get(f"/v1/{kind}s/{name}").status_code == 404:
            self.kept[kind] = name = self.make(kind)
        return name

    def make(self, kind):
        made = self.ask_for(kind)
        while made.status_code == 429:
            time.sleep(0.05)
            made = self.ask_for(kind)
        assert made.status_code in (201, 202), made.text
        return made.json()["id"]

    def ask_for(self, kind):
        if kind == "image":
            return self.client.post("/v1/images", content=png("red"), headers={"Content-Type": "image/png"})
        if kind == "job":
            image = {"data": base64.b64encode(png("red")).decode()}
            return self.client.post("/v1/jobs", json={"image": image, "prompts": [{"points": [[20, 20]]}]})
        for video in self.client.get("/v1/videos").json()["videos"]:  # Else there are too many at some time.
            self.client.delete(f"/v1/videos/{video['id']}")
        return self.client.post("/v1/videos", json={"path": "frames"})

    def put_into(self, case):
        """Put ids that exist into a case, and values that fit the image."""
        for kind in ("image", "job", "video"):
            if kind in case.path_parameters:
                case.path_parameters[kind] = self.id(kind)
        for name, value in (("frame", 1), ("number", 1)):
            if name in case.path_parameters:
                case.path_parameters[name] = value
        if isinstance(case.body, dict):
            if "image" in case.body:
                case.body["image"] = {"id": self.id("image")}
            if case.body.get("model") is not None:
                case.body["model"] = "fake"
            for name, value in (("frame", 1), ("folder", "frames"), ("path", "frames")):
                if name in case.body:
                    case.body[name] = value
            if "out" in case.body:
                case.body["out"] = "dataset"
                case.body["prompts"] = [{"text": ["cup"]}]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    from fake_pipelines import built
    from promptseg.server.settings import ServerSettings
    from running_server import running

    folder, out = tmp_path_factory.mktemp("allowed"), tmp_path_factory.mktemp("out")
    (folder / "frames").mkdir()
    for number, color in enumerate(("red", "green", "blue")):
        (folder / "frames" / f"{number}.png").write_bytes(png(color))
    allowed = ServerSettings(port=0, folders=(folder,), out_folders=(out,), protocols=())
    pipelines = {"fake": built({"cup": (10, 10, 30, 30)}), "boxes": built({"cup": (10, 10, 30, 30)}, segmenter=False)}
    with running(pipelines, allowed, tmp_path_factory.mktemp("server")) as server:
        yield server.url


def test_every_answer_is_one_that_the_document_declares(url, request):
    schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json")
    checks = schemathesis.checks
    wanted = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.response_headers_conformance,
    ]
    known, asked = Known(url), set()
    request.addfinalizer(known.client.close)
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=max(8, settings().max_examples // 8), suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), exists=st.booleans())
        def check(case, exists):
            if exists:
                known.put_into(case)
            case.call_and_validate(checks=wanted, timeout=60)

        check()
        asked.add(operation.label)
    assert len(asked) > 20
