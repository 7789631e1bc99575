"""Nothing is lost: reload, a second tab, a server that ends and comes back, a page that is closed in the middle."""

import shutil
import time

import pytest
from PIL import Image

from .conftest import COFFEE, CUP, SECONDS, SPOON, serious_faults


def test_a_reload_shows_what_was_kept(page):
    page.add(CUP)
    page.saved()
    page.page.reload()
    page.wait_until("studio => studio.state.objects.length === 1")


def test_two_tabs_see_each_other_and_both_keep_their_objects(studio, page, new_page):
    other = new_page(studio, page.page.context).open()
    first = page.add(CUP)["uid"]
    other.wait_for_objects(1)
    second = other.add(SPOON)["uid"]
    page.wait_for_objects(2)
    assert {each["uid"] for each in page.kept["objects"]} == {first, second}


@pytest.fixture
def conflict(studio, page, new_page):
    """Function that has a tab change the labels of all objects, which somebody else has given the label "plate" meanwhile.

    It returns the tab, in which the person is asked.
    """

    def make():
        before = page.kept
        other = new_page(studio, page.page.context, expected=["409"]).open()
        other.wait_for_objects(len(before["objects"]))
        # The other tab does not hear of the change: its own is made to the version before.
        other.page.route("**/v1/studio/events", lambda route: route.abort())
        held = []
        other.page.route("**/changes", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function, which a built-in one does not allow.
        other.press("v", "Control+a", "2")
        other.wait_until("studio => studio.state.save === 'saving'")
        end = time.monotonic() + SECONDS
        while not held:
            assert time.monotonic() < end, "the change was not sent"
            other.page.wait_for_timeout(20)
        put = [_sent({**each, "label": "plate"}) for each in before["objects"]]
        address = f"/v1/studio/images/{page.state['key']}/changes"
        studio.client.post(address, json={"version": before["version"], "change": {"put": put, "remove": []}}).raise_for_status()
        other.page.unroute("**/changes")
        held[0].continue_()
        other.test_id("conflict").wait_for()
        return other

    return make


def test_a_person_chooses_where_two_tabs_changed_the_same_object(page, conflict):
    page.add(CUP)
    tab = conflict()
    assert tab.test_id("keep-chosen").get_attribute("aria-disabled") == "true"
    assert "Different: label" in tab.test_id("version-row").inner_text()
    tab.test_id("choose-mine").check()
    tab.test_id("keep-chosen").click()
    tab.wait_until("studio => studio.state.objects[0].label === 'spoon'")
    tab.saved()
    page.wait_until("studio => studio.state.objects[0].label === 'spoon'")


def test_versions_of_several_objects_are_chosen_one_by_one_in_one_dialog(page, conflict):
    cup, spoon = page.add(CUP)["uid"], page.add(SPOON)["uid"]
    tab = conflict()
    assert tab.test_id("version-row").count() == 2
    assert serious_faults(tab.page) == []
    tab.page.locator("[data-testid=version-row] canvas").nth(3).wait_for()
    tab.page.locator(f"[data-uid='{cup}'] [data-testid=choose-mine]").check()
    tab.page.locator(f"[data-uid='{spoon}'] [data-testid=choose-theirs]").check()
    tab.test_id("keep-chosen").click()
    tab.saved()
    assert {each["uid"]: each["label"] for each in tab.kept["objects"]} == {cup: "spoon", spoon: "plate"}


@pytest.mark.parametrize(("choice", "label"), [("mine", "spoon"), ("theirs", "plate")])
def test_one_choice_is_made_for_all_objects(page, conflict, choice, label):
    page.add(CUP)
    page.add(SPOON)
    tab = conflict()
    tab.test_id(f"all-{choice}").click()
    tab.test_id("keep-chosen").click()
    tab.saved()
    assert [each["label"] for each in tab.kept["objects"]] == [label, label]


def _sent(value):
    """Return an object as a page sends it."""
    return {key: each for key, each in value.items() if key != "rev"}


def test_work_goes_on_while_the_server_is_away_and_is_sent_later(studio, new_page):
    page = new_page(studio, expected=["ERR_INTERNET_DISCONNECTED"]).open()
    page.page.context.set_offline(True)
    page.press("b")
    page.drag((100, 100), (140, 100))
    page.wait_for_objects(1)
    page.wait_until("studio => studio.state.save !== 'saved'")
    page.page.context.set_offline(False)
    page.saved()
    assert len(page.kept["objects"]) == 1


def test_an_image_that_is_chosen_while_the_server_is_away_is_opened_later(run_studio, new_page, images):
    shutil.copyfile(COFFEE, images / "table.jpg")  # The two images before it are opened ahead.
    with run_studio() as studio:
        page = new_page(studio, expected=["ERR_INTERNET_DISCONNECTED"]).open()
        page.page.context.set_offline(True)
        page.page.locator("[data-testid=thumb]", has_text="table").click()
        page.test_id("unreadable").wait_for()
        told = page.test_id("unreadable").inner_text()
        assert "The server cannot be reached" in told
        assert "cannot be opened" not in told
        page.page.context.set_offline(False)
        page.test_id("open-again").click()
        page.wait_until("studio => studio.state.open?.name === 'table.jpg'")


@pytest.mark.parametrize("width", [1280, 820])
def test_the_line_about_a_lost_server_covers_nothing(run_studio, new_page, browser, images, tmp_path, width):
    from promptseg.studio_server.truth import Truth

    truth = tmp_path / "truth"
    truth.mkdir()
    for path in images.iterdir():
        with Image.open(path) as image:
            Image.new("L", image.size, 255).save(truth / f"{path.stem}.png")
    context = browser.new_context(viewport={"width": width, "height": 800}, locale="en-US")
    with run_studio() as studio:
        studio.project.truth = Truth.open(f"masks={truth}", images)
        page = new_page(studio, context, expected=["ERR_INTERNET_DISCONNECTED"]).open()
        page.press("b")
        context.set_offline(True)
        page.drag((300, 300), (340, 300))
        page.test_id("banner").wait_for()
        line = page.test_id("banner").bounding_box()
        for name in ("truth", "tool-panel"):
            box = page.test_id(name).bounding_box()
            assert line["y"] + line["height"] <= box["y"], name
        context.set_offline(False)
        page.saved()
        page.test_id("banner").wait_for(state="detached")
    context.close()
