import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt, annotate
from promptseg.annotation import gallery
from promptseg.annotation.drawings import THUMBNAIL_SIZE, draw_thumbnail
from promptseg.class_colors import ClassColors, palette
from promptseg.masks import Masks
from promptseg.results import Result


def data(out):
    page = (out / "gallery" / "index.html").read_text("utf-8")
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_knows_of_each_image_its_classes_scores_and_thumbnail(image_folder, finder, tmp_path):
    annotate(image_folder("a/0.png", "1.png"), pipeline=finder, out=tmp_path / "out")
    content = data(tmp_path / "out")
    assert [entry[:2] for entry in content["run"]["classes"]] == [["cat", 4], ["dog", 2]]
    assert [image["n"] for image in content["images"]] == ["1.png", "a/0.png"]
    (cats, dogs) = content["images"][0]["c"]
    assert (cats[:2], dogs[:2]) == ([0, 2], [1, 1])
    assert cats[2] == cats[3] == round(0.9 * 0.95, 3)
    for image in content["images"]:
        with Image.open(tmp_path / "out" / "gallery" / image["p"]) as thumbnail:
            assert thumbnail.size == (80, 60)
        assert (tmp_path / "out" / "gallery" / image["f"]).resolve().is_file()


def test_objects_without_a_class_are_named_as_in_datasets_and_have_no_color_of_a_class(image_folder, pipeline, tmp_path):
    done = annotate(image_folder("a.png"), Prompt.everything(2), pipeline=pipeline, out=tmp_path / "out", formats=["coco"])
    coco = json.loads((tmp_path / "out" / "coco.json").read_text("utf-8"))
    assert done.classes == {category["name"]: 4 for category in coco["categories"]} == {"object": 4}
    assert "\n  object: 4\n" in str(done)
    content = data(tmp_path / "out")
    assert content["run"]["classes"] == [["object", 4, None]]
    assert [entry[:2] for entry in content["images"][0]["c"]] == [[0, 4]]


def test_the_page_needs_no_network_and_no_other_file_but_the_thumbnails(image_folder, finder, tmp_path):
    annotate(image_folder("0.png"), pipeline=finder, out=tmp_path / "out")
    page = (tmp_path / "out" / "gallery" / "index.html").read_text("utf-8")
    assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest|<link|<script src", page)


def test_failures_are_on_the_page_with_their_reason_and_no_thumbnail(image_folder, finder, tmp_path):
    root = image_folder("0.png")
    (root / "1.png").write_bytes(b"")
    annotate(root, pipeline=finder, out=tmp_path / "out")
    found, failed = data(tmp_path / "out")["images"]
    assert "r" not in found
    assert "p" not in failed
    assert "empty" in failed["r"]


