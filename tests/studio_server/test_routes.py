"""The routes of images: opening, changing by two pages, tiles, thumbnails, what is broken, and what is hostile."""

from __future__ import annotations

import io
import json
import threading

import numpy as np
import pytest
from PIL import Image

from promptseg.studio_server.image_list import key_of

from .conftest import SIZE, counts, posted

pytest.importorskip("fastapi")

A = key_of("a.png")
CHANGES = f"/v1/studio/images/{A}/changes"


def change(client, version, path=CHANGES, **values):
    return client.post(path, json={"version": version, "change": values})


def opened(client, key=A):
    return client.get(f"/v1/studio/images/{key}").json()


class TestOpening:
    def test_an_image_is_there_with_its_objects_and_in_the_store_of_the_server(self, client):
        change(client, 0, put=[posted("x", label="cat", prompts=[{"points": [[3, 4]], "foreground": [True]}])])
        found = opened(client)
        assert (found["key"], found["name"], found["width"], found["height"]) == (A, "a.png", 60, 40)
        assert found["tiles"] == {"size": 512, "levels": 1}
        assert found["truth"] == []
        (only,) = found["document"]["objects"]
        assert only == posted("x", label="cat", score=None, source="hand", locked=False, hidden=False, color=None, attributes={}) | {
            "prompts": [{"points": [[3.0, 4.0]], "foreground": [True]}]
        }
        assert client.get(f"/v1/images/{found['image']}").json()["width"] == 60

    def test_it_is_upright_as_the_library_sees_it(self, client, photos):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (60, 40), "red").save(photos / "a.png", exif=exif)
        found = opened(client)
        assert (found["width"], found["height"]) == (40, 60)
        tile = Image.open(io.BytesIO(client.get(f"/v1/studio/images/{A}/tiles/0/0/0").content))
        thumbnail = Image.open(io.BytesIO(client.get(f"/v1/studio/images/{A}/thumbnail").content))
        assert tile.size == thumbnail.size == (40, 60)

    def test_true_masks_are_shown(self, client, project, tmp_path):
        from promptseg.studio_server.truth import Truth

        (tmp_path / "masks").mkdir()
        Image.fromarray(np.full(SIZE, 255, np.uint8)).save(tmp_path / "masks" / "a.png")
        project.truth = Truth.open(f"masks={tmp_path / 'masks'}", tmp_path / "photos")
        assert client.get("/v1/studio").json()["truth"] is True
        assert [each["mask"]["size"] for each in opened(client)["truth"]] == [list(SIZE)]

    @pytest.mark.parametrize("key", ["0" * 16, "x" * 16, "0", "0" * 17, "A" * 16])
    def test_other_keys_are_none(self, client, key):
        assert client.get(f"/v1/studio/images/{key}").status_code in (404, 422)


class TestBroken:
    @pytest.fixture(params=[b"", b"no image", None])
    def broken(self, request, photos):
        path = photos / "b.png"
        content = path.read_bytes()[:60] if request.param is None else request.param
        path.write_bytes(content)
        return key_of("b.png")

    @pytest.mark.parametrize("place", ["", "/thumbnail"])
    def test_it_is_listed_with_its_error_and_the_others_work(self, client, broken, place):
        assert client.get(f"/v1/studio/images/{broken}{place}").status_code == 422
        images = client.get("/v1/studio/images").json()["images"]
        assert [each["error"] is None for each in images] == [True, False, True]
        assert client.get(f"/v1/studio/images/{A}{place}").status_code == 200

    def test_the_error_ends_when_the_file_is_repaired(self, client, broken, photos):
        client.get(f"/v1/studio/images/{broken}")
        (photos / "b.png").write_bytes((photos / "a.png").read_bytes())
        assert client.get("/v1/studio/images").json()["images"][1]["error"] is None
        assert client.get(f"/v1/studio/images/{broken}").status_code == 200

    def test_a_file_that_is_gone_is_no_failure_of_the_server(self, client, photos):
        (photos / "a.png").unlink()
        for path in ("", "/thumbnail", "/tiles/0/0/0"):
            assert client.get(f"/v1/studio/images/{A}{path}").status_code in (404, 422)


