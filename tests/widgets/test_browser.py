"""The widget in a real browser, driven as a person does it: its front end on a page, and the widget in this process."""

import io
import os
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fake_pipelines
import promptseg as ps
from promptseg.detections import Detections
from promptseg.pipeline.runner import BuiltPipeline
from promptseg.samples import coffee
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter

from .page_host import PageHost

HEIGHT = 300


class Shown:
    """A widget on a page.

    Attributes:
        widget: The widget.
        page: The page of the browser.
        host: What connects the two.
    """

    def __init__(self, widget, page, host):
        self.widget, self.page, self.host = widget, page, host

    def part(self, name, view=0):
        return self.page.locator(f"[data-testid={name}]").nth(view)

    def place(self, x, y, view=0):
        """Where a point of the image is on the page. The image is shown as a whole, in the middle, with some room around."""
        box = self.part("stage", view).bounding_box()
        height, width = self.widget.masks.size
        room = 16
        scale = min((box["width"] - 2 * room) / width, (box["height"] - 2 * room) / height)
        return box["x"] + box["width"] / 2 + (x + 0.5 - width / 2) * scale, box["y"] + box["height"] / 2 + (y + 0.5 - height / 2) * scale

    def click(self, x, y, view=0, **how):
        self.page.mouse.click(*self.place(x, y, view), **how)

    def drag(self, *points):
        start, *others = (self.place(*point) for point in points)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        for point in others:
            self.page.mouse.move(*point, steps=4)
        self.page.mouse.up()

    def says(self, text, view=0):
        """Wait until the line below the image says something."""
        self.part("status", view).filter(has_text=text).wait_for()

    def shows(self, number, view=0):
        """Wait until the view shows the image of a number, and it can be clicked."""
        self.part("image-name", view).filter(has_text=f"({number}/").wait_for()
        self.page.locator("[data-testid=stage]:not([inert])").nth(view).wait_for()

    def has(self, count, view=0):
        """Wait until the view shows so many objects."""
        self.part("count", view).filter(has_text=f"{count} object").wait_for()


@pytest.fixture
def show(browser, monkeypatch, built):
    """Shows a widget on a page: ``show(images, …)``, and waits until it can be clicked. ``started`` is called before that.

    The test fails if the page complains or asks for anything elsewhere.
    """
    ipywidgets = pytest.importorskip("ipywidgets", reason="anywidget is not installed")
    comm = pytest.importorskip("comm")
    script = (files("promptseg") / "studio" / "static" / "widget.js").read_text("utf-8")
    complaints, requests, closing = [], [], []

    def show(images, pipeline=None, background="white", started=None, waits=True, **settings):
        host = PageHost(script, background)

        class Comm(comm.base_comm.BaseComm):
            def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
                host.comm = self
                host.publish(data or {}, buffers or [])

        monkeypatch.setattr(ipywidgets.comm, "create_comm", Comm)
        widget = ps.studio(images, pipeline or built(), height=HEIGHT, **settings)
        context = browser.new_context(viewport={"width": 900, "height": 900})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((host.url, "blob:", "data:")) else requests.append(request.url))
        closing.extend([host.close, widget.close, context.close])
        shown = Shown(widget, page, host)
        if started is not None:
            started(shown)
        page.goto(host.url)
        if waits:
            shown.says(re.compile("Click an object|Shown at"))
        return shown

    yield show
    for close in reversed(closing):
        close()
    assert (complaints, requests) == ([], [])


@pytest.fixture
def shown(show):
    return show([coffee()], labels=["cup", "spoon"])


