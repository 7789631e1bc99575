"""Kills the server and the browser of `promptseg studio` in the middle of changes, and counts what is lost and what is there twice.

A script works in the real page as a person does: it clicks, paints, erases, names, deletes, takes back and goes to the next image. Every
few changes either the server or the browser is killed without warning, and started again with the same port, folder and profile. Where the
server dies, the page stays open, works on, and sends when the server is back. Where the browser dies, the server runs, hangs or is dead at
that moment, and the next page sends what is unsent from the browser's storage.

After each kill the server must have what the page had shown, and at the end so must the dataset folder, read without a server. Models do
not matter here: the segmenter is SLIC superpixels, which needs no weights.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from common import parser
from playwright.sync_api import Error

import promptseg
from promptseg.studio_server.access import read_secret
from promptseg.studio_server.project import OWN_FOLDER, open_project

SAMPLE = Path(promptseg.__file__).parent / "data" / "coffee.jpg"
IMAGES = 2
SECONDS = 90
"""Time after which the page or the server is not waited for any longer."""

ATTEMPTS = 3
"""How often a browser is started that does not answer."""

CHANGES = 3
"""Changes before each kill."""

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

SHOWN = """async () => {
  await new Promise(requestAnimationFrame);
  const {save, key, objects} = window.promptsegStudio.state;
  return {save, key, objects: objects.map(({uid, label, mask}) => [uid, label, mask.counts])};
}"""

Object = tuple[str, str | None, str]
"""An object, to be compared: its uid, its label, and the run lengths of its mask."""


class Server:
    """A studio in a process of its own, always on the same port and folder."""

    def __init__(self, photos: Path, out: Path) -> None:
        self._photos, self._out = photos, out
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self.start()

    def start(self) -> None:
        """Start it, and wait until its models are ready."""
        words = [sys.executable, "-m", "promptseg", "studio", self._photos, "--out", self._out, "--port", self._port, "--no-browser"]
        words += ["--model", "superpixel", "--labels", "cup,spoon"]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        while (secret := read_secret(self._out / OWN_FOLDER)) is None or not self._is_ready():
            if self.process.poll() is not None:
                raise SystemExit("the studio has ended")
            time.sleep(0.02)
        headers = {"Authorization": f"Bearer {secret}"}
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{self._port}", headers=headers, timeout=SECONDS)

    def address(self) -> str:
        """Return an address that opens the page, once."""
        path = self._client.post("/v1/studio/addresses").raise_for_status().json()["address"]
        return f"http://127.0.0.1:{self._port}{path}"

    def objects(self, key: str) -> list[Object]:
        """Return the objects of an image that the server has."""
        document = self._client.get(f"/v1/studio/images/{key}").raise_for_status().json()["document"]
        return [(each["uid"], each["label"], each["mask"]["counts"]) for each in document["objects"]]

    def hang(self) -> None:
        """Answer nothing until it goes on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        self._client.close()

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self._port}/ready", timeout=SECONDS).status_code == 200
        except httpx2.TransportError:
            return False


class Browser:
    """A Chromium in a process of its own, always with the same profile.

    Attributes:
        page: Playwright's page.
    """

    def __init__(self, driver: Any, profile: Path) -> None:
        self._driver, self._profile = driver, profile
        self.start()

    def start(self) -> None:
        """Start it with an empty page. A Chromium that does not answer, as happens on a busy machine, is killed and started again."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._start()
            except Error:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(SECONDS)
        return self._start()

    def _start(self) -> None:
        told = self._profile / "DevToolsActivePort"
        told.unlink(missing_ok=True)
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--lang=en-US"]
        words = [str(BROWSER), *flags, "--window-size=1280,900", "--remote-debugging-port=0", f"--user-data-dir={self._profile}"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while not (told.exists() and "\n" in told.read_text()):
            if self.process.poll() is not None:
                raise SystemExit("the browser has ended")
            time.sleep(0.02)
        port = told.read_text().split("\n")[0]
        self._connection = self._driver.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        self.page = self._connection.contexts[0].new_page()
        self.page.set_default_timeout(1000 * SECONDS)
        self.page.add_init_script("localStorage.setItem('promptseg.studio.hints', 'true')")

    def kill(self) -> None:
        """Kill the browser with all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        with contextlib.suppress(Exception):  # Playwright may have seen already that it is gone.
            self._connection.close()


