"""How fast the page of the studio is, in a real browser without a GPU: ready, click, preview, next image, and panning over many masks.

Times are those of the page's own clock, from what a person does to the frame that shows the answer. The server and the browser share the
machine.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from common import THREADS, parser
from PIL import Image
from studio_annotator import studio

import promptseg
from promptseg import Mask
from promptseg.runtime.host import processor_name

SAMPLE = Path(promptseg.__file__).parent / "data" / "coffee.jpg"
LARGE = (3000, 4000)
"""Height and width of the image with many masks: 12 megapixels."""

FEW, MANY = 500, 2000
CLICKS = 40
ROUNDS = 5
SECONDS = 60

FRAME = "() => new Promise(requestAnimationFrame)"
CLICK = """async ([x, y]) => {
  const stage = document.querySelector("[data-testid=stage]"), draft = document.querySelector("[data-testid=draft]");
  const accept = document.querySelector("[data-testid=accept]"), box = stage.getBoundingClientRect();
  const at = {clientX: box.left + x, clientY: box.top + y}, what = {...at, pointerId: 1, pointerType: "mouse", bubbles: true};
  stage.setPointerCapture = () => undefined;  // There is no such pointer.
  const started = performance.now();
  stage.dispatchEvent(new PointerEvent("pointerdown", what));
  stage.dispatchEvent(new PointerEvent("pointerup", what));
  const waits = () => draft.textContent.includes("moment") || accept.disabled || accept.offsetParent === null;
  do { await new Promise(requestAnimationFrame); } while (waits());
  await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""
PAN = """async ([scale, speed]) => {
  const {stage} = window.promptsegStudio, {viewport} = stage, times = [];
  viewport.zoomTo(scale);
  viewport.centerOn([viewport.image.width / 2, viewport.image.height / 2]);
  await new Promise((done) => setTimeout(done, 150));
  const zoomed = performance.now();
  while (!stage.settled) await new Promise(requestAnimationFrame);
  const painted = performance.now() - zoomed;
  let last = await new Promise(requestAnimationFrame), [x, y, right, down] = [0, 0, 1, 1];
  for (let frame = 0; frame < 300; frame++) {
    viewport.panBy(right * speed, down * speed * 0.6);
    [x, y] = [x + right * speed, y + down * speed * 0.6];
    if (Math.abs(x) > 700) right = -Math.sign(x);
    if (Math.abs(y) > 500) down = -Math.sign(y);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return {painted, times};
}"""


PAUSE = 1500
"""Milliseconds that a person looks at an image at least."""

SHOWN = """key => {
    window.shown = new Promise((done) => {
        const pressed = (event) => {
            const look = () => {
                const { state, stage } = window.promptsegStudio;
                if (state.open?.key === key && stage.settled) done(performance.now() - event.timeStamp);
                else requestAnimationFrame(look);
            };
            look();
        };
        document.addEventListener("pointerdown", pressed, { capture: true, once: true });
    });
}"""
"""What tells, in the page itself, how long after the next press of a button an image is painted."""


class Browser:
    """The page in a browser, driven as a person does it.

    Attributes:
        page: Playwright's page.
    """

    def __init__(self, page: Any, client: httpx2.Client) -> None:
        self.page, self._client = page, client

    def open(self) -> float:
        """Open the page anew; returns the seconds until its image is shown."""
        address = self._client.post("/v1/studio/addresses").raise_for_status().json()["address"]
        started = time.perf_counter()
        self.page.goto(f"{str(self._client.base_url).rstrip('/')}{address}")
        self.wait("window.promptsegStudio?.state.open && window.promptsegStudio.stage.settled")
        return time.perf_counter() - started

    def show(self, name: str, pause: int = 0) -> float:
        """Show another image by its thumbnail; returns the milliseconds from the press of the button until it is painted.

        Args:
            name: Name of the image.
            pause: Milliseconds before, in which the page may make the image ready.
        """
        self.page.wait_for_timeout(pause)
        key = next(each["key"] for each in self.state["images"] if each["name"] == name)
        self.page.evaluate(SHOWN, key)
        self.page.get_by_text(Path(name).stem, exact=True).first.click()
        return float(self.page.evaluate("window.shown"))

    @property
    def state(self) -> dict[str, Any]:
        return self.page.evaluate("JSON.parse(JSON.stringify(window.promptsegStudio.state))")

    def wait(self, expression: str) -> None:
        """Wait until an expression of the page is true."""
        end = time.monotonic() + SECONDS
        while not self.page.evaluate(f"() => Boolean({expression})"):
            if time.monotonic() > end:
                raise SystemExit(f"{expression} did not become true")
            self.page.evaluate(FRAME)


@contextmanager
def browser(client: httpx2.Client) -> Iterator[Browser]:
    """A Chromium without a window and without a GPU."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, headless=True, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1000 * SECONDS)
        yield Browser(page, client)
        chromium.close()


def many_objects(count: int, size: tuple[int, int], seed: int = 0) -> list[dict[str, Any]]:
    """Make objects with wavy outlines all over an image, from 1 % to 6 % of its width across."""
    random = np.random.default_rng(seed)
    height, width = size
    objects = []
    for number in range(count):
        radius = random.uniform(0.005, 0.03) * width
        x, y = random.uniform(radius, width - radius), random.uniform(radius, height - radius)
        reach = int(1.4 * radius) + 2
        down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        angle = np.arctan2(down, across)
        waves = sum(random.uniform(0, 0.1) * np.sin(k * angle + random.uniform(0, 6.3)) for k in range(2, 7))
        crop = np.hypot(down, across) < radius * (1 + waves)
        top, left = int(y) - reach, int(x) - reach
        inside = crop[max(0, -top) : height - top, max(0, -left) : width - left]
        mask = Mask.from_crop(inside, (max(0, left), max(0, top)), size)
        objects.append(
            {"uid": f"object-{number}", "label": f"label {number % 7}", "mask": mask.to_coco_rle(), "score": 0.9, "source": "model"}
        )
    return objects


def make_images(folder: Path) -> None:
    """Write small images to click on, and two of 12 megapixels."""
    with Image.open(SAMPLE) as sample:
        for number in range(4):
            sample.rotate(2 * number).save(folder / f"small{number}.jpg", quality=95)
        large = sample.resize(LARGE[::-1], Image.Resampling.BICUBIC)
    for count in (FEW, MANY):
        large.save(folder / f"with{count}.jpg", quality=90)


def told(milliseconds: list[float]) -> str:
    """Return the median and the 95th percentile."""
    return f"p50 {statistics.median(milliseconds):6.0f} ms, p95 {np.percentile(milliseconds, 95):6.0f} ms"


def measure_clicks(page: Browser) -> None:
    page.show("small0.jpg")
    box = page.page.get_by_test_id("stage").bounding_box()
    random = np.random.default_rng(0)
    times = []
    for _ in range(CLICKS + 1):
        at = [random.uniform(0.2, 0.8) * box["width"], random.uniform(0.2, 0.8) * box["height"]]
        times.append(page.page.evaluate(CLICK, at))
        page.page.keyboard.press("Escape")
    print(f"click to mask drawn          {told(times[1:])}")  # The first one waits until the image is encoded.


def measure_previews(page: Browser, seconds: float = 5) -> None:
    box = page.page.get_by_test_id("stage").bounding_box()
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.page.evaluate("performance.clearResourceTimings()")
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        page.page.mouse.move(box["x"] + 200 + 60 * passed, box["y"] + 250 + 40 * np.sin(2 * passed))
        page.page.evaluate(FRAME)
    finished = (
        "performance.getEntriesByType('resource').filter(each => each.name.endsWith('/v1/segment') && each.responseStatus === 200).length"
    )
    print(f"previews while one moves     {page.page.evaluate(finished) / seconds:6.1f} a second")


def measure_panning(page: Browser, name: str) -> None:
    page.show(name)
    fit = page.page.evaluate("window.promptsegStudio.stage.viewport.fitScale")
    for factor in (2, 4):
        for speed in (8, 20):
            measured = page.page.evaluate(PAN, [factor * fit, speed])
            times = measured["times"]
            late = sum(each > 20 for each in times)
            rate = 1000 * len(times) / sum(times)
            told_late = f"{late} of {len(times)} late, slowest {max(times):.0f} ms; painted in {measured['painted']:.0f} ms"
            print(f"{name}, {factor} x fit, {60 * speed} px/s: {rate:5.1f} frames a second, {told_late}")


def main() -> None:
    """Measure, and print."""
    parser(__doc__).parse_args()
    print(f"{processor_name()}, {THREADS} processors")
    with tempfile.TemporaryDirectory() as folder:
        images, out = Path(folder) / "images", Path(folder) / "out"
        images.mkdir()
        make_images(images)
        with studio(images, out) as server, browser(server.client) as page:
            for each in server.client.get("/v1/studio/images").json()["images"]:
                if each["name"].startswith("with"):
                    count = int(Path(each["name"]).stem.removeprefix("with"))
                    server.change(each["key"], 0, {"put": many_objects(count, LARGE)})
            page.open()
            page.page.get_by_test_id("stage").click()
            ready = [1000 * page.open() for _ in range(ROUNDS)]
            print(f"page ready                   {told(ready)}")
            measure_clicks(page)
            measure_previews(page)
            following = [page.show(f"small{number % 4}.jpg") for number in range(1, 13)]
            print(f"one image after another      {told(following)}")
            print(f"the next image, made ready   {told([page.show(f'small{number % 4}.jpg', PAUSE) for number in range(1, 13)])}")
            for count in (FEW, MANY):
                measure_panning(page, f"with{count}.jpg")


if __name__ == "__main__":
    main()