def disc(x, y, radius, size=(400, 600)):
    rows, columns = np.ogrid[: size[0], : size[1]]
    return ps.Mask.from_array((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


class TestClicks:
    def test_a_click_is_in_python_before_it_is_kept(self, shown, until):
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)
        ((prompt,),) = shown.widget.prompts
        assert np.abs(prompt.xy[0] - (290, 160)).max() < 2
        expected = shown.widget._built()(coffee(), prompt).masks
        assert shown.widget.masks == expected
        assert shown.widget.masks.labels == ("cup",)

    def test_more_clicks_refine_the_mask_and_enter_keeps_it(self, shown, until):
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)
        shown.click(300, 150, button="right")
        until(lambda: len(shown.widget.prompts[0][0].xy) == 2)
        assert shown.widget.prompts[0][0].foreground.tolist() == [True, False]
        shown.page.keyboard.press("Enter")
        until(lambda: any(each["kind"] == "change" for each in shown.host.received))
        shown.click(100, 300)
        until(lambda: len(shown.widget.masks) == 2)

    def test_escape_drops_what_is_not_kept(self, shown, until):
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)
        shown.page.keyboard.press("Escape")
        until(lambda: len(shown.widget.masks) == 0)

    def test_an_image_can_be_clicked_once_its_objects_are_told(self, show, until):
        shown = show([coffee()], started=lambda shown: shown.host.hold(), waits=False)
        until(lambda: shown.widget._model["state"] == "ready")
        shown.page.locator("[data-testid=stage][inert]").wait_for()
        shown.click(290, 160)
        assert "Click" not in shown.part("status").inner_text()
        shown.host.release()
        shown.says("Click an object")
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)
        assert len(shown.widget.prompts[0][0].xy) == 1

    def test_an_image_can_be_clicked_once_it_is_there(self, show, until):
        slow = """
        const decode = window.createImageBitmap;
        window.createImageBitmap = async (...given) => {
          await new Promise((go) => { window.go = go; });
          return decode(...given);
        };
        """
        shown = show([coffee()], started=lambda shown: shown.page.add_init_script(slow), waits=False)
        until(lambda: shown.widget._model["state"] == "ready")
        shown.page.wait_for_function("() => window.go !== undefined")
        assert "Click" not in shown.part("status").inner_text()
        shown.page.evaluate("() => window.go()")
        shown.says("Click an object")
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)

    def test_another_candidate_is_another_mask(self, shown, until):
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)
        first = shown.widget.masks
        shown.part("candidate").filter(has_text="1 / 3").wait_for()
        shown.part("next-candidate").click()
        until(lambda: shown.widget.masks != first)
        assert shown.widget.masks[0].score < first[0].score

    def test_the_mask_under_the_pointer_is_shown_without_being_in_python(self, shown, until):
        shown.page.mouse.move(*shown.place(290, 160))
        until(lambda: any(each["kind"] == "segment" for each in shown.host.received))
        assert len(shown.widget.masks) == 0

    def test_a_box_gives_its_mask(self, shown, until):
        shown.part("tool-box").click()
        shown.drag((100, 60), (300, 200))
        until(lambda: len(shown.widget.masks) == 1)
        assert shown.widget.masks[0].iou(ps.Mask.from_crop(np.ones((140, 200), bool), (100, 60), (400, 600))) > 0.95

    def test_keys_alone_make_a_mask(self, shown, until):
        shown.part("stage").focus()
        for key in ("ArrowRight", "ArrowRight", "Space"):
            shown.page.keyboard.press(key)
        until(lambda: len(shown.widget.masks) == 1)
        shown.page.keyboard.press("Enter")
        until(lambda: any(each["kind"] == "change" for each in shown.host.received))


class TestPainting:
    def test_the_brush_makes_an_object_and_the_eraser_takes_from_it(self, shown, until):
        shown.part("tool-brush").click()
        shown.drag((100, 100), (200, 100))
        until(lambda: len(shown.widget.masks) == 1)
        painted = shown.widget.masks[0]
        assert painted.box.tolist() == pytest.approx([88, 88, 213, 113], abs=4)
        shown.page.keyboard.press("e")
        shown.drag((150, 60), (150, 140))
        until(lambda: shown.widget.masks[0].area < painted.area)
        assert not shown.widget.masks[0].array[100, 150]

    def test_undo_and_redo_reach_python(self, shown, until):
        shown.part("tool-brush").click()
        shown.drag((100, 100), (200, 100))
        until(lambda: len(shown.widget.masks) == 1)
        shown.page.keyboard.press("Control+z")
        until(lambda: len(shown.widget.masks) == 0)
        shown.part("redo").click()
        until(lambda: len(shown.widget.masks) == 1)

    def test_a_label_is_given_by_its_key_or_typed(self, shown, until):
        shown.part("tool-brush").click()
        shown.drag((100, 100), (200, 100))
        until(lambda: shown.widget.masks.labels == ("cup",))
        shown.page.keyboard.press("2")
        until(lambda: shown.widget.masks.labels == ("spoon",))
        shown.part("label").fill("ladle")
        shown.page.keyboard.press("Enter")
        until(lambda: shown.widget.masks.labels == ("ladle",))

    def test_a_label_goes_to_the_mask_that_is_being_made(self, shown, until):
        shown.part("tool-brush").click()
        shown.drag((100, 100), (200, 100))
        until(lambda: shown.widget.masks.labels == ("cup",))
        shown.part("tool-point").click()
        shown.click(400, 300)
        until(lambda: len(shown.widget.masks) == 2)
        shown.page.keyboard.press("2")
        until(lambda: shown.widget.masks.labels == ("cup", "spoon"))

    def test_a_chosen_object_is_deleted(self, shown, until):
        shown.widget.masks = [disc(290, 160, 50), disc(100, 300, 40)]
        shown.has(2)
        shown.page.keyboard.press("Escape")
        shown.part("tool-select").click()
        shown.click(100, 300)
        shown.page.keyboard.press("Delete")
        until(lambda: shown.widget.masks == ps.Masks([disc(290, 160, 50)]))


