"""A folder of images: on to the next, filters, suggestions, files that are dropped, import and export."""

import io
import json
import shutil
import zipfile

import numpy as np
from PIL import Image

from promptseg import Mask

from .conftest import COFFEE, CUP, mask_of


def test_done_goes_on_to_the_next_image_and_the_list_tells_it(page):
    page.add(CUP)
    page.press("Control+Enter")
    page.wait_until("studio => studio.state.open.name === 'mirrored.jpg'")
    page.wait_until("studio => studio.state.images[0].state === 'done'")
    states = {image["name"]: image["state"] for image in page.state["images"]}
    assert states == {"coffee.jpg": "done", "mirrored.jpg": "new", "squares.png": "new"}
    page.press("PageUp")
    page.wait_until("studio => studio.state.open.name === 'coffee.jpg' && studio.state.objects.length === 1")


def test_suggestions_are_made_for_the_images_that_are_new(page):
    page.add(CUP)
    page.test_id("folder-menu").click()
    page.test_id("suggest").click()
    page.test_id("suggest-phrases").fill("cup, spoon")
    page.test_id("suggest-go").click()
    page.wait_until("studio => studio.state.images.filter((each) => each.state === 'suggested').length === 2")
    states = {image["name"]: image["state"] for image in page.state["images"]}
    assert states["coffee.jpg"] == "started"
    assert all(image["doubt"] is not None for image in page.state["images"] if image["state"] == "suggested")


def test_done_with_an_open_draft_keeps_it_and_says_so_and_undo_takes_it_back(page):
    page.press("p")
    page.click(*CUP)
    page.drafted()
    page.press("Control+Enter")
    page.wait_until("studio => studio.state.open?.name === 'mirrored.jpg'")
    assert "coffee.jpg" in page.noticed("Undo").inner_text()
    page.wait_until("studio => studio.state.images[0].objects === 1 && studio.state.images[0].state === 'done'")
    page.noticed("Undo").get_by_text("Undo").click()
    page.wait_until("studio => studio.state.images[0].objects === 0")
    page.press("PageUp")
    page.wait_until("studio => studio.state.open?.name === 'coffee.jpg' && studio.state.objects.length === 0")


def test_an_export_is_downloaded_with_what_it_lost(page):
    kept = page.add(CUP)
    page.press("1", "Control+e")
    page.test_id("export-dialog").wait_for()
    page.test_id("export-go").click()
    with page.page.expect_download() as waiting:
        page.test_id("download").click()
    with zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes())) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(".json") and "manifest" not in each and "promptseg" not in each][:1]
        content = json.loads(archive.read(name))
    assert [category["name"] for category in content["categories"]][:1] == ["cup"]
    [annotation] = content["annotations"]
    assert annotation["area"] == mask_of(kept["mask"]).area


def test_the_export_counts_what_is_annotated_while_its_dialog_is_open(page, studio):
    page.press("Control+e")
    page.test_id("export-go").wait_for()
    assert page.test_id("export-go").is_disabled()
    mask = Mask.from_crop(np.ones((20, 30), bool), (100, 100), (400, 600))
    put = [{"uid": "a", "label": "cup", "mask": mask.to_coco_rle(), "source": "hand"}]
    address = f"/v1/studio/images/{page.state['key']}/changes"
    studio.client.post(address, json={"version": 0, "change": {"put": put}}).raise_for_status()
    page.wait_for("!document.querySelector('[data-testid=export-go]').disabled")
    assert "1 image will be exported" in page.test_id("export-dialog").inner_text()


def test_a_file_that_is_dropped_becomes_an_image(page, images):
    before = len(page.state["images"])
    page.page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(50, 40);
            canvas.getContext('2d').fillRect(5, 5, 20, 20);
            const file = new File([await canvas.convertToBlob()], 'dropped.png', { type: 'image/png' });
            const data = new DataTransfer();
            data.items.add(file);
            document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    page.wait_until(f"studio => studio.state.images.length === {before + 1}")
    assert any(image["name"].endswith("dropped.png") for image in page.state["images"])
    assert not (images / "dropped.png").exists()


def test_objects_are_compared_with_the_truth_of_their_own_image(run_studio, new_page, images, tmp_path):
    from promptseg.studio_server.truth import Truth

    (images / "mirrored.jpg").unlink()
    truth = tmp_path / "truth"
    truth.mkdir()
    for name in ("coffee.jpg", "squares.png"):  # Of different sizes.
        with Image.open(images / name) as image:
            Image.fromarray(np.full((image.height, image.width), 255, np.uint8)).save(truth / name.replace("jpg", "png"))
    with run_studio() as studio:
        studio.project.truth = Truth.open(f"masks={truth}", images)
        page = new_page(studio).open()
        page.add(CUP)
        assert float(page.test_id("mean-iou").inner_text()) > 0
        page.press("PageDown")
        page.wait_until("studio => studio.state.open.name === 'squares.png'")
        assert float(page.test_id("mean-iou").inner_text()) == 0