@dataclass
class Tally:
    """What came of it.

    Attributes:
        kills: Number of kills, by what was killed.
        unsent: How many of them came while the page had told that something is not saved yet.
        lost: Objects that were shown, and are not kept as they were shown.
        doubled: Objects that are kept though they were not shown, or more than once.
        asked: Questions whose version to keep, though nobody else changed anything.
        changes: Number of changes, by their kind.
    """

    kills: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    lost: int = 0
    doubled: int = 0
    asked: int = 0
    changes: Counter[str] = field(default_factory=Counter)

    def compare(self, shown: list[Object], kept: list[Object]) -> None:
        """Count what differs between an image as it was shown and as it is kept."""
        self.lost += sum((Counter(shown) - Counter(kept)).values())
        uids = Counter(uid for uid, *_ in kept)
        self.doubled += sum((uids - Counter(uid for uid, *_ in shown)).values())


class Person:
    """Works in the page.

    Attributes:
        shown: The objects that the page has shown last, by image.
    """

    def __init__(self, server: Server, browser: Browser, tally: Tally, seed: int = 0) -> None:
        self.server, self.browser, self.tally = server, browser, tally
        self.shown: dict[str, list[Object]] = {}
        self._random = random.Random(seed)

    def open(self) -> None:
        """Open the page, and wait until what earlier pages have left is sent."""
        self.browser.page.goto(self.server.address())
        self._wait("window.promptsegStudio?.state.open && window.promptsegStudio.stage.settled")
        self._wait("document.querySelector('[data-testid=model-loading]') === null")
        self.saved()

    def saved(self) -> None:
        """Wait until the page tells that all is saved, and answer its questions on the way."""
        end = time.monotonic() + SECONDS
        while (state := self.look()["save"]) != "saved":
            if state == "conflict":
                self.tally.asked += 1
                self.browser.page.get_by_test_id("keep-mine").click()
            if time.monotonic() > end:
                raise SystemExit(f"the page is {state} after {SECONDS} s")
            time.sleep(0.02)

    def kept(self) -> None:
        """Wait until what is unsent is in the browser's database: milliseconds after the change."""
        self._wait("window.promptsegStudio.state.isKept")

    def look(self) -> dict[str, Any]:
        """Return what the page shows."""
        return self.browser.page.evaluate(SHOWN)

    def remember(self) -> str:
        """Remember what the page shows, and return what it tells of saving."""
        state = self.look()
        self.shown[state["key"]] = [tuple(each) for each in state["objects"]]
        return state["save"]

    def turn(self) -> None:
        """Show the other image."""
        self.saved()
        key = self.look()["key"]
        self.browser.page.keyboard.press("PageDown")
        if self.look()["key"] == key:
            self.browser.page.keyboard.press("PageUp")
        self._wait(f"window.promptsegStudio.state.key !== {key!r} && window.promptsegStudio.state.open?.key !== {key!r}")
        self._wait("window.promptsegStudio.stage.settled")

    def change(self, *, asks_model: bool = False) -> None:
        """Change something, as it comes. What is asked of the model is waited for."""
        count = len(self.look()["objects"])
        kinds = ["click"] if asks_model else ["paint", "paint", "brush", "erase", "name", "delete", "undo", "redo"]
        kind = self._random.choice(kinds if count > 1 or asks_model else ["paint"])
        self.tally.changes[kind] += 1
        getattr(self, f"_{kind}")()

    def _click(self) -> None:
        page = self.browser.page
        page.keyboard.press("p")
        page.mouse.click(*self._place())
        self._wait("document.querySelector('[data-testid=accept]:not([disabled])') !== null")
        page.keyboard.press("Enter")

    def _paint(self) -> None:
        """Paint a new object."""
        self.browser.page.keyboard.press("v")
        self.browser.page.keyboard.press("Escape")
        self._stroke("b")

    def _brush(self) -> None:
        self._select()
        self._stroke("b")

    def _erase(self) -> None:
        self._select()
        self._stroke("e")

    def _name(self) -> None:
        self._select()
        self.browser.page.keyboard.press(self._random.choice("12u"))

    def _delete(self) -> None:
        self._select()
        self.browser.page.keyboard.press("Delete")

    def _undo(self) -> None:
        self.browser.page.keyboard.press("Control+z")

    def _redo(self) -> None:
        self.browser.page.keyboard.press("Control+Shift+z")

    def _select(self) -> None:
        self.browser.page.keyboard.press("v")
        for _ in range(self._random.randint(1, 3)):
            self.browser.page.keyboard.press(".")

    def _stroke(self, tool: str) -> None:
        mouse = self.browser.page.mouse
        self.browser.page.keyboard.press(tool)
        mouse.move(*self._place())
        mouse.down()
        mouse.move(*self._place(), steps=3)
        mouse.up()

    def _place(self) -> tuple[float, float]:
        box = self.browser.page.get_by_test_id("stage").bounding_box()
        x, y = (self._random.uniform(0.3, 0.7) for _ in range(2))
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def _wait(self, expression: str) -> None:
        end = time.monotonic() + SECONDS
        while not self.browser.page.evaluate(f"() => Boolean({expression})"):
            if time.monotonic() > end:
                raise SystemExit(f"{expression} did not become true")
            time.sleep(0.02)