class TestTwoPages:
    def test_each_gets_what_the_other_did(self, client):
        assert change(client, 0, put=[posted("x")]).json() == {"version": 1, "document": None}
        merged = change(client, 0, put=[posted("y")]).json()
        assert merged["version"] == 2
        assert [each["uid"] for each in merged["document"]["objects"]] == ["x", "y"]

    def test_the_same_object_is_refused_with_what_is_there(self, client):
        change(client, 0, put=[posted("x")])
        change(client, 1, put=[posted("x", label="cat")])
        answer = change(client, 1, put=[posted("x", label="dog")])
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        told = answer.json()
        assert (told["status"], told["title"], told["document"]["version"]) == (409, "Changed by others", 2)
        assert told["document"]["objects"][0]["label"] == "cat"
        assert opened(client)["document"] == told["document"]

    def test_a_change_that_is_sent_again_is_made_once(self, client):
        first = change(client, 0, put=[posted("x")], state="done")
        again = change(client, 0, put=[posted("x")], state="done")
        assert (first.json()["version"], again.json()["version"]) == (1, 1)

    def test_many_at_once_all_count(self, client):
        threads = [threading.Thread(target=change, args=(client, 0), kwargs={"put": [posted(f"o{n}")]}) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        document = opened(client)["document"]
        assert ({each["uid"] for each in document["objects"]}, document["version"]) == ({f"o{n}" for n in range(12)}, 12)


class TestEvents:
    async def heard(self, project, do, number):
        import asyncio

        found = []
        listening = project.events.listen()
        await anext(listening)
        await asyncio.get_running_loop().run_in_executor(None, do)
        while len(found) < number:
            found.append(json.loads((await anext(listening)).removeprefix(b"data: ")))
        project.events.close()
        assert [each async for each in listening] == []
        return found

    def test_all_pages_are_told_of_a_change_and_its_labels(self, project):
        import asyncio

        from promptseg.studio_server.changes import Change
        from promptseg.studio_server.documents import StudioObject

        made = Change(put=(StudioObject("x", counts(), label="cat"),))
        found = asyncio.run(self.heard(project, lambda: project.change(A, 0, made), 3))
        assert {"type": "labels"} in found
        assert {"type": "document", "key": A, "version": 1} in found
        summary = next(each["summary"] for each in found if each["type"] == "image")
        assert (summary["key"], summary["state"], summary["objects"]) == (A, "started", 1)

    def test_pages_are_told_when_images_come_and_go(self, client, photos, monkeypatch):
        monkeypatch.setattr("promptseg.studio_server.state.LOOK_SECONDS", 0.01)
        monkeypatch.setattr("promptseg.studio_server.image_list.LEAST_SECONDS", 0.0)
        with client.stream("GET", "/v1/studio/events") as events:
            told = (json.loads(line.removeprefix("data: ")) for line in events.iter_lines() if line.startswith("data: "))
            for change in (lambda: Image.new("RGB", (4, 4)).save(photos / "new.png"), (photos / "new.png").unlink):
                change()
                assert next(told) == {"type": "images"}

    def test_a_page_that_does_not_listen_is_cut_off_and_takes_no_memory(self, project, monkeypatch):
        import asyncio

        monkeypatch.setattr("promptseg.studio_server.events.MAX_WAITING", 10)

        async def behind():
            listening = project.events.listen()
            await anext(listening)
            for number in range(100):
                project.events.publish({"type": "labels", "number": number})
            await asyncio.sleep(0)
            return [each async for each in listening]

        assert len(asyncio.run(behind())) < 12


class TestPictures:
    def test_tiles_are_the_image_in_full_and_in_halves(self, client, photos):
        pixels = np.zeros((700, 1100, 3), np.uint8)
        pixels[:, 512:1024] = (200, 100, 50)
        Image.fromarray(pixels).save(photos / "a.png")
        assert opened(client)["tiles"] == {"size": 512, "levels": 3}
        sizes = {}
        for level, column, row in [(0, 0, 0), (0, 2, 1), (1, 0, 0), (1, 1, 0), (2, 0, 0)]:
            answer = client.get(f"/v1/studio/images/{A}/tiles/{level}/{column}/{row}?v=1")
            assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
            sizes[level, column, row] = Image.open(io.BytesIO(answer.content)).size
        assert sizes == {(0, 0, 0): (512, 512), (0, 2, 1): (76, 188), (1, 0, 0): (512, 350), (1, 1, 0): (38, 350), (2, 0, 0): (275, 175)}
        middle = np.asarray(Image.open(io.BytesIO(client.get(f"/v1/studio/images/{A}/tiles/0/1/0").content)))
        assert np.abs(middle.astype(int) - (200, 100, 50)).max() < 4

    @pytest.mark.parametrize("place", ["1/0/0", "0/1/0", "0/0/1", "0/-1/0", "0/0/999999999999", "x/0/0"])
    def test_other_tiles_are_none(self, client, place):
        assert client.get(f"/v1/studio/images/{A}/tiles/{place}").status_code in (404, 422)

    def test_thumbnails_are_small_kept_and_made_anew_for_another_file(self, client, project, photos):
        Image.new("RGB", (3000, 1000), "white").save(photos / "a.png")
        answer = client.get(f"/v1/studio/images/{A}/thumbnail")
        assert Image.open(io.BytesIO(answer.content)).size == (160, 53)
        (kept,) = (project.own / "thumbnails").iterdir()
        assert kept.read_bytes() == answer.content
        tag = {"If-None-Match": answer.headers["etag"]}
        assert client.get(f"/v1/studio/images/{A}/thumbnail", headers=tag).status_code == 304
        Image.new("RGB", (300, 100), "black").save(photos / "a.png")
        assert client.get(f"/v1/studio/images/{A}/thumbnail", headers=tag).status_code == 200

    def test_a_thumbnail_that_cannot_be_kept_is_shown(self, client, project):
        (project.own / "thumbnails").write_text("a file")
        assert client.get(f"/v1/studio/images/{A}/thumbnail").status_code == 200


class TestPyramids:
    def test_an_image_is_read_once_for_all_who_ask_and_dropped_beyond_the_memory(self, photos):
        import asyncio

        from promptseg.images import load_image
        from promptseg.studio_server.pyramid import pyramid_of
        from promptseg.studio_server.tiles import Pyramids

        read = []

        def load(path):
            read.append(path.name)
            return pyramid_of(load_image(path))

        async def ask():
            pyramids = Pyramids(load, max_bytes=10_000)  # An image has 7,200 bytes.
            await asyncio.gather(*(pyramids.tile(photos / "a.png", 0, 0, 0) for _ in range(8)))
            await pyramids.tile(photos / "b.png", 0, 0, 0)
            await pyramids.tile(photos / "b.png", 0, 0, 0)
            await pyramids.tile(photos / "a.png", 0, 0, 0)
            pyramids.close()

        asyncio.run(ask())
        assert read == ["a.png", "b.png", "a.png"]


class TestLabels:
    def test_they_are_replaced_as_a_whole_and_kept(self, client, project):
        labels = [{"name": "cat", "color": "#112233", "key": "2"}, {"name": "dog", "color": "#445566", "key": None}]
        assert client.put("/v1/studio/labels", json={"labels": labels}).json() == {"labels": labels}
        assert client.get("/v1/studio").json()["labels"] == labels
        assert json.loads((project.own / "labels.json").read_text()) == {"labels": labels}

    @pytest.mark.parametrize(
        "labels",
        [
            [{"name": "cat", "color": "red"}],
            [{"name": "", "color": "#112233"}],
            [{"name": "cat", "color": "#112233", "key": "10"}],
            [{"name": "cat", "color": "#112233"}] * 2,
            [{"name": n, "color": "#112233", "key": "1"} for n in "ab"],
            [{"name": "cat"}],
            "cat",
        ],
    )
    def test_others_are_refused(self, client, labels):
        before = client.get("/v1/studio").json()["labels"]
        assert client.put("/v1/studio/labels", json={"labels": labels}).status_code == 422
        assert client.get("/v1/studio").json()["labels"] == before

    def test_a_damaged_file_is_kept_aside(self, opened, tmp_path):
        with opened(labels=["cat"]) as project:
            path = project.own / "labels.json"
        path.write_text("{")
        with opened(labels=["dog"]) as project:
            assert [label.name for label in project.labels.all] == ["dog"]
        assert path.with_suffix(".damaged.json").read_text() == "{"


class TestHostile:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{" * 100_000,
            b'{"version": 0}',
            b'{"version": -1, "change": {}}',
            b'{"version": 1e400, "change": {}}',
            b'{"version": 0, "change": {"put": [{}]}}',
            b'{"version": 0, "change": {"remove": ["../x"]}}',
            b'{"version": 0, "change": {"state": "ready"}}',
            b'{"version": 0, "change": {"evil": 1}}',
            json.dumps({"version": 0, "change": {"put": [posted("x", size=(41, 60))]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", size=(10**9, 10**9))]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", counts="~" * 1000)]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", counts="0" * 100_000)]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", color="javascript:")]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", prompts=[{"evil": 1}])]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", attributes={"a": {"b": 1}})]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x", score=float("inf"))]}}).encode(),
            json.dumps({"version": 0, "change": {"put": [posted("x")] * 2}}).encode(),
        ],
    )
    def test_a_change_that_is_none_is_refused_and_nothing_changes(self, client, project, body):
        before = (project.out / "journal.jsonl").read_bytes()
        answer = client.post(CHANGES, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert "/promptseg/" not in answer.text
        assert (project.out / "journal.jsonl").read_bytes() == before
        assert opened(client)["document"] == {"version": 0, "state": "new", "objects": []}

    def test_text_that_is_markup_stays_text(self, client):
        label = '</script><img src=x onerror="alert(1)">\u2028'
        assert change(client, 0, put=[posted("x", label=label)]).status_code == 200
        assert opened(client)["document"]["objects"][0]["label"] == label

    def test_a_full_disk_is_told_and_the_earlier_version_stands(self, client, monkeypatch):
        change(client, 0, put=[posted("x")])

        def fsync(_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("promptseg.annotation.journal.os.fsync", fsync)
            answer = change(client, 1, put=[posted("y")])
        assert (answer.status_code, answer.headers["content-type"]) == (507, "application/problem+json")
        assert [each["uid"] for each in opened(client)["document"]["objects"]] == ["x"]
        assert change(client, 1, put=[posted("y")]).json()["version"] == 2

    def test_a_dropped_file_that_is_no_image_is_refused(self, client):
        assert client.post("/v1/studio/images?name=a.png", content=b"<svg/>").status_code == 422
        assert client.post("/v1/studio/images?name=", content=b"x").status_code == 422
        assert client.post("/v1/studio/images", content=b"x").status_code == 422


def test_a_dropped_image_is_in_the_list(client, photos):
    answer = client.post("/v1/studio/images?name=new.png", content=(photos / "a.png").read_bytes())
    assert (answer.status_code, answer.json()["name"]) == (201, "images/new.png")
    assert client.get("/v1/studio/images").json()["images"][-1] == answer.json()


def test_every_route_is_on_the_page_of_the_documentation(client):
    from pathlib import Path

    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "studio-api.md").read_text("utf-8")
    paths = client.get("/v1/openapi.json").json()["paths"]
    missing = [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        if path.startswith("/v1/studio")
        for method in methods
        if f"`{method.upper()} {path}" not in page
    ]
    assert missing == []