def test_an_image_that_cannot_be_read_says_why_and_what_to_do(run_studio, new_page, images):
    (images / "nothing.jpg").write_bytes(b"This is no image.")
    with run_studio() as studio:
        page = new_page(studio, expected=["status of 4"]).open()
        page.page.locator("[data-testid=thumb]", has_text="nothing").click()
        told = page.test_id("unreadable")
        told.wait_for()
        for part in ("nothing.jpg cannot be opened", "is damaged", "Try again when the file has changed"):
            assert part in told.inner_text()
        assert page.state["open"] is None
        with page.page.expect_response(lambda answer: answer.status >= 400):
            page.test_id("open-again").click()
        assert told.is_visible()
        shutil.copyfile(COFFEE, images / "nothing.jpg")
        page.test_id("open-again").click()
        page.wait_until("studio => studio.state.open?.name === 'nothing.jpg'")
        told.wait_for(state="hidden")


def test_one_goes_on_from_an_image_that_cannot_be_read(run_studio, new_page, images):
    (images / "nothing.jpg").write_bytes(b"This is no image.")
    with run_studio() as studio:
        page = new_page(studio, expected=["status of 4"]).open()
        page.page.locator("[data-testid=thumb]", has_text="nothing").click()
        page.test_id("skip-unreadable").click()
        page.wait_until("studio => studio.state.open?.name === 'squares.png'")
        page.test_id("unreadable").wait_for(state="hidden")


def test_the_order_by_doubt_is_offered_where_something_has_suggestions(page):
    assert page.test_id("by-doubt").is_hidden()
    page.test_id("folder-menu").click()
    page.test_id("suggest").click()
    page.test_id("suggest-phrases").fill("cup, spoon")
    page.test_id("suggest-go").click()
    page.test_id("by-doubt").wait_for()
    page.wait_until("studio => studio.state.images.every((image) => image.state === 'suggested')")
    page.test_id("by-doubt").click()
    assert page.test_id("by-doubt").get_attribute("aria-pressed") == "true"
    by_doubt = sorted(page.state["images"], key=lambda image: image["doubt"] or -1, reverse=True)
    page.wait_for(
        "[...document.querySelectorAll('[data-testid=thumb]')]"
        ".sort((a, b) => a.parentElement.ariaPosInSet - b.parentElement.ariaPosInSet).map(each => each.dataset.key)"
        f".join() === {','.join(image['key'] for image in by_doubt)!r}"
    )
    page.page.set_viewport_size({"width": 820, "height": 1180})
    page.test_id("by-doubt").click()
    assert page.test_id("by-doubt").get_attribute("aria-pressed") == "false"
    assert page.test_id("folder").locator("header").evaluate("element => element.scrollWidth <= element.clientWidth")


def test_suggestions_that_fail_and_those_that_cannot_be_made_are_told(run_studio, new_page, images):
    (images / "nothing.jpg").write_bytes(b"This is no image.")
    with run_studio() as studio:
        page = new_page(studio, expected=["status of 4", "status of 500"]).open()
        page.page.route("**/v1/studio/suggest", lambda route: route.fulfill(status=500, json={"title": "Error", "detail": "no memory"}))
        page.test_id("folder-menu").click()
        page.test_id("suggest").click()
        page.test_id("suggest-dialog").get_by_text("3 new images").wait_for()  # Of four, one cannot be read.
        page.test_id("suggest-go").click()
        page.test_id("suggest-refused").wait_for()
        assert page.test_id("suggest-refused").inner_text() == "No suggestions were made: no memory"


