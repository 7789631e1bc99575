"""The gallery in a real browser, driven by clicks and keys as a person does it."""

import re
import time

import pytest
from PIL import Image

from promptseg import Pipeline, Prompt, annotate
from promptseg.detections import Detections
from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture
def open_page(browser):
    """Opens a page from the disk: ``open_page(path)``. The test fails if the page complains or asks for anything but files."""
    complaints, requests, contexts = [], [], []

    def open_page(path):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"{request.url} failed"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("file:///")] == []


class FindsByPlace(FakeDetector):
    """Finds what lies within the image: a dog at the left, two cats at the right, nothing in a small corner. Slow on tall images."""

    def __init__(self):
        boxes = [(5, 25, 35, 50), (45, 5, 75, 55), (50, 5, 75, 20)]
        super().__init__(Detections((60, 80), boxes, [0.9, 0.5, 0.6], ["dog", "cat", "cat"]))

    def detect(self, image, phrases=None):
        if image.shape[0] > 100:
            time.sleep(0.2)
        return super().detect(image, phrases)


SIZES = {"all.png": (80, 60), "b/dog.png": (40, 60), "none.png": (20, 20), "tall.png": (40, 120)}
BROKEN = "z <b>.png"


@pytest.fixture
def gallery(add_model, tmp_path, open_page):
    """The open page of a run over four images and a broken file, and `more` images in which nothing is found."""

    def make(more=0):
        add_model("find", "detector", lambda _: FindsByPlace())
        add_model("fake", "segmenter", lambda _: FakeSegmenter())
        root = tmp_path / "images"
        for name, size in {**SIZES, **{f"more {index:02}.png": (20, 20) for index in range(more)}}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (90, 120, 60)).save(root / name)
        (root / BROKEN).write_bytes(b"")
        annotate(root, pipeline=Pipeline().detect("find").segment("fake"), out=tmp_path / "out")
        return open_page(tmp_path / "out" / "gallery" / "index.html")

    return make


def names(page):
    """The names of the images on the page, in order."""
    return page.locator("#images .caption").evaluate_all("captions => captions.map(each => each.firstChild.textContent)")


def shown(page):
    """What the open dialog shows: a name and its place among the images."""
    return page.locator("#one-name").inner_text(), page.locator("#one-where").inner_text()


def choose(page, label, value):
    """Sets the field of the filters that stands under a label."""
    field = page.locator("#filters label").filter(has_text=re.compile(f"^{label}")).locator("input, select")
    if field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(label=value)
    else:
        field.fill(value)


ALL = ["all.png", "b/dog.png", "none.png", "tall.png", BROKEN]


def test_filters_leave_the_images_that_they_say_and_clear_brings_all_back(gallery):
    page = gallery()
    cases = [
        ({}, ALL),
        ({"Show": "with objects"}, ["all.png", "b/dog.png", "tall.png"]),
        ({"Show": "without objects"}, ["none.png"]),
        ({"Show": "failed"}, [BROKEN]),
        ({"Class": "cat (2)"}, ["all.png"]),
        ({"Class": "dog (3)"}, ["all.png", "b/dog.png", "tall.png"]),
        ({"Best score from": "0.8"}, ["all.png", "b/dog.png", "tall.png"]),
        ({"Best score from": "0.9"}, []),
        ({"Class": "cat (2)", "Best score from": "0.8"}, []),
        ({"Worst score to": "0.5"}, ["all.png"]),
        ({"Class": "dog (3)", "Worst score to": "0.5"}, []),
        ({"Name has": "B/D"}, ["b/dog.png"]),
        ({"Name has": "<b>"}, [BROKEN]),
        ({"Name has": "l", "Show": "with objects"}, ["all.png", "tall.png"]),
    ]
    for settings, expected in cases:
        for label, value in settings.items():
            choose(page, label, value)
        assert names(page) == expected, settings
        assert page.locator("#where").inner_text().startswith(f"{len(expected)} image")
        page.get_by_role("button", name="Clear").click()
        page.wait_for_function("count => document.querySelectorAll('#images > li').length === count", arg=len(ALL))


def test_orders_put_first_what_they_say(gallery):
    page = gallery()
    orders = {
        "by name": ALL,
        "lowest score first": ["all.png", "b/dog.png", "tall.png", "none.png", BROKEN],
        "highest score first": ["all.png", "b/dog.png", "tall.png", "none.png", BROKEN],
        "most objects first": ["all.png", "b/dog.png", "tall.png", "none.png", BROKEN],
    }
    for order, expected in orders.items():
        choose(page, "Order", order)
        assert names(page) == expected, order
    choose(page, "Order", "slowest first")
    assert names(page)[0] == "tall.png"


def test_the_page_counts_classes_models_and_failures(gallery):
    page = gallery()
    assert page.locator("#overview").inner_text() == "4 images with 5 objects, 1 of them without objects; 1 failed."
    assert page.locator("#legend button").all_inner_texts() == ["dog 3", "cat 2"]
    assert "find" in page.locator("#facts").inner_text() or "fake" in page.locator("#facts").inner_text()


def test_the_legend_has_a_color_for_each_class_and_chooses_it(gallery):
    page = gallery()
    color = "each => getComputedStyle(each.querySelector('.swatch')).backgroundColor"
    dog, cat = (page.locator("#legend button").nth(index) for index in (0, 1))
    assert dog.evaluate(color) != cat.evaluate(color)
    cat.click()
    assert names(page) == ["all.png"]
    assert cat.get_attribute("aria-pressed") == "true"
    swatches = page.locator("#images .caption .swatch").evaluate_all("all => all.map(each => getComputedStyle(each).backgroundColor)")
    assert swatches == [dog.evaluate(color), cat.evaluate(color)]
    cat.click()
    assert names(page) == ALL


