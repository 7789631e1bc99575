"""The page of the studio in a real browser, on a real server with mini-sam. `Page` drives it as a person does."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import Mask

COFFEE = Path(promptseg.__file__).parent / "data" / "coffee.jpg"
"""The sample image, 600 wide and 400 high: a cup on a saucer with a spoon."""

SECONDS = 60
"""Time after which a test gives up to wait for the page."""

CUP = (300, 170)
SPOON = (70, 250)


def waited_for(page, expression):
    """Wait until an expression of a page is true. Returns whether it became so in `SECONDS`.

    The page itself looks: to ask it again and again would take as much of a processor as what is waited for. Playwright's own
    `wait_for_function` evaluates text in the page, which forbids that.
    """
    return page.evaluate(
        f"""async () => {{
            const end = performance.now() + {1000 * SECONDS};
            while (!({expression})) {{
                if (performance.now() > end) return false;
                await new Promise((go) => setTimeout(go, 10));
            }}
            return true;
        }}"""
    )


class StudioPage:
    """The page, by what a person sees and does.

    Attributes:
        page: Playwright's page.
        studio: The running studio.
    """

    def __init__(self, page, studio):
        self.page, self.studio = page, studio

    def open(self):
        """Open the page by an address that works once, and wait until its image can be clicked."""
        address = self.studio.client.post("/v1/studio/addresses").json()["address"]
        self.page.goto(f"{self.studio.url}{address}")
        self.wait_until("studio => studio.state.open !== null")
        self.wait_for("document.querySelector('[data-testid=model-loading]') === null")
        self.settled()
        return self

    @property
    def state(self):
        """What the page holds: the open image, its objects, the selection, labels, what is saved."""
        return self.page.evaluate("JSON.parse(JSON.stringify(window.promptsegStudio.state))")

    @property
    def objects(self):
        """The objects of the open image, the first at the back."""
        return self.state["objects"]

    @property
    def kept(self):
        """The objects of the open image as the server keeps them, when all is saved."""
        self.saved()
        return self.studio.client.get(f"/v1/studio/images/{self.state['key']}").json()["document"]

    def wait_until(self, condition):
        """Wait until a function of `window.promptsegStudio`, in JavaScript, is true."""
        self.wait_for(f"window.promptsegStudio && ({condition})(window.promptsegStudio)")

    def wait_for(self, expression):
        """Wait until an expression of the page is true."""
        assert waited_for(self.page, expression), f"{expression} did not become true: {self.page.evaluate('promptsegStudio.state')}"

    def wait_for_objects(self, count):
        self.wait_until(f"studio => studio.state.objects.length === {count}")

    def settled(self):
        """Wait until all that belongs on the canvas is drawn."""
        self.wait_until("studio => studio.stage.settled")

    def saved(self):
        """Wait until the server has told that it keeps all changes."""
        self.wait_until("studio => studio.state.save === 'saved'")

    def on_screen(self, x, y):
        """Return where a pixel of the image is on the screen."""
        left, top = self.page.evaluate(f"window.promptsegStudio.stage.viewport.toScreen([{x}, {y}])")
        box = self.page.get_by_test_id("stage").bounding_box()
        return box["x"] + left, box["y"] + top

    def click(self, x, y, **how):
        """Click on a pixel of the image."""
        self.page.mouse.click(*self.on_screen(x, y), **how)

    def drag(self, *points):
        """Drag over pixels of the image."""
        self.page.mouse.move(*self.on_screen(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.on_screen(*point), steps=4)
        self.page.mouse.up()

    def drafted(self):
        """Wait until the answer to the last click is drawn."""
        self.test_id("accept").wait_for()
        self.wait_for("document.querySelector('[data-testid=accept]').parentElement.getAttribute('aria-busy') === 'false'")

    def noticed(self, text=""):
        """Wait for a message with a text, and have it stay as if the pointer was on it: else it goes after some seconds."""
        toast = self.test_id("toast").filter(has_text=text)
        toast.dispatch_event("pointerenter")
        return toast

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def accept(self):
        """Keep the mask that is shown, and return its object."""
        before = len(self.objects)
        self.page.keyboard.press("Enter")
        self.wait_for_objects(before + 1)
        return self.objects[-1]

    def add(self, point):
        """Segment the object at a point, and keep it."""
        self.press("p")
        self.click(*point)
        self.drafted()
        return self.accept()

    def test_id(self, name):
        return self.page.get_by_test_id(name)

    def shown(self, uid):
        """Return the mask that the canvas shows of an object."""
        return mask_of(self.page.evaluate("uid => window.promptsegStudio.stage.pixelsOf(uid)", uid))


class Held:
    """Requests of a page that are held back until a test lets them go.

    Args:
        page: Playwright's page.
        pattern: Regular expression of their addresses.
    """

    def __init__(self, page, pattern):
        self._page, self._pattern = page, re.compile(pattern)
        self._routes = []
        page.route(self._pattern, self._hold)

    def _hold(self, route):
        self._routes.append(route)

    def waits(self):
        """Wait until there is one."""
        while not self._routes:
            self._page.wait_for_timeout(20)

    def let_go(self):
        """Answer what was held back, and hold back nothing more."""
        for route in self._routes:
            route.continue_()
        self._page.unroute(self._pattern)


class Fingers:
    """Fingers on a page that was opened for touch.

    Args:
        page: Playwright's page.
    """

    def __init__(self, page):
        self._session = page.context.new_cdp_session(page)

    def down(self, *points):
        """Have fingers at these points, or move those that are down to them."""
        self._send("touchMove" if self._are_down else "touchStart", points)
        self._are_down = True

    def up(self):
        self._send("touchEnd", ())
        self._are_down = False

    _are_down = False

    def _send(self, kind, points):
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})


def serious_faults(page):
    """Return the serious faults that axe-core finds in a page at rest: rule, impact, and what has them.

    While a color changes to another, its contrast is of neither.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())  # By the debugger: the page itself takes no inline script.
    page.evaluate(
        """() => {
            const ends = document.getAnimations().filter((each) => Number.isFinite(each.effect.getComputedTiming().endTime));
            ends.forEach((each) => each.finish());
        }"""
    )
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    told = [(each["id"], each["impact"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found]
    return [each for each in told if each[1] in {"serious", "critical"}]


def mask_of(runs):
    """Return the mask of run lengths as page and server exchange them."""
    return Mask.from_coco_rle({"size": runs["size"], "counts": runs["counts"]})


@pytest.fixture
def images(tmp_path):
    """A folder of three images: the sample, the same mirrored, and one of two bright squares."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copyfile(COFFEE, folder / "coffee.jpg")
    with Image.open(COFFEE) as coffee:
        coffee.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirrored.jpg")
    squares = np.full((200, 300, 3), 30, np.uint8)
    squares[40:110, 30:110] = squares[60:160, 180:270] = (230, 200, 40)
    Image.fromarray(squares).save(folder / "squares.png")
    return folder


@pytest.fixture
def run_studio(images, served_pipelines, tmp_path):
    """Function that runs a studio of the folder, as a context, with other settings of the project if they are given."""
    pytest.importorskip("fastapi")
    from promptseg.studio_server.project import open_project
    from running_studio import running_studio

    @contextlib.contextmanager
    def run(source=images, pipelines=served_pipelines, out=None, **settings):
        served = tmp_path / "server"
        served.mkdir(exist_ok=True)
        with open_project(source, out or tmp_path / "dataset", **settings) as project, running_studio(project, pipelines, served) as studio:
            yield studio

    return run


@pytest.fixture
def studio(run_studio):
    with run_studio(labels=["cup", "spoon"]) as running:
        yield running


@pytest.fixture
def new_page(browser):
    """Function that returns the page of a studio, not opened yet.

    The test fails if a page complains, or asks for anything but its server.
    """
    complaints, elsewhere, contexts = [], [], []

    def make(studio, context=None, *, expected=(), hints=False, **options):
        if context is None:
            context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", **options)
            contexts.append(context)
        page = context.new_page()
        studio.pages.append(page)
        if not hints:
            page.add_init_script("localStorage.setItem('promptseg.studio.hints', 'true')")
        page.set_default_timeout(1000 * SECONDS)

        def complain(text):
            if not any(each in text for each in expected):
                complaints.append(text)

        page.on("console", lambda message: complain(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complain(str(error)))
        own = (studio.url, "blob:", "data:")
        page.on("request", lambda request: None if request.url.startswith(own) else elsewhere.append(request.url))
        return StudioPage(page, studio)

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
    assert elsewhere == []


@pytest.fixture
def page(studio, new_page):
    """The opened page of the folder, without hints."""
    return new_page(studio).open()
