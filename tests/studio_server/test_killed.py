"""A studio that is killed while pages send changes: nothing that was accepted is lost, and nothing is there twice."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from promptseg.studio_server.access import read_secret
from promptseg.studio_server.image_list import key_of

from .conftest import counts, posted

requests = pytest.importorskip("requests")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

SERVER = Path(__file__).with_name("killed_server.py")
TIMES = 5


class Page:
    """A page of an image, which sends one change after another, and sends what was not accepted again to the next server.

    Attributes:
        accepted: Uids that the server has accepted.
    """

    def __init__(self, name):
        self.key, self.version, self.number, self.accepted = key_of(name), 0, 0, []

    def send_until_it_ends(self, server, enough):
        with contextlib.suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            while True:
                uid = f"o{self.number}"
                change = {"put": [posted(uid, label=f"label {self.number}", counts=counts(self.number % 50))]}
                answer = server.post(f"/v1/studio/images/{self.key}/changes", {"version": self.version, "change": change})
                assert answer.status_code == 200, answer.text
                self.version = answer.json()["version"]
                self.accepted.append(uid)
                self.number += 1
                enough.release()


class Server:
    """A studio in a process."""

    def __init__(self, photos, dataset):
        command = [sys.executable, SERVER, photos, dataset, "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self._headers = {"Authorization": f"Bearer {read_secret(dataset / '.studio')}"}

    def post(self, path, body):
        return requests.post(self._url + path, json=body, headers=self._headers, timeout=60)

    def get(self, path):
        return requests.get(self._url + path, headers=self._headers, timeout=60).json()

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()


def test_nothing_accepted_is_lost_and_nothing_is_there_twice(photos, tmp_path):
    pages = [Page("a.png"), Page("b.png")]
    for _ in range(TIMES):
        server, enough = Server(photos, tmp_path / "dataset"), threading.Semaphore(0)
        sending = [threading.Thread(target=page.send_until_it_ends, args=(server, enough)) for page in pages]
        try:
            for thread in sending:
                thread.start()
            for _ in range(12):
                assert enough.acquire(timeout=60)
        finally:
            server.kill()  # Somewhere in the middle of the next change.
            for thread in sending:
                thread.join(60)
        assert not any(thread.is_alive() for thread in sending)
    server = Server(photos, tmp_path / "dataset")
    try:
        for page in pages:
            found = [each["uid"] for each in server.get(f"/v1/studio/images/{page.key}")["document"]["objects"]]
            assert found[: len(page.accepted)] == page.accepted
            assert found[len(page.accepted) :] in ([], [f"o{page.number}"]), "at most the change that was under way"
            assert len(found) >= 12
    finally:
        server.kill()