def natural_width(page):
    page.wait_for_function("document.querySelector('#one img').complete && document.querySelector('#one img').naturalWidth > 0")
    return page.locator("#one img").evaluate("image => image.naturalWidth")


def test_the_dialog_shows_the_full_size_overlay_where_there_is_one(add_model, tmp_path, open_page):
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    (tmp_path / "images").mkdir()
    Image.new("RGB", (1500, 900), (90, 120, 60)).save(tmp_path / "images" / "large #1.png")
    settings = {"pipeline": Pipeline().segment("fake"), "out": tmp_path / "out"}
    annotate(tmp_path / "images", Prompt.box(100, 100, 900, 700), **settings)
    page = open_page(tmp_path / "out" / "gallery" / "index.html")
    page.locator("#images button").first.click()
    assert natural_width(page) == 480
    assert "--overlays" in page.locator("#one .note").inner_text()
    annotate(tmp_path / "images", Prompt.box(100, 100, 900, 700), overlays=True, **settings)
    page.reload()
    page.locator("#images button").first.click()
    assert natural_width(page) == 1500
    assert page.locator("#one .note").is_hidden()
    assert page.get_by_role("link", name="the overlay at full size").count() == 1


def test_thumbnails_load_and_a_failure_shows_its_reason_as_text(gallery):
    page = gallery()
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator("#images img").count() == 4
    sign = page.locator(".failed-sign")
    assert "empty" in sign.inner_text()
    assert page.locator("#images b").count() == 0  # The name of a file is no markup.


def test_pages_turn_forth_and_back_at_both_ends_of_the_list(gallery):
    page = gallery(more=60)
    above, below = page.get_by_label("Pages", exact=True), page.get_by_label("Pages, below")

    def where():
        buttons = [nav.get_by_role("button", name=f"{way} page") for nav in (above, below) for way in ("Previous", "Next")]
        return page.locator("#where").inner_text(), len(names(page)), [button.is_enabled() for button in buttons]

    first = ("65 images, page 1 of 2", 60, [False, True, False, True])
    second = ("65 images, page 2 of 2", 5, [True, False, True, False])
    assert where() == first
    above.get_by_role("button", name="Next page").click()
    assert where() == second
    above.get_by_role("button", name="Previous page").click()
    assert where() == first
    below.get_by_role("button", name="Next page").click()
    assert where() == second
    choose(page, "Show", "failed")  # A filter starts from its first page.
    assert where() == ("1 image, page 1 of 1", 1, [False, False, False, False])


def test_the_dialog_goes_beyond_a_page_and_leaves_to_the_image_that_it_showed(gallery):
    page = gallery(more=60)
    page.locator("#images button").last.click()
    assert shown(page)[1] == "60 of 65"
    page.keyboard.press("ArrowRight")
    name, place = shown(page)
    assert place == "61 of 65"
    page.keyboard.press("Escape")
    page.get_by_text("65 images, page 2 of 2").wait_for()  # The event of a closed dialog comes later.
    page.wait_for_function("name => document.activeElement.textContent.startsWith(name)", arg=name)


def test_the_dialog_is_walked_by_clicks(gallery):
    page = gallery()
    dialog = page.get_by_role("dialog")
    following, previous = (dialog.get_by_role("button", name=name, exact=True) for name in ("Next", "Previous"))
    page.locator("#images button").first.click()
    assert shown(page) == ("all.png", "1 of 5")
    assert previous.is_disabled()
    assert re.search(r"dog\s+1, score 0.8\d\s+", dialog.inner_text() + "\n")
    for index, name in enumerate(ALL[1:], start=2):
        following.click()
        assert shown(page) == (name, f"{index} of 5")
    assert following.is_disabled()
    assert "empty" in dialog.inner_text()
    previous.click()
    assert shown(page) == ("tall.png", "4 of 5")
    dialog.get_by_role("heading").click()
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert dialog.is_hidden()
    page.locator("#images button").first.click()
    page.mouse.click(5, 5)  # Beside the dialog.
    assert dialog.is_hidden()


def test_the_dialog_is_walked_by_keys_and_gives_the_focus_back(gallery):
    page = gallery()
    page.locator("#images button").first.focus()
    page.keyboard.press("Enter")
    assert shown(page) == ("all.png", "1 of 5")
    for index, key in ((2, "ArrowRight"), (3, "ArrowRight"), (2, "ArrowLeft"), (1, "ArrowLeft"), (1, "ArrowLeft")):
        page.keyboard.press(key)
        assert shown(page) == (ALL[index - 1], f"{index} of 5")
    for _ in range(7):  # Beyond the last one, where the button that had the focus is out of use, and back.
        page.keyboard.press("ArrowRight")
    assert shown(page) == (BROKEN, "5 of 5")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ("tall.png", "4 of 5")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").is_hidden()
    assert page.evaluate("document.activeElement.textContent").startswith("tall.png")


def test_the_image_itself_opens_from_the_disk(gallery, tmp_path):
    page = gallery()
    page.locator("#images button").nth(1).click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="the original image").click()
    opened.value.wait_for_load_state()
    assert opened.value.url == (tmp_path / "images" / "b" / "dog.png").as_uri()
