"""Menus on objects and on the image: by the other button, by keys, and by a finger that rests."""

import numpy as np
import pytest

from .conftest import CUP, SPOON, Fingers, mask_of


@pytest.fixture
def two(page):
    """The uids of the cup and the spoon, of which none is chosen."""
    uids = [page.add(CUP)["uid"], page.add(SPOON)["uid"]]
    page.press("v", "Escape")
    page.wait_until("studio => studio.state.selection.length === 0")
    return uids


def items(page):
    """The texts of the items of the open menu that can be chosen."""
    page.page.get_by_role("menu").wait_for()
    return page.page.locator("[role=menu] [role=menuitem]:not(:disabled) > span.ellipsis").all_inner_texts()


def test_a_right_click_on_an_object_opens_its_menu(page, two):
    page.click(*CUP, button="right")
    assert items(page) == ["Select", "Change the label", "Refine by points", "Hide", "Lock", "Copy the cut-out", "Delete"]
    page.test_id("menu-select").click()
    page.wait_until(f"studio => studio.state.selection.join() === {two[0]!r}")
    page.click(*CUP, button="right")
    page.test_id("menu-objects.hide").click()
    page.wait_until("studio => studio.state.objects[0].hidden && !studio.state.objects[1].hidden")
    assert page.kept["objects"][0]["hidden"]


def test_objects_are_merged_by_the_menu_of_one_with_the_chosen_ones(page, two):
    page.click(*SPOON)
    page.wait_until(f"studio => studio.state.selection.join() === {two[1]!r}")
    page.click(*CUP, button="right")
    page.test_id("menu-objects.merge").click()
    page.wait_for_objects(1)
    assert page.objects[0]["uid"] == two[1]


def test_an_object_is_renamed_locked_and_deleted_by_its_menu(page, two):
    page.click(*CUP, button="right")
    page.test_id("menu-objects.rename").click()
    page.page.keyboard.type("saucer")
    page.press("Enter")
    page.wait_until("studio => studio.state.objects[0].label === 'saucer'")
    page.click(*CUP, button="right")
    page.test_id("menu-objects.lock").click()
    page.wait_until("studio => studio.state.objects[0].locked")
    page.click(*CUP, button="right")
    assert "Delete" not in items(page)
    page.test_id("menu-objects.lock").click()
    page.wait_until("studio => !studio.state.objects[0].locked")
    page.click(*CUP, button="right")
    page.test_id("menu-objects.delete").click()
    page.wait_for_objects(1)
    assert page.objects[0]["uid"] == two[1]


def test_beside_objects_the_menu_is_that_of_the_image(page, two):
    empty = ~np.any([mask_of(each["mask"]).array for each in page.objects], 0)
    y, x = (int(each) for each in np.argwhere(empty)[-1])
    page.click(x, y, button="right")
    assert items(page)[:2] == ["Choose all", "Copy as code"]
    page.test_id("menu-objects.all").click()
    page.wait_until("studio => studio.state.selection.length === 2")


def test_while_a_mask_is_made_a_right_click_is_a_point_and_opens_nothing(page):
    page.press("p")
    page.click(*CUP)
    page.drafted()
    page.click(*SPOON, button="right")
    page.drafted()
    assert page.page.get_by_role("menu").count() == 0
    assert page.accept()["prompts"][-1]["foreground"] == [True, False]


@pytest.mark.parametrize("key", ["ContextMenu", "Shift+F10"])
def test_the_menu_is_used_by_keys_alone(page, two, key):
    page.press("Control+a")
    page.test_id("stage").focus()
    page.press(key)
    assert items(page)[0] == "Select"
    page.press("End")
    page.page.get_by_role("menuitem", name="Delete").wait_for()
    assert page.page.evaluate("document.activeElement.dataset.testid") == "menu-objects.delete"
    page.press("Escape")
    assert page.page.evaluate("document.activeElement.dataset.testid") == "stage"
    page.press(key, "End", "Enter")
    page.wait_for_objects(0)


def test_the_menu_of_a_row_of_the_list_is_that_of_its_object(page, two):
    page.page.get_by_test_id("object").last.click(button="right")
    page.test_id("menu-select").click()
    page.wait_until(f"studio => studio.state.selection.join() === {two[0]!r}")
    page.press("ContextMenu")
    page.test_id("menu-objects.delete").click()
    page.wait_for_objects(1)
    assert page.objects[0]["uid"] == two[1]


def test_a_finger_that_rests_opens_the_menu_and_does_nothing_else(studio, new_page, browser):
    context = browser.new_context(viewport={"width": 820, "height": 1180}, locale="en-US", has_touch=True)
    page = new_page(studio, context).open()
    page.add(CUP)
    page.press("v", "Escape")
    fingers = Fingers(page.page)
    fingers.down(page.on_screen(*CUP))
    page.page.get_by_role("menu").wait_for()
    fingers.up()
    assert page.state["selection"] == []
    page.test_id("menu-objects.delete").tap()
    page.wait_for_objects(0)
    context.close()


def test_the_menu_stays_within_the_window(page):
    right, bottom = page.page.evaluate("(({ screen }) => [screen.width, screen.height])(promptsegStudio.stage.viewport)")
    box = page.test_id("stage").bounding_box()
    page.page.mouse.click(box["x"] + right - 3, box["y"] + bottom - 3, button="right")
    menu = page.page.get_by_role("menu")
    menu.wait_for()
    place = menu.bounding_box()
    assert place["x"] >= 0 <= place["y"]
    assert place["x"] + place["width"] <= 1280
    assert place["y"] + place["height"] <= 800
