"""The server under load, on loopback with mini-sam: latency of a click, throughput against the bare engine, memory, clients that vanish.

Every answer is compared with that of the Python call: masks and scores must be the same. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
from PIL import Image

from promptseg import Pipeline, Prompt
from promptseg.client.connection import content_of
from promptseg.runtime.host import processor_name

SIZE = (480, 640)
"""Height and width of the images."""


@dataclass
class Server:
    """A server in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    @property
    def descriptors(self) -> int:
        """Number of open files and connections."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def metric(self, name: str) -> float:
        """Return the value of a metric."""
        text = httpx2.get(f"{self.url}/metrics").text
        return float(re.search(rf"^promptseg_{name} (\S+)$", text, re.MULTILINE)[1])


@dataclass
class Answers:
    """What came back of many requests."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    differing: int = 0
    wall: float = 0.0

    def latency(self, share: float) -> float:
        """Return the time below which this share of the requests was answered, in milliseconds."""
        return float(np.quantile(self.seconds, share) * 1000)


Asked = tuple[int, tuple[float, float]]
"""Index of an image, and a point."""


@contextlib.contextmanager
def running(*options: str) -> Iterator[Server]:
    """Run ``promptseg serve`` until the end of the block."""
    command = [sys.executable, "-m", "promptseg", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        found = None
        while found is None:
            line = process.stderr.readline()
            if not line:
                raise SystemExit("the server has ended")
            found = re.search(r"http://\S+", line)
        reading = threading.Thread(target=process.stderr.read)  # A full pipe would hold the server up.
        reading.start()
        yield Server(found[0], process)
    finally:
        process.terminate()
        process.wait(60)
        reading.join(60)
        process.stderr.close()


def make_images(count: int, first: int = 0) -> list[bytes]:
    """Return images with shapes of random places and colors, as the content of PNG files."""
    contents = []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        pixels = np.full((*SIZE, 3), rng.integers(0, 256, 3), np.uint8)
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        for _ in range(12):
            y, x, tall, wide = rng.uniform((0, 0, 20, 20), (*SIZE, 100, 120))
            pixels[((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 < 1] = rng.integers(0, 256, 3)
        contents.append(content_of(Image.fromarray(pixels)))
    return contents


def make_prompts(count: int, images: int) -> list[Asked]:
    """Return points on images, all different."""
    rng = np.random.default_rng(1)
    return [
        (index % images, (round(float(x), 2), round(float(y), 2)))
        for index, (x, y) in enumerate(rng.uniform(0, (SIZE[1] - 1, SIZE[0] - 1), (count, 2)))
    ]


def direct(images: Sequence[bytes], asked: Sequence[Asked]) -> tuple[list[tuple[str, float]], float]:
    """Return the run lengths and score of each prompt from the bare engine, and its prompts a second."""
    pipeline = Pipeline().segment("mini-sam").build()
    opened = [pipeline.open(image) for image in images]
    opened[0](Prompt.point(1, 1))
    started, answers = time.perf_counter(), []
    for index, (x, y) in asked:
        (mask,) = opened[index](Prompt.point(x, y)).masks
        answers.append((mask.counts.decode(), mask.score))
    return answers, len(asked) / (time.perf_counter() - started)


def load(server: Server, images: Sequence[bytes], asked: Sequence[Asked], expected: Sequence[tuple[str, float]], clients: int) -> Answers:
    """Ask everything by so many clients at once, and compare. An answer 429 is asked again after its delay."""
    return asyncio.run(_load(server, images, asked, expected, clients))


async def _load(
    server: Server, images: Sequence[bytes], asked: Sequence[Asked], expected: Sequence[tuple[str, float]], clients: int
) -> Answers:
    answers, waiting = Answers(), iter(list(zip(asked, expected, strict=True)))
    async with httpx2.AsyncClient(base_url=server.url, timeout=300, limits=httpx2.Limits(max_connections=clients)) as http:
        sent = [(await http.post("/v1/images", content=image, headers=BINARY)).json()["id"] for image in images]
        for image in sent:
            await http.post(f"/v1/images/{image}/encode", json={})

        async def work() -> None:
            for (index, point), (counts, score) in waiting:
                body = {"image": {"id": sent[index]}, "prompts": [{"points": [point]}]}
                while True:
                    began = time.perf_counter()
                    answer = await http.post("/v1/segment", json=body)
                    answers.statuses[answer.status_code] += 1
                    if answer.status_code != 429:
                        break
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                answers.seconds.append(time.perf_counter() - began)
                if answer.status_code == 200:
                    (mask,) = answer.json()["masks"]
                    answers.differing += (mask["segmentation"]["counts"], mask["score"]) != (counts, score)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        answers.wall = time.perf_counter() - started
    return answers


def vanish(server: Server, image: str, clients: int, together: int = 50) -> None:
    """Send a request by each of so many clients, some at a time, and leave before the answer."""
    host, port = server.url.removeprefix("http://").split(":")
    for first in range(0, clients, together):
        with contextlib.ExitStack() as stack:
            for number in range(first, min(first + together, clients)):
                body = json.dumps({"image": {"id": image}, "prompts": [{"points": [[number % SIZE[1], 10]]}]}).encode()
                connection = stack.enter_context(socket.create_connection((host, int(port)), 10))
                lines = (f"Host: {host}:{port}", "Content-Type: application/json", f"Content-Length: {len(body)}")
                connection.sendall("\r\n".join(("POST /v1/segment HTTP/1.1", *lines, "", "")).encode() + body)
            time.sleep(0.02)


def settle(server: Server, seconds: float = 60.0) -> None:
    """Wait until the server has nothing to do."""
    until = time.monotonic() + seconds
    while (server.metric("waiting") or server.metric("working")) and time.monotonic() < until:
        time.sleep(0.2)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=10_000, help="number of prompts under load")
    arguments.add_argument("--clients", type=int, default=32)
    arguments.add_argument("--images", type=int, default=8)
    arguments.add_argument("--clicks", type=int, default=300, help="number of clicks of one client")
    arguments.add_argument("--vanishing", type=int, default=500, help="number of clients that leave before the answer")
    arguments.add_argument("--opened", type=int, default=200, help="number of further images that are opened, to see the memory")
    arguments.add_argument("--json", help="also write the figures to this file")
    options = arguments.parse_args()
    report(measure(options), options.json)


def report(figures: dict[str, object], path: str | None) -> None:
    """Print figures with the processor, and write them to a file if there is a path."""
    print(f"{processor_name()}, {os.cpu_count()} cores")
    for name, value in figures.items():
        print(f"{name}: {value}")
    if path:
        Path(path).write_text(json.dumps(figures, indent=1))


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Return the figures by name."""
    images, asked = make_images(options.images), make_prompts(options.prompts, options.images)
    expected, bare = direct(images, asked)
    with running() as server:
        figures: dict[str, object] = {"bare engine, prompts a second": round(bare, 2)}
        one = load(server, images, asked[: options.clicks], expected[: options.clicks], 1)
        figures["a click on a known image, p50 and p95 in ms"] = [round(one.latency(0.5), 1), round(one.latency(0.95), 1)]
        figures["the engine's part of it in ms"] = round(1000 / bare, 1)
        memory = [server.memory]
        many, part = Answers(), max(1, len(asked) // 4)
        for first in range(0, len(asked), part):
            some = load(server, images, asked[first : first + part], expected[first : first + part], options.clients)
            many.seconds += some.seconds
            many.statuses += some.statuses
            many.differing += some.differing
            many.wall += some.wall
            memory.append(server.memory)
        figures[f"{options.clients} clients on {options.images} images, prompts a second"] = round(len(asked) / many.wall, 2)
        figures["throughput, ratio to the bare engine"] = round(len(asked) / many.wall / bare, 3)
        figures["their latency, p50 and p95 in ms"] = [round(many.latency(0.5)), round(many.latency(0.95))]
        figures["answers by status"] = dict(many.statuses)
        figures["answers that differ from the Python call"] = one.differing + many.differing
        figures["memory before, and after each quarter, in MiB"] = [round(each) for each in memory]
        figures["memory after each quarter of the further images, in MiB"] = [round(each) for each in _open_more(server, options.opened)]
        figures |= _vanished(server, images[0], options.vanishing)
    return figures


def _open_more(server: Server, count: int) -> list[float]:
    """Open further images, and return the memory after each quarter."""
    memory = []
    with httpx2.Client(base_url=server.url, timeout=300) as http:
        for number, image in enumerate(make_images(count, first=1000), start=1):
            sent = http.post("/v1/images", content=image, headers=BINARY).json()["id"]
            http.post("/v1/segment", json={"image": {"id": sent}, "prompts": [{"points": [[10, 10]]}]}).raise_for_status()
            if number % max(1, count // 4) == 0:
                memory.append(server.memory)
    return memory


def _vanished(server: Server, image: bytes, clients: int) -> dict[str, object]:
    sent = httpx2.post(f"{server.url}/v1/images", content=image, headers=BINARY).json()["id"]
    httpx2.post(f"{server.url}/v1/segment", json={"image": {"id": sent}, "prompts": [{"points": [[10, 10]]}]}).raise_for_status()
    before, answered = server.descriptors, server.metric("answered")
    vanish(server, sent, clients)
    settle(server)
    time.sleep(1)
    return {
        f"after {clients} clients that vanished: requests that wait, jobs": [int(server.metric("waiting")), int(server.metric("working"))],
        "their requests that were decoded all the same": int(server.metric("answered") - answered),
        "open files and connections, before and after": [before, server.descriptors],
    }


BINARY = {"Content-Type": "application/octet-stream"}


if __name__ == "__main__":
    main()
