"""Forms: what becomes of one that cannot be read or kept."""

from __future__ import annotations

import errno
import tempfile

import pytest

httpx = pytest.importorskip("httpx2")


@pytest.mark.parametrize("path", ["/v1/images", "/sam/upload/"])
def test_a_form_that_the_disk_has_no_room_for_is_told_as_such(running_server, monkeypatch, path):
    """Starlette keeps files of more than a megabyte on the disk."""

    class Full(tempfile.SpooledTemporaryFile):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device", "/tmp/secret")

    monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", Full)
    answer = httpx.post(running_server.url + path, files={"file": ("a.png", bytes(9))}, data={"dirname": "a"})
    assert (answer.status_code, answer.json()["detail"]) == (507, "the file cannot be kept: No space left on device")


@pytest.mark.parametrize("path", ["/v1/images", "/sam/upload/"])
def test_a_form_that_cannot_be_read_is_told(running_server, path):
    answer = httpx.post(running_server.url + path, content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "the form cannot be read: Missing boundary in multipart.")
