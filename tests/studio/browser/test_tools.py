"""Every tool of the page, used as a person uses it. Masks are those of the library, and the canvas shows them."""

import numpy as np
import pytest

from promptseg import Prompt
from promptseg.images import load_image

from .conftest import COFFEE, CUP, SPOON, mask_of


@pytest.fixture(scope="module")
def expected(served_pipelines):
    """Function that returns the mask of the library for a prompt on the sample image."""
    image = load_image(COFFEE)
    return lambda *prompts: served_pipelines["mini-sam"](image, *prompts).masks[0]


def test_a_click_and_enter_keep_the_mask_that_the_library_has(page, expected):
    kept = page.add(CUP)

    mask = mask_of(kept["mask"])
    assert mask.iou(expected(Prompt.point(*kept["prompts"][-1]["points"][0]))) >= 0.999
    assert page.shown(kept["uid"]).iou(mask) >= 0.999
    assert kept["source"] == "model"
    assert [each["mask"] for each in page.kept["objects"]] == [kept["mask"]]


def test_the_mask_below_the_resting_pointer_is_shown_before_any_click(page):
    page.press("p")
    asked = []
    page.page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/v1/segment") else None)
    with page.page.expect_response("**/v1/segment"):
        page.page.mouse.move(*page.on_screen(*CUP))
    assert asked
    assert page.objects == []


def test_a_second_point_refines_and_backspace_takes_it_back(page):
    page.press("p")
    page.click(*CUP)
    page.drafted()
    page.click(*SPOON)
    page.drafted()
    both = page.page.evaluate("window.promptsegStudio.state.objects.length")
    assert both == 0
    page.press("Backspace")
    page.drafted()
    kept = page.accept()

    [prompt] = [prompt for prompt in kept["prompts"] if prompt.get("points")][-1:]
    assert len(prompt["points"]) == 1
    assert prompt["points"][0] == pytest.approx(CUP, abs=1.5)


def test_a_right_click_says_what_the_object_is_not(page):
    page.press("p")
    page.click(*CUP)
    page.drafted()
    page.click(*SPOON, button="right")
    page.drafted()
    kept = page.accept()

    assert kept["prompts"][-1]["foreground"] == [True, False]
    assert not mask_of(kept["mask"]).array[SPOON[1], SPOON[0]]


def test_a_key_shows_the_other_proposals_and_escape_drops_all(page):
    page.press("p")
    page.click(*CUP)
    page.drafted()
    page.press("c")
    page.wait_for("/^[ ]*[2-9]/.test(document.querySelector('[data-testid=candidate]').textContent)")
    page.press("Escape")
    page.test_id("accept").wait_for(state="hidden")
    assert page.objects == []


def test_a_box_is_dragged(page, expected):
    page.press("r")
    page.drag((20, 60), (120, 380))
    page.drafted()
    kept = page.accept()

    box = kept["prompts"][-1]["box"]
    assert box == pytest.approx([20, 60, 120, 380], abs=2)
    assert mask_of(kept["mask"]).iou(expected(Prompt.box(*box))) >= 0.999


def test_the_brush_makes_an_object_and_the_eraser_takes_from_it(page):
    page.press("b")
    page.drag((200, 300), (400, 300))
    page.wait_for_objects(1)
    painted = mask_of(page.objects[0]["mask"])
    assert painted.array[300, 210:390].all()
    assert page.objects[0]["source"] == "hand"

    page.press("e")
    page.drag((300, 260), (300, 340))
    page.wait_until(f"studio => studio.state.objects[0].mask.counts !== {painted.counts.decode()!r}")
    erased = mask_of(page.objects[0]["mask"])
    assert not erased.array[300, 300]
    assert page.shown(page.objects[0]["uid"]).iou(erased) >= 0.999

    page.press("Control+z")
    page.wait_until("studio => studio.state.save === 'saved'")
    assert mask_of(page.objects[0]["mask"]) == painted


def test_the_lasso_goes_around_an_object(page):
    page.press("l")
    page.drag((100, 100), (200, 100), (200, 200), (100, 200), (100, 100))
    page.wait_for_objects(1)
    pixels = mask_of(page.objects[0]["mask"]).array
    assert pixels[105:195, 105:195].all()
    assert np.count_nonzero(pixels) == pytest.approx(100 * 100, rel=0.05)


def test_words_find_what_the_detector_knows(page):
    page.test_id("tool-text").click()
    page.test_id("phrase").fill("cup, spoon")
    page.press("Enter")
    page.test_id("accept-all").click()
    page.wait_for_objects(2)
    assert sorted(each["label"] for each in page.objects) == ["cup", "spoon"]


def test_everything_is_found_and_one_click_picks_an_object(page):
    page.press("a")
    page.test_id("everything-go").click()
    page.test_id("accept-all").wait_for()
    page.wait_for("!document.querySelector('[data-testid=accept-all]').disabled")
    page.click(*CUP)
    page.wait_for_objects(1)
    assert mask_of(page.objects[0]["mask"]).array[CUP[1], CUP[0]]


def test_a_tool_that_has_no_model_says_why(run_studio, new_page, served_pipelines):
    with run_studio(pipelines={"mini-sam": served_pipelines["mini-sam"]}) as studio:
        page = new_page(studio).open()
        page.test_id("tool-text").click()
        assert "--detector d-fine-n" in page.test_id("why-not").inner_text()
        page.press("Escape", "p", "t")
        page.test_id("why-not").wait_for()
        page.press("e", "l")  # Of a phrase that somebody types.
        assert page.state["tool"] == "text"
        page.press("Escape", "p")  # Keys work again.
        page.wait_until("studio => studio.state.tool === 'point'")
