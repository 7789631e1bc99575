"""Nothing is lost: reload, a second tab, a server that ends and comes back, a page that is closed in the middle."""

from .conftest import CUP, SPOON


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


def test_a_person_chooses_where_two_tabs_changed_the_same_object(studio, page, new_page):
    uid = page.add(CUP)["uid"]
    page.saved()
    other = new_page(studio, page.page.context, expected=["409"]).open()
    other.wait_for_objects(1)
    other.page.route("**/v1/studio/events", lambda route: route.abort())
    # The other tab does not hear of the change: its own is made to the version before.
    studio_document = page.kept
    changed = {**studio_document["objects"][0], "label": "plate"}
    with other.page.expect_response("**/changes"):
        held = []
        other.page.route("**/changes", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function, which a built-in one does not allow.
        other.press("v", "Control+a", "2")
        while not held:
            other.page.wait_for_timeout(20)
        answer = studio.client.post(
            f"/v1/studio/images/{page.state['key']}/changes",
            json={"version": studio_document["version"], "change": {"put": [_sent(changed)], "remove": []}},
        )
        assert answer.status_code == 200, answer.text
        other.page.unroute("**/changes")
        held[0].continue_()
    other.test_id("conflict").wait_for()
    other.test_id("keep-mine").click()
    other.wait_until(f"studio => studio.state.objects.some((each) => each.uid === {uid!r} && each.label === 'spoon')")
    other.saved()
    page.wait_until("studio => studio.state.objects[0].label === 'spoon'")


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
