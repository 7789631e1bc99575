"""Answers that take their time: what one does meanwhile is never lost silently, and never reaches another image."""

import pytest

from promptseg.studio_server.image_list import key_of

from .conftest import CUP, Held

OPENING = "mirrored.jpg is being opened"


@pytest.fixture
def opening(studio, new_page):
    """The page with the sample image, and the answer by which the next one is opened, which is held back."""
    page = new_page(studio)
    held = Held(page.page, rf"/images/{key_of('mirrored.jpg')}$")
    return page.open(), held


def test_while_the_next_image_is_opened_the_one_before_takes_nothing(opening, studio):
    page, held = opening
    page.add(CUP)
    page.press("PageDown")
    page.wait_until(f"studio => studio.state.key === '{key_of('mirrored.jpg')}'")
    page.click(70, 250)
    assert page.test_id("toast").all_inner_texts() == [OPENING]
    before = page.state
    page.press("Delete", "Control+z", "q", "Control+Enter", "1")
    page.test_id("filter-all").click()  # A click of the list works.
    assert (page.state["objects"], page.state["state"], page.state["key"]) == (before["objects"], "started", before["key"])
    assert page.test_id("toast").all_inner_texts() == [OPENING]
    page.wait_for("document.querySelector('[data-testid=stage]').getAttribute('aria-busy') === 'true'")
    assert OPENING in page.page.locator(".status").inner_text()
    assert OPENING in page.test_id("busy").inner_text()
    held.let_go()
    page.wait_until("studio => studio.state.open.name === 'mirrored.jpg'")
    page.settled()
    assert page.test_id("toast").count() == page.test_id("busy").count() == 0
    assert page.objects == []
    page.add(CUP)
    page.saved()
    counts = {image["name"]: image["objects"] for image in studio.client.get("/v1/studio/images").json()["images"]}
    assert counts == {"coffee.jpg": 1, "mirrored.jpg": 1, "squares.png": 0}


def test_an_image_that_is_asked_for_twice_is_opened(opening):
    page, held = opening
    page.page.locator("[data-testid=thumb]", has_text="mirrored").dblclick()
    held.waits()
    held.let_go()
    page.wait_until("studio => studio.state.open.name === 'mirrored.jpg'")


def test_a_stroke_that_is_drawn_as_the_next_image_is_asked_for_stays_on_its_own(opening, studio):
    page, held = opening
    page.press("b")
    page.page.mouse.move(*page.on_screen(100, 100))
    page.page.mouse.down()
    page.page.mouse.move(*page.on_screen(200, 100), steps=4)
    page.press("PageDown")
    page.wait_for_objects(1)
    page.page.mouse.move(*page.on_screen(200, 200), steps=4)
    held.waits()
    held.let_go()
    page.wait_until("studio => studio.state.open.name === 'mirrored.jpg'")
    page.page.mouse.move(*page.on_screen(300, 200), steps=4)
    page.page.mouse.up()
    assert page.objects == []
    page.saved()
    counts = {image["name"]: image["objects"] for image in studio.client.get("/v1/studio/images").json()["images"]}
    assert counts == {"coffee.jpg": 1, "mirrored.jpg": 0, "squares.png": 0}


def test_a_click_at_the_first_image_before_it_is_there_says_so(studio, new_page):
    page = new_page(studio)
    held = Held(page.page, rf"/images/{key_of('coffee.jpg')}$")
    address = studio.client.post("/v1/studio/addresses").json()["address"]
    page.page.goto(f"{studio.url}{address}")
    held.waits()
    page.test_id("stage").click()
    assert page.test_id("toast").all_inner_texts() == ["coffee.jpg is being opened"]
    held.let_go()
    page.wait_until("studio => studio.state.open !== null")
    assert page.test_id("toast").count() == 0


def test_the_first_mask_of_an_image_shows_that_it_takes_longer_without_moving_anything(page):
    def places():
        shown = ("[data-testid=stage]", ".status", ".side", "[data-testid=folder]", "[data-testid=zoom]")
        return [page.page.locator(each).bounding_box() for each in shown]

    held = Held(page.page, r"/v1/segment$")
    before = places()
    page.page.mouse.move(*page.on_screen(*CUP))
    held.waits()
    busy = page.test_id("busy")
    busy.wait_for()
    text = "Preparing the image for its first mask…"
    assert text in busy.inner_text()
    assert text in page.page.locator(".status").inner_text()
    assert text in page.test_id("live").inner_text()
    assert page.test_id("stage").get_attribute("aria-busy") == "true"
    assert places() == before
    page.click(*CUP)
    assert text in page.test_id("draft").inner_text()
    held.let_go()
    page.drafted()
    page.wait_for("document.querySelector('[data-testid=busy]') === null")
    assert page.test_id("stage").get_attribute("aria-busy") == "false"
    assert text not in page.page.locator(".status").inner_text()
    assert places() == before
    held = Held(page.page, r"/v1/segment$")
    page.click(320, 160)
    held.waits()
    assert "One moment…" in page.test_id("draft").inner_text()
    page.wait_for("document.querySelector('[data-testid=draft]').parentElement.getAttribute('aria-busy') === 'true'")
    assert page.test_id("busy").count() == 0
    held.let_go()
    page.drafted()