def test_an_import_is_taken_back_from_its_report_or_from_its_message(studio, new_page):
    page = new_page(studio, expected=["status of 409"]).open()
    mask = Mask.from_crop(np.ones((20, 30), bool), (100, 100), (400, 600)).to_coco_rle()
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": mask, "attributes": {"color": "white"}}
    content = {
        "images": [{"id": 1, "file_name": "coffee.jpg", "width": 600, "height": 400}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [annotation],
    }
    own = page.add(CUP)

    def imported():
        page.test_id("folder-menu").click()
        page.test_id("import").click()
        file = {"name": "coco.json", "mimeType": "application/json", "buffer": json.dumps(content).encode()}
        page.test_id("import-file").set_input_files(file)
        page.test_id("import-go").click()
        page.test_id("import-replace").click()
        page.test_id("import-report").wait_for()
        page.wait_until("studio => studio.state.objects.length === 1 && studio.state.objects[0].source === 'import'")
        assert page.objects[0]["attributes"] == {"color": "white"}

    def is_as_before():
        page.wait_until(f"studio => studio.state.objects.length === 1 && studio.state.objects[0].uid === '{own['uid']}'")
        assert page.objects[0]["mask"] == own["mask"]
        assert [each["uid"] for each in page.kept["objects"]] == [own["uid"]]

    imported()
    page.test_id("import-undo").click()
    is_as_before()
    assert page.test_id("import-dialog").count() == 0
    imported()
    page.press("Escape")
    page.noticed("Undo import").get_by_text("Undo import").click()
    is_as_before()
    assert "The import was taken back" in page.test_id("toast").all_inner_texts()[-1]
    page.press("Control+Shift+z")
    page.test_id("live").filter(has_text="Redone").wait_for(state="attached")  # What is done before that is undone after it.
    page.wait_until("studio => studio.state.objects[0].source === 'import'")
    page.press("v", "Control+a", "Delete")
    page.wait_for_objects(0)
    page.press("Control+z")
    page.wait_until("studio => studio.state.objects.length === 1 && studio.state.objects[0].source === 'import'")
    page.press("Control+z")
    is_as_before()
    page.press("Control+z")
    page.wait_for_objects(0)


def test_several_annotation_files_are_imported_as_one(page):
    def labelme(name, x):
        shape = {"label": "cup", "points": [[x, 10], [x + 40, 10], [x + 40, 50]], "shape_type": "polygon", "group_id": None, "flags": {}}
        size = {"imageHeight": 200, "imageWidth": 300} if name == "squares.png" else {"imageHeight": 400, "imageWidth": 600}
        values = {"version": "5.0.1", "flags": {}, "shapes": [shape], "imagePath": name, "imageData": None, **size}
        return {"name": f"{name.split('.')[0]}.json", "mimeType": "application/json", "buffer": json.dumps(values).encode()}

    page.test_id("folder-menu").click()
    page.test_id("import").click()
    page.test_id("import-file").set_input_files([labelme("coffee.jpg", 20), labelme("squares.png", 60)])
    page.test_id("import-go").click()
    page.test_id("import-report").wait_for()
    assert page.test_id("import-report").inner_text() == "Imported: 2 objects in 2 images"
    page.press("Escape")
    page.wait_for_objects(1)


def test_boxes_without_masks_are_imported_where_a_person_says_so(studio, new_page):
    page = new_page(studio, expected=["status of 422"]).open()
    content = {
        "images": [{"id": 1, "file_name": "coffee.jpg", "width": 600, "height": 400}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 30, 40, 50], "segmentation": []}],
    }
    page.test_id("folder-menu").click()
    page.test_id("import").click()
    file = {"name": "boxes.json", "mimeType": "application/json", "buffer": json.dumps(content).encode()}
    page.test_id("import-file").set_input_files(file)
    page.test_id("import-go").click()
    page.test_id("import-dialog").get_by_role("alert").wait_for()
    page.test_id("import-boxes").check()
    page.test_id("import-go").click()
    page.wait_for_objects(1)
    assert mask_of(page.objects[0]["mask"]).area == 40 * 50


def test_images_that_come_and_go_while_the_page_is_open_are_shown(page, images):
    shutil.copyfile(COFFEE, images / "a later one.jpg")
    page.wait_until("studio => studio.state.images.some((image) => image.name === 'a later one.jpg')")
    (images / "squares.png").unlink()
    page.wait_until("studio => studio.state.images.length === 3")
    assert [image["name"] for image in page.state["images"]] == ["a later one.jpg", "coffee.jpg", "mirrored.jpg"]


def test_suggestions_that_are_refused_say_why_before_the_dialog_closes(studio, new_page):
    page = new_page(studio, expected=["status of 422"]).open()
    told = "'cupp' names none of the 80 classes of this detector. Similar classes: 'cup'."
    problem = {"type": "about:blank", "title": "Prompt", "status": 422, "detail": told}
    answer = {"status": 422, "content_type": "application/problem+json", "body": json.dumps(problem)}
    page.page.route("**/v1/studio/suggest", lambda route: route.fulfill(**answer))
    page.test_id("folder-menu").click()
    page.test_id("suggest").click()
    page.test_id("suggest-phrases").fill("cupp")
    page.test_id("suggest-go").click()
    page.test_id("suggest-refused").wait_for()
    assert page.test_id("suggest-refused").inner_text() == f"No suggestions were made: {told}"
    page.page.unroute("**/v1/studio/suggest")
    page.test_id("suggest-phrases").fill("cup")
    page.test_id("suggest-go").click()
    page.wait_until("studio => studio.state.images.filter((each) => each.state === 'suggested').length === 3")
    assert page.test_id("suggest-dialog").count() == 0
