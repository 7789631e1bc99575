"""A person-like session in the studio: a simulated person annotates images by clicks, judged by the truth, against boxes alone.

The person sees the true outline. The first click is in the middle of an object, each further one in the middle of the largest error,
until the mask looks right or the person gives up and takes the best one so far. Among the masks that the model proposes, the person takes
the one that looks best, which costs a key for each that is passed over. As the page does, each click sends the mask before as well. All
goes through the studio's own API: open the image, segment, accept the object. At the end the accepted masks are read from the dataset
folder. Seconds are those of the machine: what a person needs to look and to move the hand comes on top.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
from common import parser

from promptseg import Mask
from promptseg._boxes import filled_box
from promptseg.datasets.core import AnnotatedImage
from promptseg.datasets.reading import open_dataset
from promptseg.evaluation.simulation import Click, next_click
from promptseg.postprocess import innermost_point
from promptseg.runtime.host import processor_name
from promptseg.studio_server.access import Running, read_secret
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.project import OWN_FOLDER, open_project

RIGHT = 0.85
"""IoU from which a mask looks right to the person."""

MOST_ACTIONS = 6
"""Clicks, boxes and keys after which the person gives up."""

CLICKS, BOX, BOX_AND_CLICKS, FILLED = "clicks", "a box as the prompt", "a box, then clicks", "a drawn box, filled"


class Annotated(NamedTuple):
    """An object as the person leaves it: the number of clicks, boxes and keys, the mask, and what it was prompted by."""

    actions: int
    mask: Mask
    prompt: dict[str, Any]


@dataclass
class Way:
    """What one way of annotating has cost, and what came of it: clicks, boxes and keys, seconds and IoU of each object."""

    actions: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        right = sum(iou >= RIGHT for iou in self.ious) / len(self.ious)
        seconds = f"{statistics.mean(self.seconds):7.3f} | {statistics.median(self.seconds):7.3f}"
        return f"{statistics.mean(self.actions):7.2f} | {seconds} | {statistics.mean(self.ious):8.3f} | {right:6.1%}"


class Page:
    """What the page does over HTTP."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def open(self, key: str) -> dict[str, Any]:
        """Open an image, and encode it as the page does before the first click."""
        opened = self.client.get(f"/v1/studio/images/{key}").raise_for_status().json()
        self.client.post(f"/v1/images/{opened['image']}/encode", json={}).raise_for_status()
        return opened

    def segment(self, image: str, size: tuple[int, int], prompt: dict[str, Any]) -> list[Mask]:
        """Return the masks that the model proposes for a prompt, in the order in which the page shows them."""
        body = {"image": {"id": image}, "prompts": [prompt], "candidates": True}
        found = self.client.post("/v1/segment", json=body).raise_for_status().json()["masks"]
        masks = [Mask(size, each["segmentation"]["counts"].encode(), each["score"]) for each in found if each["area"]]
        return sorted(masks, key=lambda mask: -(mask.score or 0.0)) or [Mask.from_array(np.zeros(size, bool))]

    def change(self, key: str, version: int, change: dict[str, Any]) -> int:
        """Change the objects of an image, and return their version after it."""
        answer = self.client.post(f"/v1/studio/images/{key}/changes", json={"version": version, "change": change})
        return answer.raise_for_status().json()["version"]


def by_clicks(ask: Callable[[dict[str, Any]], list[Mask]], truth: Mask, *, with_box: bool) -> Annotated:
    """Click, and perhaps draw a box first, until the mask looks right."""
    clicks = [] if with_box else [Click(*innermost_point(truth), foreground=True)]
    box = truth.box.tolist() if with_box else None
    earlier: Mask | None = None
    best, best_iou, actions = Annotated(0, truth, {}), -1.0, 0
    while True:
        prompt = _prompt(clicks, box, earlier)
        masks = ask(prompt)
        actions += 1
        ious = [mask.iou(truth) for mask in masks[: MOST_ACTIONS - actions + 1]]
        index = int(np.argmax(ious))
        actions += index
        if ious[index] > best_iou:
            best, best_iou = Annotated(0, masks[index], prompt), ious[index]
        click = None if ious[index] >= RIGHT or actions >= MOST_ACTIONS else next_click(masks[index], truth, clicks)
        if click is None:
            return best._replace(actions=actions)
        clicks.append(click)
        earlier = masks[index]