class TestFromPython:
    def test_masks_that_are_set_are_shown(self, shown, until):
        nothing = shown.part("stage").screenshot()
        shown.widget.masks = [disc(290, 160, 120)]
        shown.has(1)
        until(lambda: shown.part("stage").screenshot() != nothing)
        shown.widget.masks = []
        shown.has(0)
        until(lambda: shown.part("stage").screenshot() == nothing)

    def test_a_mask_that_is_set_can_be_undone_by_no_one_and_corrected_by_the_brush(self, shown, until):
        shown.widget.masks = ps.Masks([disc(290, 160, 60)]).labeled("cup")
        shown.has(1)
        shown.page.keyboard.press("Control+z")
        shown.part("tool-select").click()
        shown.click(290, 160)
        shown.part("tool-brush").click()
        shown.drag((290, 160), (400, 160))
        until(lambda: shown.widget.masks[0].area > disc(290, 160, 60).area)
        assert shown.widget.masks.labels == ("cup",)

    def test_what_goes_wrong_is_told_below_the_image(self, show, built):
        class Failing(FakeSegmenter):
            def open(self, image):
                session = super().open(image)
                object.__setattr__(session, "segment", self.fail)
                return session

            def fail(self, prompts, *, candidates=False):
                raise ps.PromptSegError("the device is gone")

        shown = show([coffee()], built(Failing()))
        shown.click(290, 160)
        shown.says("the device is gone")
        assert "error" in shown.part("status").get_attribute("class")


class TestViews:
    def test_two_views_of_a_widget_show_the_same(self, shown, until):
        shown.page.evaluate("() => { window.show('second'); }")
        shown.says("Click an object", view=1)
        shown.part("tool-brush", view=0).click()
        shown.drag((100, 100), (200, 100))
        shown.has(1, view=1)
        shown.part("tool-brush", view=1).click()
        shown.part("undo", view=1)  # Its own history is empty.
        shown.widget.masks = []
        shown.has(0, view=0)
        shown.has(0, view=1)

    def test_a_view_that_is_taken_away_leaves_nothing(self, shown, until):
        shown.click(290, 160)
        until(lambda: len(shown.widget.masks) == 1)
        shown.page.evaluate("() => window.stop()")
        assert shown.page.evaluate("() => document.getElementById('first').childElementCount") == 0
        until(lambda: shown.host.received[-1]["kind"] == "close")
        assert shown.page.evaluate("() => [...window.listeners.values()].flat().length") == 0
        assert len(shown.widget.masks) == 1  # What was being made is kept.

    def test_the_styles_of_the_page_and_of_the_widget_do_not_meet(self, shown):
        style = "(element) => [getComputedStyle(element).transform, getComputedStyle(element).fontFamily]"
        transform, family = shown.part("tool-point").evaluate(style)
        assert (transform, family == "serif") == ("none", False)
        assert shown.page.evaluate("() => document.styleSheets.length") == 1

    @pytest.mark.parametrize(("background", "scheme"), [("#111", "dark"), ("white", "light")])
    def test_it_is_dark_where_the_notebook_is(self, show, background, scheme):
        shown = show([coffee()], background=background)
        assert shown.page.locator("[data-promptseg]").evaluate("(host) => getComputedStyle(host).colorScheme") == scheme

    def test_plain_keys_do_not_reach_the_notebook(self, shown):
        shown.page.evaluate("() => { window.keys = []; document.addEventListener('keydown', (event) => window.keys.push(event.key)); }")
        shown.part("stage").focus()
        for key in ("d", "d", "x", "Delete", "Shift+Enter", "Control+s"):
            shown.page.keyboard.press(key)
        keys = shown.page.evaluate("() => window.keys")
        assert [key for key in keys if key not in {"Shift", "Control"}] == ["Enter", "s"]


class Salient(FakeDetector):
    """A detector of what stands out, which it says by its one class."""

    @property
    def provenance(self):
        return replace(super().provenance, classes=("object",))


