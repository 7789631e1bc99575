"""Everybody can use the page: by keyboard alone, with a screen reader, in their language; and nobody else gets in."""

from pathlib import Path

import pytest

from .conftest import CUP, mask_of


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
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    source = Path(axe.__file__).parent / "axe.min.js"
    page.add(CUP)
    for opened in (None, "?"):
        if opened:
            page.press(opened)
            page.test_id("help").wait_for()
        page.page.evaluate(source.read_text())  # By the debugger: the page itself takes no inline script.
        found = page.page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        told = [(each["id"], each["impact"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found]
        assert [each for each in told if each[1] in {"serious", "critical"}] == []


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