def kill_server(person: Person, number: int) -> None:
    """Kill the server while the page sends, work on without it, and start it again. The page goes on by itself."""
    person.change(asks_model=True)
    for _ in range(CHANGES):
        person.change()
    killing = threading.Timer(0.03 * (number % 5), person.server.kill)
    killing.start()
    person.change()
    killing.join(SECONDS)
    person.change()
    person.tally.kills["server"] += 1
    person.tally.unsent += person.remember() != "saved"
    person.server.start()
    check(person)


def kill_browser(person: Person, number: int) -> None:
    """Kill the browser while the server runs, hangs or is dead, and open the page anew."""
    server = person.server
    person.change(asks_model=True)
    for _ in range(CHANGES):
        person.change()
    state = ("dead", "hangs", "runs")[number % 3]
    if state == "hangs":
        server.hang()
    elif state == "dead":
        server.kill()
    person.change()
    person.kept()
    person.tally.kills[f"browser, server {state}"] += 1
    person.tally.unsent += person.remember() != "saved"
    person.browser.kill()
    if state == "hangs":
        server.go_on()
    elif state == "dead":
        server.start()
    person.browser.start()
    person.open()
    check(person)


def check(person: Person) -> None:
    """Wait until all is saved, and compare what the server has with what was shown."""
    person.saved()
    for key, shown in person.shown.items():
        person.tally.compare(shown, person.server.objects(key))
    person.remember()


@contextlib.contextmanager
def working(photos: Path, out: Path, profile: Path, tally: Tally) -> Iterator[Person]:
    """Run a studio and a browser, with a person in front of it."""
    from playwright.sync_api import sync_playwright

    for each in (photos, profile):
        each.mkdir()
    for number in range(IMAGES):
        shutil.copyfile(SAMPLE, photos / f"image{number}.jpg")
    server = Server(photos, out)
    try:
        with sync_playwright() as driver:
            browser = Browser(driver, profile)
            try:
                person = Person(server, browser, tally)
                person.open()
                yield person
            finally:
                browser.kill()
    finally:
        server.kill()


def kill_all(folder: Path, times: int) -> Tally:
    """Kill the server and the browser, each a number of times, in turn."""
    tally, photos, out = Tally(), folder / "photos", folder / "out"
    with working(photos, out, folder / "profile", tally) as person:
        for number in range(times):
            kill_server(person, number)
            kill_browser(person, number)
            person.turn()
    with open_project(photos, out) as project:
        for key, shown in person.shown.items():
            kept = [(each.uid, each.label, each.counts) for each in project.document(key).objects]
            tally.compare(shown, kept)
    return tally


def main() -> None:
    """Kill, and print what came of it."""
    arguments = parser(__doc__)
    arguments.add_argument("--times", type=int, default=20, help="how often the server is killed, and how often the browser")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        started = time.monotonic()
        tally = kill_all(Path(folder), options.times)
    print(f"killed: {', '.join(f'{what} {count} times' for what, count in tally.kills.items())}; {time.monotonic() - started:.0f} s")
    print(f"with something unsent at that moment: {tally.unsent}")
    print(f"changes: {', '.join(f'{count} {what}' for what, count in sorted(tally.changes.items()))}")
    print(f"lost {tally.lost}, doubled {tally.doubled}, questions {tally.asked}")


if __name__ == "__main__":
    main()