def _prompt(clicks: list[Click], box: list[float] | None, earlier: Mask | None = None) -> dict[str, Any]:
    prompt: dict[str, Any] = {}
    if clicks:
        prompt |= {"points": [[each.x, each.y] for each in clicks], "foreground": [each.foreground for each in clicks]}
    if box is not None:
        prompt["box"] = box
    if earlier is not None and earlier.area:
        prompt["mask"] = earlier.to_coco_rle()
    return prompt


def annotate(page: Page, image: AnnotatedImage, ways: dict[str, Way], opening: list[float]) -> list[Mask]:
    """Annotate an image in each way, keep in the studio what clicks made, and return that."""
    key, started = key_of(image.name), time.perf_counter()
    opened = page.open(key)
    opening.append(time.perf_counter() - started)
    version, kept = opened["document"]["version"], []
    ask = partial(page.segment, opened["image"], image.size)
    for number, each in enumerate(image.objects):
        truth = each.mask
        for way, make in (
            (CLICKS, partial(by_clicks, ask, truth, with_box=False)),
            (BOX, partial(_by_box, ask, truth)),
            (BOX_AND_CLICKS, partial(by_clicks, ask, truth, with_box=True)),
            (FILLED, partial(_filled, truth)),
        ):
            begun = time.perf_counter()
            made = make()
            if way == CLICKS:
                prompts = {"source": "model", "prompts": [made.prompt]}
                thing = {
                    "uid": f"object-{number}",
                    "label": each.label,
                    "mask": made.mask.to_coco_rle(),
                    "score": made.mask.score,
                    **prompts,
                }
                version = page.change(key, version, {"put": [thing]})
                kept.append(made.mask)
            ways[way].seconds.append(time.perf_counter() - begun)
            ways[way].actions.append(made.actions)
            ways[way].ious.append(made.mask.iou(truth))
    page.change(key, version, {"state": "done"})
    return kept


def _by_box(ask: Callable[[dict[str, Any]], list[Mask]], truth: Mask) -> Annotated:
    prompt = _prompt([], truth.box.tolist())
    return Annotated(1, ask(prompt)[0], prompt)


def _filled(truth: Mask) -> Annotated:
    return Annotated(1, filled_box(truth.box, truth.size), {})


@contextmanager
def studio(folder: Path, out: Path) -> Iterator[Page]:
    """Run the studio in a process of its own."""
    words = [sys.executable, "-m", "promptseg", "studio", str(folder), "--out", str(out), "--port", "0", "--no-browser"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        while (running := Running.read(out / OWN_FOLDER)) is None:
            if process.poll() is not None:
                raise SystemExit("the studio has ended")
            time.sleep(0.1)
        headers = {"Authorization": f"Bearer {read_secret(out / OWN_FOLDER)}"}
        with httpx2.Client(base_url=running.address, headers=headers, timeout=120) as client:
            while not _is_ready(client):
                time.sleep(0.1)
            yield Page(client)
    finally:
        process.terminate()
        process.wait(60)


def _is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/ready").status_code == 200
    except httpx2.TransportError:
        return False


def main() -> None:
    """Annotate the images, and print a table."""
    arguments = parser(__doc__)
    arguments.add_argument("--images", type=int, default=20, help="number of images")
    options = arguments.parse_args()
    data = options.shared / "data" / "coco_person"
    dataset = open_dataset(data / "val2017", coco=data / "annotations" / "person_keypoints_val2017.json")
    images = [image for image in dataset.usable([]) if image.objects][: options.images]
    ways = {way: Way() for way in (CLICKS, BOX, BOX_AND_CLICKS, FILLED)}
    opening: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        with studio(data / "val2017", out) as page:
            page.open(key_of(images[0].name))  # The first image of a process takes longer.
            kept = {image.name: annotate(page, image, ways, opening) for image in images}
        with open_project(data / "val2017", out) as project:
            found = {image.name: [each.mask for each in image.objects] for image in project.annotated(["done"])}
    same = sum([mask.counts for mask in found.get(name, ())] == [mask.counts for mask in masks] for name, masks in kept.items())
    print(f"{processor_name()}; {len(images)} images, {sum(map(len, kept.values()))} objects")
    print(f"an image is open and encoded in {statistics.median(opening):.2f} s")
    print(f"in the dataset folder afterwards: the accepted masks of {same} of {len(kept)} images")
    print(f"a mask looks right from an IoU of {RIGHT}; at most {MOST_ACTIONS} clicks, boxes and keys")
    print(f"{'':20} | actions | seconds |  median | mean IoU | right")
    for way, figures in ways.items():
        print(f"{way:20} | {figures}")


if __name__ == "__main__":
    main()
