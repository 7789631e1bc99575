"""A server that is killed in the middle of a job, or told to stop: no dataset is half, and what was accepted is answered."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg import Prompt
from promptseg.client import Client, ClientError

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

IMAGES = 4


@pytest.fixture
def start(tmp_path):
    """Function that starts ``promptseg serve`` in a process, and returns it with its address."""
    processes = []

    def start_server(*options):
        log = tmp_path / f"{len(processes)}.log"
        with log.open("w") as file:
            process = subprocess.Popen([sys.executable, "-m", "promptseg", "serve", "--port", "0", *options], stderr=file)
        processes.append(process)
        while (found := re.search(r"http://\S+", log.read_text())) is None:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        return process, found[0]

    yield start_server
    for process in processes:
        process.kill()
        process.wait(60)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(IMAGES):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{number}.png")
    return tmp_path


def test_an_annotation_that_was_killed_is_resumed_to_the_same_dataset(start, folder):
    for name in ("whole", "killed"):
        (folder / name).mkdir()
    options = ("--allow", str(folder), "--allow-out", str(folder))
    process, url = start(*options)
    with Client(url) as client:  # It has encoded no image before: with embeddings, the job would be done before the kill.
        job = client.annotate("images", Prompt.point(30, 20), out="killed/run")
        for state in client.watch(job):
            if state.progress is not None and state.progress.done >= 1:
                process.send_signal(signal.SIGKILL)
                break
    process.wait(60)
    assert not (folder / "killed/run/coco.json").exists()
    _, url = start(*options)
    with Client(url) as client:
        with pytest.raises(ClientError, match="no job"):
            client.job(job)
        for name in ("killed", "whole"):
            assert client.summary(client.annotate("images", Prompt.point(30, 20), out=f"{name}/run"))["images"] == IMAGES
    whole, killed = (json.loads((folder / name / "run/coco.json").read_text()) for name in ("whole", "killed"))
    assert whole == killed
    assert len(whole["annotations"]) == IMAGES


def test_a_server_that_is_told_to_stop_answers_what_it_has_accepted(start, sample_bytes):
    process, url = start()
    with Client(url) as client:
        image = client.open(sample_bytes)
        client.segment(image, Prompt.point(300, 200))
        answers, failures, first = [], [], threading.Event()

        def ask(x):
            try:
                answers.append(client.segment(image, Prompt.point(x, 200)))
                first.set()
            except ClientError as error:
                failures.append(error)

        threads = [threading.Thread(target=ask, args=(100 + 20 * n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        assert first.wait(60)
        os.kill(process.pid, signal.SIGTERM)
        for thread in threads:
            thread.join(60)
    assert process.wait(60) == 0
    assert not list((Path(os.environ["PROMPTSEG_HOME"]) / "serve").glob("*/*"))  # Uploaded images are removed.
    assert len(answers) + len(failures) == 10
    assert all(error.status in (0, 503) for error in failures)  # Refused clearly, or not accepted any more.
    assert answers
