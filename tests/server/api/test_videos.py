"""Routes of videos beside those that the client tests."""

from __future__ import annotations

import pytest

httpx = pytest.importorskip("httpx2")


@pytest.fixture
def video(running_server, write_video, tmp_path):
    pytest.importorskip("av")
    path = tmp_path / "clip.mp4"
    write_video(path, 3, size=(64, 48))
    with httpx.Client(base_url=running_server.url, timeout=60) as client:
        opened = client.post("/v1/videos", content=path.read_bytes(), headers={"Content-Type": "video/mp4"}).json()
        yield client, opened["id"]
        client.delete(f"/v1/videos/{opened['id']}")


def test_a_video_without_an_object_is_not_tracked(video):
    client, name = video
    answer = client.post(f"/v1/videos/{name}/propagate", json={})
    assert answer.status_code == 409
    assert "prompt one" in answer.json()["detail"]


def test_a_frame_is_shown_as_a_png_and_one_beyond_the_end_is_told(video):
    client, name = video
    answer = client.get(f"/v1/videos/{name}/frames/2")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert client.get(f"/v1/videos/{name}/frames/99").status_code in (404, 422)


def test_an_empty_body_and_another_kind_are_refused(video):
    client, _ = video
    assert client.post("/v1/videos", content=b"", headers={"Content-Type": "video/mp4"}).status_code == 400
    assert client.post("/v1/videos", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.post("/v1/videos", content=b"no video", headers={"Content-Type": "video/mp4"}).status_code == 422