class TestFinding:
    """Tools that find several objects at once."""

    @pytest.fixture
    def shown(self, show):
        found = Detections(
            (400, 600), [[40, 40, 140, 140], [300, 100, 500, 300], [200, 20, 240, 60]], [0.9, 0.8, 0.3], ["cup", "cup", "cup"]
        )
        return show([coffee()], fake_pipelines.built(found))

    def test_words_find_objects_that_are_accepted_together(self, shown, until):
        shown.part("tool-text").click()
        shown.page.keyboard.type("cup")
        shown.page.keyboard.press("Enter")
        shown.part("found-count").filter(has_text="3 found").wait_for()
        shown.part("threshold").fill("0.5")
        shown.part("found-count").filter(has_text="2 found (1 below)").wait_for()
        assert len(shown.widget.masks) == 0
        shown.part("accept-all").click()
        until(lambda: len(shown.widget.masks) == 2)
        assert shown.widget.masks.labels == ("cup", "cup")
        assert shown.widget.prompts[0] == (ps.Prompt.text("cup"),)

    def test_one_of_what_was_found_is_picked_by_a_click(self, shown, until):
        shown.part("tool-everything").click()
        shown.part("everything-go").click()
        shown.part("accept-all").wait_for()
        shown.click(300, 200)
        until(lambda: len(shown.widget.masks) == 1)
        assert shown.widget.masks[0].array[200, 300]

    def test_an_object_is_an_example_for_others(self, show, until):
        pipeline = BuiltPipeline(ps.Pipeline().segment().config, None, FakeSegmenter(radius=20), FakeConceptSegmenter(radius=30))
        shown = show([coffee()], pipeline)
        shown.part("tool-like").click()
        shown.drag((100, 100), (200, 200))
        shown.part("found-count").filter(has_text="1 found").wait_for()
        shown.part("stage").focus()
        shown.page.keyboard.press("Enter")
        until(lambda: len(shown.widget.masks) == 1)

    def test_what_stands_out_is_found_without_words(self, show, until):
        salient = Salient({"object": [100, 100, 300, 300]})
        shown = show([coffee()], BuiltPipeline(fake_pipelines.built({}).config, salient, FakeSegmenter()))
        shown.part("tool-salient").click()
        shown.part("salient-go").click()
        shown.part("accept-all").click()
        until(lambda: len(shown.widget.masks) == 1)

    def test_tools_that_the_model_lacks_have_no_button_and_their_keys_say_why(self, show):
        shown = show([coffee()])
        assert shown.part("tool-text").is_hidden()
        assert shown.part("tool-salient").is_hidden()
        shown.part("stage").focus()
        shown.page.keyboard.press("t")
        shown.says("No model here finds by words")


class TestSeveralImages:
    def test_the_next_image_is_shown_with_its_masks(self, show, until):
        shown = show([coffee(), np.ascontiguousarray(coffee()[:, ::-1]), np.zeros((50, 50, 3), np.uint8)])
        shown.shows(1)
        shown.part("tool-brush").click()
        shown.drag((100, 100), (200, 100))
        shown.has(1)
        shown.part("images-next").click()
        shown.shows(2)
        shown.has(0)
        assert shown.widget.index == 1
        shown.drag((100, 100), (200, 100))
        shown.drag((100, 300), (200, 300))
        shown.has(1)
        shown.page.keyboard.press("PageUp")
        shown.shows(1)
        shown.has(1)
        until(lambda: [len(result.masks) for result in shown.widget.results] == [1, 1])

    def test_python_shows_another_image(self, show):
        shown = show([coffee(), np.zeros((50, 50, 3), np.uint8)])
        shown.widget.index = 1
        shown.shows(2)


class TestLargeImages:
    def test_masks_of_an_image_that_is_shown_smaller_have_all_of_its_pixels(self, show, until):
        shown = show([np.full((200, 20_000, 3), 200, np.uint8)])
        shown.part("tool-box").click()
        shown.drag((5000, 20), (15_000, 180))
        until(lambda: len(shown.widget.masks) == 1)
        assert shown.widget.masks.size == (200, 20_000)
        assert shown.widget.masks[0].box.tolist() == pytest.approx([5000, 20, 15_000, 180], abs=30)


@pytest.mark.weights
def test_the_picture_of_the_how_to_page_is_what_the_widget_shows(show, mini_sam, until):
    """With PROMPTSEG_WIDGET_IMAGE=docs/images/click.jpg it makes the picture anew."""
    shown = show([coffee()], ps.Pipeline().segment("mini-sam"), labels=["cup", "spoon"])
    shown.click(290, 160)
    until(lambda: len(shown.widget.masks) == 1)
    shown.page.keyboard.press("Enter")
    shown.click(385, 285)
    until(lambda: len(shown.widget.masks) == 2)
    shown.page.keyboard.press("2")
    until(lambda: shown.widget.masks.labels == ("cup", "spoon"))
    shown.says("Click an object")
    shown.part("candidate").filter(has_text="1 / 3").wait_for()
    picture = shown.page.locator("[data-promptseg]").screenshot()
    if wanted := os.environ.get("PROMPTSEG_WIDGET_IMAGE"):
        Image.open(io.BytesIO(picture)).convert("RGB").save(Path(wanted), quality=90, optimize=True)
    cup, spoon = shown.widget.masks
    assert cup.area > 10 * spoon.area > 0
