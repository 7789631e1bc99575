"""Objects in the list: labels, order, merge and split, undo of everything; all of it is kept."""

from .conftest import CUP, SPOON, mask_of


def test_a_digit_gives_a_label_and_undo_takes_it_back(page):
    page.add(CUP)
    page.press("2")
    page.wait_until("studio => studio.state.objects[0].label === 'spoon'")
    assert page.kept["objects"][0]["label"] == "spoon"
    page.press("Control+z")
    page.wait_until("studio => studio.state.objects[0].label !== 'spoon'")
    page.press("Control+z")
    page.wait_for_objects(0)
    page.press("Control+Shift+z", "Control+Shift+z")
    page.wait_until("studio => studio.state.objects.length === 1 && studio.state.objects[0].label === 'spoon'")
    assert page.kept["objects"][0]["label"] == "spoon"


def test_steps_of_an_image_are_undone_after_another_one_was_shown(page):
    page.add(CUP)
    page.press("PageDown")
    page.wait_until("studio => studio.state.open?.name === 'mirrored.jpg'")
    page.press("PageUp")
    page.wait_until("studio => studio.state.open?.name === 'coffee.jpg' && studio.state.objects.length === 1")
    page.press("Control+z")
    page.wait_for_objects(0)
    assert page.kept["objects"] == []
    page.press("Control+Shift+z")
    page.wait_for_objects(1)


def test_a_label_that_is_removed_from_the_list_comes_back_by_undo(page):
    page.page.get_by_role("button", name="More for spoon").click()
    page.page.get_by_role("menuitem", name="Remove from the list").click()
    page.wait_until("studio => studio.state.labels.length === 1")
    page.press("Control+z")
    page.wait_until("studio => studio.state.labels.map(({ name }) => name).join() === 'cup,spoon'")


def test_a_new_object_gets_the_label_that_was_written_last(page):
    page.add(CUP)
    page.press("F2")
    page.page.keyboard.type("saucer")
    page.press("Enter")
    page.wait_until("studio => studio.state.objects[0].label === 'saucer'")
    assert page.add(SPOON)["label"] == "saucer"


def test_two_objects_are_merged_and_split_into_their_parts(page):
    for count, (x, y) in enumerate([(100, 100), (400, 300)], 1):
        page.press("l")
        page.drag((x, y), (x + 60, y), (x + 60, y + 60), (x, y + 60), (x, y))
        page.wait_for_objects(count)
        page.press("v")
        page.click(300, 30)  # Nothing is there: nothing is chosen, so that the next one is an object of its own.
    page.press("Control+a", "m")
    page.wait_for_objects(1)
    whole = mask_of(page.objects[0]["mask"])
    page.press("Shift+m")
    page.wait_for_objects(2)
    parts = [mask_of(each["mask"]) for each in page.objects]
    assert sum(part.area for part in parts) == whole.area
    assert parts[0].iou(parts[1]) == 0


def test_objects_are_hidden_locked_deleted_and_ordered(page):
    first = page.add(CUP)["uid"]
    second = page.add(SPOON)["uid"]
    page.press("x")
    page.wait_until("studio => studio.state.objects[1].hidden")
    page.press("x", "Alt+ArrowDown")
    page.wait_until(f"studio => studio.state.objects[0].uid === {second!r}")
    page.press("Shift+l")
    page.wait_until("studio => studio.state.objects[0].locked")
    assert [each["uid"] for each in page.kept["objects"]] == [second, first]
    assert page.kept["objects"][0]["locked"]
    page.press("Shift+l", "Delete")
    page.wait_for_objects(1)
    assert [each["uid"] for each in page.kept["objects"]] == [first]


def test_a_message_leaves_the_bar_of_a_draft_free_and_goes_when_it_is_true_no_more(page):
    page.add(CUP)
    page.press("Shift+l", "Delete")
    page.test_id("toast").wait_for()
    page.press("Shift+l")
    page.wait_for("document.querySelector('[data-testid=toast]') === null")
    page.press("Shift+l", "Delete")
    page.noticed()
    page.press("p")
    page.click(*SPOON)
    page.drafted()
    toast, bar = (page.test_id(name).bounding_box() for name in ("toast", "tool-panel"))
    assert toast["y"] + toast["height"] <= bar["y"]
    page.test_id("accept").click()
    page.wait_for_objects(2)


def test_code_of_what_was_clicked_is_shown(page):
    page.add(CUP)
    page.press("Control+Shift+c")
    page.test_id("code-dialog").wait_for()
    text = page.test_id("code-dialog").inner_text()
    assert "import promptseg as ps" in text
    assert "promptseg segment" in text
