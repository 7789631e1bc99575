"""The server on Ray under load, on loopback with mini-sam and two replicas, of which one is killed.

Every answer is compared with that of the Python call: masks and scores must be the same. The processor time of the front is its share of a
request: parsing, limits, the way to a replica, and JSON. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from serving import BINARY, Asked, Server, direct, make_images, make_prompts, report, running


@dataclass
class Load:
    """What came back of a load, and when."""

    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    differing: int = 0
    wall: float = 0.0
    front: float = 0.0

    def latency(self, share: float, since: float = 0.0) -> float:
        """Return the time in ms below which this share of the requests that ended after a moment was answered."""
        times = sorted(end - begin for begin, end in zip(self.began, self.ended, strict=True) if end >= since)
        return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


def replicas(server: Server) -> list[int]:
    """Return the processes of the replicas of a server, by their titles."""
    port = server.url.rpartition(":")[2]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::ServeReplica") and f"-{port}:".encode() in title:
                found.append(int(folder.name))
    return found


def processor_time(process: int) -> float:
    """Return the processor time of a process in seconds."""
    values = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


async def load(
    server: Server, images: Sequence[bytes], asked: Sequence[Asked], expected: Sequence[tuple[str, float]], clients: int, kill_at: int = -1
) -> tuple[Load, float]:
    """Ask everything by so many clients at once, kill a replica before the request of an index, and return when that was."""
    done, killed, waiting = Load(), 0.0, iter(list(enumerate(zip(asked, expected, strict=True))))
    async with httpx2.AsyncClient(base_url=server.url, timeout=120, limits=httpx2.Limits(max_connections=clients)) as http:
        sent = [(await http.post("/v1/images", content=image, headers=BINARY)).json()["id"] for image in images]
        for image in sent:
            (await http.post(f"/v1/images/{image}/encode", json={})).raise_for_status()

        async def work() -> None:
            nonlocal killed
            for number, ((index, point), (counts, score)) in waiting:
                if number == kill_at:
                    os.kill(replicas(server)[0], signal.SIGKILL)
                    killed = time.perf_counter()
                body = {"image": {"id": sent[index]}, "prompts": [{"points": [point]}]}
                began = time.perf_counter()
                try:
                    while (answer := await http.post("/v1/segment", json=body)).status_code == 429:
                        done.statuses[429] += 1
                        await asyncio.sleep(float(answer.headers["retry-after"]))
                except httpx2.HTTPError:
                    done.lost += 1
                    continue
                done.began.append(began)
                done.ended.append(time.perf_counter())
                done.statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    (mask,) = answer.json()["masks"]
                    done.differing += (mask["segmentation"]["counts"], mask["score"]) != (counts, score)

        before, started = processor_time(server.process.pid), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        done.wall, done.front = time.perf_counter() - started, processor_time(server.process.pid) - before
    return done, killed


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Return the figures by name."""
    images, asked = make_images(options.images), make_prompts(options.prompts, options.images)
    expected, bare = direct(images, asked)
    with running("--executor", "ray", "--replicas", "2") as server:
        calm, _ = asyncio.run(load(server, images, asked, expected, options.clients))
        old = set(replicas(server))
        hit, killed = asyncio.run(load(server, images, asked, expected, options.clients, len(asked) // 3))
        while len(replicas(server)) < 2:
            time.sleep(0.1)
        (new,) = set(replicas(server)) - old
        back = time.perf_counter() - killed
        return {
            "bare engine in one process, prompts a second": round(bare, 1),
            "two replicas, prompts a second": round(len(asked) / calm.wall, 1),
            "latency, p50 and p95 in ms": [round(calm.latency(0.5)), round(calm.latency(0.95))],
            "processor time of the front for a request in ms": round(1000 * calm.front / len(asked), 2),
            "answers by status": dict(calm.statuses),
            "with one replica killed: answers by status": dict(hit.statuses),
            "requests without an answer": calm.lost + hit.lost,
            "answers that differ from the Python call": calm.differing + hit.differing,
            "latency after the kill, p50, p95 and longest in ms": [round(hit.latency(share, killed)) for share in (0.5, 0.95, 1)],
            "seconds until a new process was started": round(back, 1) if new else None,
        }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=3000, help="number of prompts of each of the two loads")
    arguments.add_argument("--clients", type=int, default=32)
    arguments.add_argument("--images", type=int, default=8)
    arguments.add_argument("--json", help="also write the figures to this file")
    options = arguments.parse_args()
    report(measure(options), options.json)


if __name__ == "__main__":
    main()
