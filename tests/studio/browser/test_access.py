"""Everybody can use the page: by keyboard alone, with a screen reader, in their language; and nobody else gets in."""

import pytest

from .conftest import CUP, mask_of, serious_faults


def test_an_image_is_annotated_by_keyboard_alone(page):
    page.page.evaluate("document.body.focus()")
    page.press("p")
    page.test_id("stage").focus()
    page.press("ArrowRight", "ArrowLeft")  # The crosshair is in the middle of the image at first.
    page.press("Space")
    page.drafted()
    page.press("Enter")
    page.wait_for_objects(1)
    page.press("1", "Control+Enter")
    page.wait_until("studio => studio.state.open.name === 'mirrored.jpg'")
    page.wait_until("studio => studio.state.images.find(image => image.name === 'coffee.jpg').state === 'done'")  # It is saved.
    first = next(image for image in page.state["images"] if image["name"] == "coffee.jpg")
    assert first["objects"] == 1


def test_axe_finds_no_serious_fault(page):
    page.add(CUP)
    assert serious_faults(page.page) == []
    page.press("v")
    page.click(*CUP, button="right")
    page.page.get_by_role("menu").wait_for()
    assert serious_faults(page.page) == []
    page.press("Escape", "?")
    page.test_id("help").wait_for()
    assert serious_faults(page.page) == []


@pytest.mark.parametrize(("language", "word"), [("de", "Objekte"), ("es", "Objetos"), ("pt", "Objetos"), ("zh", "对象")])
def test_the_page_speaks_the_language_of_the_browser(studio, new_page, browser, language, word):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale=language)
    page = new_page(studio, context).open()
    assert word in page.page.locator("aside").inner_text()
    context.close()


def test_the_address_works_once(studio, new_page):
    first = new_page(studio).open()
    address = studio.client.post("/v1/studio/addresses").json()["address"]
    first.page.goto(f"{studio.url}{address}")
    stranger = new_page(studio, expected=["401", "403", "404", "410"])
    stranger.page.goto(f"{studio.url}{address}")
    assert stranger.page.locator("[data-testid=stage]").count() == 0
    stranger.page.goto(studio.url)
    assert stranger.page.locator("[data-testid=stage]").count() == 0


def test_the_page_fits_a_tablet(studio, new_page, browser):
    context = browser.new_context(viewport={"width": 820, "height": 1180}, locale="en-US", has_touch=True)
    page = new_page(studio, context).open()
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    x, y = page.on_screen(*CUP)
    page.page.touchscreen.tap(x, y)
    page.drafted()
    page.test_id("accept").tap()
    page.wait_for_objects(1)
    assert mask_of(page.objects[0]["mask"]).array[CUP[1], CUP[0]]
    context.close()


@pytest.mark.parametrize("size", [(640, 400), (420, 800), (320, 512)])
def test_in_a_small_window_nothing_is_out_of_reach(studio, new_page, browser, size):
    """Such as one of 1280 x 800 pixels that is enlarged to 200 %."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="de")
    page = new_page(studio, context).open()
    beside = """() => [...document.querySelectorAll('.bar *, .side *')].filter((each) => {
        const { left, right, width } = each.getBoundingClientRect();
        return width > 1 && (left < 0 || right > innerWidth);
    }).map((each) => each.outerHTML.slice(0, 80))"""
    assert page.page.evaluate(beside) == []
    for name in ("export", "view.help", "do-objects.delete", "add-label"):
        box = page.test_id(name)
        box.scroll_into_view_if_needed()
        at = box.bounding_box()
        middle = [at["x"] + at["width"] / 2, at["y"] + at["height"] / 2]
        hit = "([x, y]) => document.elementFromPoint(x, y).closest('button')?.dataset.testid"
        assert page.page.evaluate(hit, middle) == name
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_chosen_can_be_read_in_colors_of_high_contrast(studio, new_page, browser, scheme):
    context = browser.new_context(locale="en-US", forced_colors="active", color_scheme=scheme)
    page = new_page(studio, context).open()
    page.add(CUP)
    assert serious_faults(page.page) == []
    colors = """(selector) => {
        const [row, text] = [document.querySelector(selector), document.querySelector(`${selector} .ellipsis`)];
        return [getComputedStyle(row).backgroundColor, getComputedStyle(text).color, getComputedStyle(text).forcedColorAdjust];
    }"""
    own = "(name) => { document.body.style.color = name; return getComputedStyle(document.body).color; }"
    for selector in ("[data-testid=object][aria-selected=true]", ".label-row:has([aria-pressed=true])"):
        background, text, adjusts = page.page.evaluate(colors, selector)
        assert [background, text] == [page.page.evaluate(own, name) for name in ("Highlight", "HighlightText")]
        assert adjusts == "none"
    context.close()