def test_names_and_labels_cannot_leave_the_pages_data(image_folder, pipeline, tmp_path):
    name = "<script>alert(1)<!--&.png"
    (tmp_path / "t.csv").write_text(f"image,x0,y0,x1,y1,label\n{name},1,1,9,9,</script><b>\n")
    annotate(tmp_path / "t.csv", pipeline=pipeline, images=image_folder(name), out=tmp_path / "out")
    annotate([image_folder(name.replace("/", "")) / name], Prompt.box(1, 1, 9, 9), pipeline=pipeline, out=tmp_path / "other")
    page = (tmp_path / "other" / "gallery" / "index.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert data(tmp_path / "other")["images"][0]["n"].endswith(name)


def test_a_run_larger_than_the_gallery_has_a_share_of_its_images_in_it_and_says_so(image_folder, finder, tmp_path):
    root = image_folder(*(f"{index}.png" for index in range(30)))
    annotate(root, pipeline=finder, out=tmp_path / "out", gallery=10)
    content = data(tmp_path / "out")
    assert 0 < content["run"]["shown"] == len(content["images"]) <= 10
    assert content["run"]["images"] == 30
    assert len(list((tmp_path / "out" / "gallery" / "thumbnails").rglob("*.jpg"))) < 20


def test_without_a_gallery_there_is_none(image_folder, finder, tmp_path):
    annotate(image_folder("0.png"), pipeline=finder, out=tmp_path / "out", gallery=0)
    assert not (tmp_path / "out" / "gallery").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_images_with_a_thumbnail_is_about_what_was_asked_for(share):
    chosen = sum(gallery.has_thumbnail(f"{index}.jpg", share) for index in range(2000))
    assert abs(chosen / 2000 - share) < 0.05


def test_a_thumbnail_is_small_and_shows_the_masks_where_they_are(tmp_path):
    image = np.full((900, 1600, 3), 60, np.uint8)
    mask = np.zeros((900, 1600), bool)
    mask[300:600, 400:800] = True
    (tmp_path / "p.jpg").write_bytes(draw_thumbnail(Result(Masks([Mask.from_array(mask)]), image=image), (), "key"))
    thumbnail = np.asarray(Image.open(tmp_path / "p.jpg"), int)
    assert thumbnail.shape == (270, 480, 3)
    colored = np.abs(thumbnail - 60).max(axis=2) > 30
    assert colored[100:170, 130:230].all()
    assert not colored[:80].any()
    assert not colored[:, 260:].any()


def test_an_object_without_a_score_is_not_one_of_low_score():
    record = {"masks": [{"label": "a", "score": None}, {"label": "a", "score": 0.5}, {"label": "b", "score": None}]}
    assert [entry[:4] for entry in gallery._scores(record, {"a": 0, "b": 1}, ClassColors(["a", "b"]))] == [[0, 2, 0.5, 0.5], [1, 1, -1, -1]]


def hexadecimal(color):
    return "#{:02x}{:02x}{:02x}".format(*color)


def has_color(path, color):
    """Return whether an image has a color, as far as JPEG keeps it."""
    with Image.open(path) as image:
        return bool((np.abs(np.asarray(image, int) - color).max(axis=-1) < 30).sum() > 20)


def test_the_legend_has_the_color_that_a_class_has_in_every_thumbnail(image_folder, finder, tmp_path):
    annotate(image_folder("a.png", "b.png"), pipeline=finder, classes=["dog", "cat"], out=tmp_path / "out")
    content = data(tmp_path / "out")
    colors = {name: color for name, _, color in content["run"]["classes"]}
    assert colors == {"dog": hexadecimal(palette(2)[0]), "cat": hexadecimal(palette(2)[1])}
    for image in content["images"]:
        assert {content["run"]["classes"][entry[0]][0]: content["run"]["palette"][entry[4]] for entry in image["c"]} == colors
        assert all(has_color(tmp_path / "out" / "gallery" / image["p"], color) for color in palette(2))


def test_when_the_order_of_the_classes_changes_the_thumbnails_are_drawn_again(image_folder, finder, tmp_path):
    root, out = image_folder("a.png"), tmp_path / "out"
    annotate(root, pipeline=finder, classes=["dog", "cat"], out=out)
    (thumbnail,) = (out / "gallery" / "thumbnails").rglob("*.jpg")
    first = thumbnail.read_bytes()
    annotate(root, pipeline=finder, classes=["bird", "cat", "dog"], out=out)
    assert thumbnail.read_bytes() != first
    written = thumbnail.stat().st_mtime_ns
    annotate(root, pipeline=finder, classes=["bird", "cat", "dog"], out=out)
    assert thumbnail.stat().st_mtime_ns == written
    annotate(root, pipeline=finder, classes=["dog", "cat"], out=out)
    assert thumbnail.read_bytes() == first


def test_a_finished_run_without_a_gallery_can_have_one_later(image_folder, finder, tmp_path):
    root, out = image_folder("a.png", "b.png"), tmp_path / "out"
    annotate(root, pipeline=finder, out=out, gallery=0)
    annotate(root, pipeline=finder, out=out)
    assert len(list((out / "gallery" / "thumbnails").rglob("*.jpg"))) == 2
    assert len(data(out)["images"]) == 2


def test_of_many_masks_a_thumbnail_has_no_labels():
    size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    image = np.full((*size, 3), 60, np.uint8)
    masks = []
    for index in range(9):
        pixels = np.zeros(size, bool)
        pixels[100:140, 50 * index : 50 * index + 40] = True
        masks.append(Mask.from_array(pixels, label="a"))
    few, many = (
        np.asarray(Image.open(io.BytesIO(draw_thumbnail(Result(Masks(some), image=image), (), "key"))), int) for some in (masks[:8], masks)
    )
    above = np.s_[80:95]
    assert np.abs(few[above] - 60).max() > 50
    assert np.abs(many[above] - 60).max() < 20
