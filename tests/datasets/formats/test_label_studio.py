import base64
import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from promptseg.datasets.formats.label_studio import read_label_studio
from promptseg.datasets.formats.label_studio.brush import encode_brush
from promptseg.errors import InputError
from promptseg.masks import Mask


def task(image, results, kind="annotations", **more):
    return {"id": 1, "data": {"image": image}, kind: [{"result": results, **more}]}


@pytest.fixture
def stroke(square):
    return {
        "id": "x",
        "type": "brushlabels",
        "original_width": 8,
        "original_height": 6,
        "value": {"format": "rle", "rle": encode_brush(Mask.from_array(square)), "brushlabels": ["cat"]},
    }


def read(tmp_path, *tasks):
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    return read_label_studio(tmp_path / "images", tmp_path / "tasks.json")


@pytest.mark.parametrize(
    "address", ["/data/local-files/?d=set/b/a%20b.png", "/data/upload/1/0123abcd-a b.png", "https://x.org/b/a%20b.png?v=1"]
)
def test_an_image_is_found_by_the_end_of_its_address(address, tmp_path, save, stroke, square):
    save("images/a b.png" if "upload" in address else "images/b/a b.png")
    (image,) = read(tmp_path, task(address, [stroke]))
    assert image.name == ("a b.png" if "upload" in address else "b/a b.png")
    assert (image.objects[0].mask.array == square).all()
    assert image.objects[0].label == "cat"


def test_predictions_count_only_where_nobody_annotated(tmp_path, save, stroke):
    save("images/a.png")
    predicted = {**stroke, "score": 0.5}
    both = task("a.png", [stroke]) | {"predictions": [{"result": [predicted]}]}
    assert [each.mask.score for image in read(tmp_path, both) for each in image.objects] == [None]
    assert [each.mask.score for image in read(tmp_path, task("a.png", [predicted], "predictions")) for each in image.objects] == [0.5]
    cancelled = task("a.png", [stroke], was_cancelled=True) | {"predictions": [{"result": [predicted]}]}
    assert [each.mask.score for image in read(tmp_path, cancelled) for each in image.objects] == [0.5]


BASE = {"original_width": 8, "original_height": 6, "image_rotation": 0, "from_name": "label", "to_name": "image"}


def region(kind, value, key="r", **more):
    return {**BASE, "id": key, "type": kind, "value": value, **more}


def rectangle(key="r", **more):
    """Return the square of the fixture `square` as a rectangle."""
    value = {"x": 25, "y": 100 / 6, "width": 25, "height": 100 / 3, "rotation": 0, "rectanglelabels": ["cat"], **more}
    return region("rectanglelabels", value, key)


def masks(tmp_path, save, *results):
    save("images/a.png")
    (image,) = read(tmp_path, task("a.png", list(results)))
    return [each.mask for each in image.objects]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("polygonlabels", {"points": [[25, 100 / 6], [50, 100 / 6], [50, 50], [25, 50]], "closed": True, "polygonlabels": ["cat"]}),
        ("polygon", {"points": [[25, 100 / 6], [50, 100 / 6], [50, 50], [25, 50]], "labels": ["cat"]}),
        ("rectanglelabels", {"x": 25, "y": 100 / 6, "width": 25, "height": 100 / 3, "rotation": 0, "rectanglelabels": ["cat"]}),
        ("rectangle", {"x": 25, "y": 100 / 6, "width": 25, "height": 100 / 3, "labels": ["cat"]}),
        # The top-left corner stays where it is.
        ("rectanglelabels", {"x": 50, "y": 100 / 6, "width": 25, "height": 100 / 3, "rotation": 90, "rectanglelabels": ["cat"]}),
        ("rectanglelabels", {"x": 50, "y": 50, "width": 25, "height": 100 / 3, "rotation": 180, "rectanglelabels": ["cat"]}),
        ("rectanglelabels", {"x": 25, "y": 50, "width": 25, "height": 100 / 3, "rotation": -90, "rectanglelabels": ["cat"]}),
        ("ellipselabels", {"x": 37.5, "y": 100 / 3, "radiusX": 12.5, "radiusY": 100 / 6, "rotation": 0, "ellipselabels": ["cat"]}),
    ],
)
def test_shapes_are_in_percent_of_the_image(tmp_path, save, square, kind, value):
    (mask,) = masks(tmp_path, save, region(kind, value))
    assert (mask.array == square).all()
    assert mask.label == "cat"


def test_a_rotated_rectangle_keeps_its_sides_on_an_image_that_is_not_square(tmp_path, save):
    save("images/a.png", np.zeros((50, 100), np.uint8))
    shape = rectangle(x=50, y=20, width=30, height=20, rotation=90)
    (image,) = read(tmp_path, task("a.png", [{**shape, "original_width": 100, "original_height": 50}]))
    # 30 pixels wide and 10 high before, about (50, 10).
    assert image.objects[0].mask.box.tolist() == [40, 10, 50, 40]


def test_an_ellipse_turns_about_its_center(tmp_path, save):
    save("images/a.png", np.zeros((50, 100), np.uint8))
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 90, "ellipselabels": ["cat"]}
    (image,) = read(tmp_path, task("a.png", [region("ellipselabels", value, original_width=100, original_height=50)]))
    assert image.objects[0].mask.box.tolist() == [45, 5, 55, 45]


def test_a_shape_beyond_the_image_is_cut(tmp_path, save):
    (mask,) = masks(tmp_path, save, rectangle(x=50, y=-100, width=1000, height=1000))
    assert mask.box.tolist() == [4, 0, 8, 6]


def vertices(*corners, **more):
    return [{"id": str(index), "x": x, "y": y, "isBezier": False, **more} for index, (x, y) in enumerate(corners)]


def test_a_closed_vector_is_an_area_and_an_open_one_is_not(tmp_path, save, square):
    corners = vertices((25, 100 / 6), (50, 100 / 6), (50, 50), (25, 50), controlPoint1={"x": 0, "y": 0})
    (mask,) = masks(tmp_path, save, region("vectorlabels", {"vertices": corners, "closed": True, "vectorlabels": ["cat"]}))
    assert (mask.array == square).all()
    save("images/a.png")
    findings = []
    results = [
        region("vectorlabels", {"vertices": corners, "closed": False, "vectorlabels": ["cat"]}, "v"),
        region("polygonlabels", {"points": [[0, 0], [9, 0], [9, 9]], "closed": False}, "p"),
    ]
    (image,) = read(tmp_path, task("a.png", results)).usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings[:2]] == [("a.png#v", "skipped"), ("a.png#p", "skipped")]


def test_a_vector_with_control_points_is_a_curve(tmp_path, save):
    save("images/a.png", np.zeros((100, 100), np.uint8))
    k = 50 * 0.5522847498  # Four such curves are a circle, to a thousandth of its radius.
    corners = [(50, 0, -k, 0), (100, 50, 0, -k), (50, 100, k, 0), (0, 50, 0, k)]
    points = [
        {"x": x, "y": y, "isBezier": True, "controlPoint1": {"x": x + dx, "y": y + dy}, "controlPoint2": {"x": x - dx, "y": y - dy}}
        for x, y, dx, dy in corners
    ]
    (image,) = read(tmp_path, task("a.png", [region("vector", {"vertices": points}, original_width=100, original_height=100)]))
    y, x = np.ogrid[:100, :100]
    circle = Mask.from_array((x + 0.5 - 50) ** 2 + (y + 0.5 - 50) ** 2 <= 50**2)
    assert image.objects[0].mask.iou(circle) > 0.98


def data_url(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(("kind", "member"), [("bitmasklabels", "imageDataURL"), ("brushlabels", "maskDataURL")])
def test_a_bitmask_has_the_pixels_that_are_not_transparent(tmp_path, save, square, kind, member):
    pixels = np.zeros((6, 8, 4), np.uint8)
    pixels[square, 3] = 255
    (mask,) = masks(tmp_path, save, region(kind, {member: data_url(pixels), kind: ["cat"]}))
    assert (mask.array == square).all()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"x": 1}, "y is a finite number"),
        ({"x": 1, "y": 1, "width": "wide", "height": 3}, "width is a finite number"),
        ({"x": 1, "y": 1, "width": math.inf, "height": 3}, "width is a finite number"),
        ({"x": 1, "y": 1, "width": True, "height": 3}, "width is a finite number"),
        ({"x": 1, "y": 1, "radiusX": -1, "radiusY": 3}, "radii from 0"),
        ({"points": [[1, 1], [2, 2]]}, "three corners"),
        ({"points": [[1, 1], [2, 2, 3]]}, "list of"),
        ({"points": {"x": 1}}, "list of"),
        ({"vertices": [1, 2, 3]}, "vertices are"),
        ({"vertices": []}, "vertices are"),
        ({"rle": [1, 2, 3]}, "within the header"),
        ({"rle": [1, 2, 300] * 9}, "numbers from 0 to 255"),
        ({"rle": 5}, "list of numbers"),
        ({"rle": [0] * 20, "format": "png"}, "format rle"),
        ({"imageDataURL": None}, "text in base64"),
        ({"imageDataURL": "data:image/png;base64,eHh4"}, "not a PNG"),
    ],
)
def test_a_bad_region_is_left_out_by_name_and_the_others_are_read(tmp_path, save, value, reason):
    save("images/a.png")
    findings = []
    (image,) = read(tmp_path, task("a.png", [region("x", value, "bad"), rectangle("good")])).usable(findings)
    assert [each.name for each in image.objects] == ["a.png#good"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#bad", "dropped")]
    assert reason in findings[0].message
    assert "region bad of tasks.json: task 1" in findings[0].message


def test_bitmasks_of_another_kind_are_left_out(tmp_path, save):
    save("images/a.png")
    opaque, small, large = np.ones((6, 8), np.uint8), np.ones((3, 4, 4), np.uint8), np.ones((60, 80, 4), np.uint8)
    results = [region("bitmask", {"imageDataURL": data_url(each)}, str(index)) for index, each in enumerate((opaque, small, large))]
    findings = []
    (image,) = read(tmp_path, task("a.png", results)).usable(findings)
    assert image.objects == ()
    assert [reason in finding.message for finding, reason in zip(findings, ("transparency", "4 wide", "larger"), strict=True)] == [True] * 3


@pytest.mark.parametrize("form", ["list", "object", "base64"])
def test_the_bytes_of_a_stroke_may_have_other_forms(tmp_path, save, square, form):
    data = encode_brush(Mask.from_array(square))
    forms = {"list": data, "object": {str(at): byte for at, byte in enumerate(data)}, "base64": base64.b64encode(bytes(data)).decode()}
    (mask,) = masks(tmp_path, save, region("brushlabels", {"rle": forms[form], "brushlabels": ["cat"]}))
    assert (mask.array == square).all()


def test_labels_may_come_in_a_result_of_their_own(tmp_path, save, square):
    shape = {"x": 25, "y": 100 / 6, "width": 25, "height": 100 / 3, "rotation": 0}
    results = [
        region("choices", {**shape, "choices": ["large"]}),
        region("rectangle", shape),
        region("labels", {**shape, "labels": ["cat"]}),
        region("textarea", {**shape, "text": ["a cat"]}),
    ]
    (mask,) = masks(tmp_path, save, *results)
    assert ((mask.array == square).all(), mask.label) == (True, "cat")
    (mask,) = masks(tmp_path, save, *results[:2])
    assert mask.label == "large"


def test_of_several_labels_the_first_is_taken_and_it_is_said(tmp_path, save):
    save("images/a.png")
    findings = []
    (image,) = read(tmp_path, task("a.png", [rectangle(rectanglelabels=["cat", "animal"])])).usable(findings)
    assert image.objects[0].label == "cat"
    assert [(finding.kind, "cat, animal" in finding.message) for finding in findings] == [("converted", True)]


def test_results_that_are_no_regions_of_the_image_are_left_out(tmp_path, save):
    save("images/a.png")
    findings = []
    results = [
        rectangle(),
        region("keypointlabels", {"x": 1, "y": 1, "width": 1, "keypointlabels": ["eye"]}, "k"),
        region("videorectangle", {"sequence": [{"frame": 1, "x": 1, "y": 1, "width": 1, "height": 1}]}, "v"),
        region("labels", {"start": 0, "end": 1, "labels": ["noise"]}, "a"),
        {"id": "c", "type": "choices", "value": {"choices": ["outdoor"]}, "from_name": "c", "to_name": "image"},
        {"type": "relation", "from_id": "r", "to_id": "k", "direction": "right"},
    ]
    (image,) = read(tmp_path, task("a.png", results)).usable(findings)
    assert len(image.objects) == 1
    assert [(finding.source, finding.kind) for finding in findings] == [(f"a.png#{key}", "skipped") for key in "kva"]


def test_a_key_point_with_choices_is_a_key_point(tmp_path, save):
    save("images/a.png")
    value = {"x": 1, "y": 1, "width": 1}
    results = [region("choices", {**value, "choices": ["open"]}), region("keypoint", value), region("labels", {**value, "labels": ["eye"]})]
    findings = []
    (image,) = read(tmp_path, task("a.png", results)).usable(findings)
    assert (image.objects, findings[0].kind, "key point" in findings[0].message) == ((), "skipped", True)


def test_results_that_are_no_objects_are_counted(tmp_path, save):
    save("images/a.png")
    findings = []
    (image,) = read(tmp_path, task("a.png", [None, "x", rectangle()])).usable(findings)
    assert (len(image.objects), [finding.kind for finding in findings]) == (1, ["dropped"])


def test_a_stated_size_that_differs_is_refused_or_fitted(tmp_path, save, square):
    save("images/a.png")
    large = {**rectangle(), "original_width": 16, "original_height": 12}
    findings = []
    assert list(read(tmp_path, task("a.png", [large])).usable(findings)) == []
    assert (findings[0].kind, "--fit" in findings[0].message) == ("size", True)
    (image,) = read_label_studio(tmp_path / "images", tmp_path / "tasks.json", fit=True)
    assert (image.objects[0].mask.array == square).all()


def test_regions_that_state_different_sizes_are_left_out(tmp_path, save):
    save("images/a.png")
    other = {**rectangle("o"), "original_width": 80000, "original_height": 60000}
    findings = []
    (image,) = read(tmp_path, task("a.png", [rectangle(), other])).usable(findings)
    assert (len(image.objects), [finding.source for finding in findings]) == (1, ["a.png#o"])


def annotation(*results, **more):
    return {"result": list(results), **more}


@pytest.mark.parametrize(
    ("annotations", "chosen", "which"),
    [
        (
            [annotation(rectangle("old"), updated_at="2024-01-01T00:00:00Z"), annotation(rectangle("new"), updated_at="2025-01-01")],
            "new",
            "newest",
        ),
        ([annotation(rectangle("new"), created_at="2025-01-01"), annotation(rectangle("old"), created_at="2024-01-01")], "new", "newest"),
        ([annotation(rectangle("first")), annotation(rectangle("last"))], "last", "newest"),
        ([annotation(rectangle("true"), ground_truth=True), annotation(rectangle("new"), updated_at="2025")], "true", "ground truth"),
    ],
)
def test_of_several_annotations_one_is_read_and_it_is_said(tmp_path, save, annotations, chosen, which):
    save("images/a.png")
    findings = []
    (image,) = read(tmp_path, {"id": 4, "data": {"image": "a.png"}, "annotations": annotations}).usable(findings)
    assert [each.name for each in image.objects] == [f"a.png#{chosen}"]
    assert [(finding.kind, which in finding.message, "2 annotations" in finding.message) for finding in findings] == [
        ("skipped", True, True)
    ]


def test_of_several_tasks_of_one_image_one_is_read_and_predictions_come_last(tmp_path, save):
    save("images/a.png")
    findings = []
    tasks = [task("a.png", [rectangle("made")]), task("a.png", [rectangle("predicted")], "predictions", created_at="2030-01-01")]
    (image,) = read(tmp_path, *tasks).usable(findings)
    assert [each.name for each in image.objects] == ["a.png#made"]
    assert [finding.kind for finding in findings] == ["skipped"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"annotations": []}, "nobody annotated it"),
        ({}, "nobody annotated it"),
        ({"annotations": [1, 2]}, "nobody annotated it"),
        ({"annotations": [], "drafts": [{"result": []}]}, "only drafts"),
        ({"annotations": [{"result": [], "was_cancelled": True}]}, "skipped it"),
    ],
)
def test_a_task_without_an_annotation_is_named_and_no_image_without_objects(tmp_path, save, more, reason):
    save("images/a.png")
    dataset = read(tmp_path, {"id": 3, "data": {"image": "a.png"}, **more})
    assert len(dataset) == 0
    assert [(finding.source, finding.kind, reason in finding.message) for finding in dataset.findings] == [
        ("tasks.json: task 3", "unpaired", True)
    ]


@pytest.mark.parametrize(
    ("data", "results"),
    [
        ({"title": "A cat.", "url": "http://x.org/about", "picture": "a.png"}, [{}]),
        ({"image": "a.png", "mask": "b.png"}, [{}]),
        ({"left": "b.png", "right": "a.png"}, [{"to_name": "right"}]),
        ({"left": "b.png", "right": "a.png"}, [{"source": "$right", "to_name": "view"}]),
        ({"title": "b c", "picture": "a"}, [{}]),
        ({"images": ["a.png"]}, [{}]),
    ],
)
def test_the_field_that_is_the_image_is_found(tmp_path, save, data, results):
    save("images/a.png")
    save("images/b.png")
    own = [{**rectangle(), **each} for each in results]
    (image,) = read(tmp_path, {"id": 1, "data": data, "annotations": [annotation(*own)]})
    assert (image.name, len(image.objects)) == ("a.png", 1)


def test_a_field_that_is_not_clear_is_ambiguous_and_a_task_without_an_image_is_skipped(tmp_path, save):
    save("images/a.png")
    save("images/b.png")
    dataset = read(
        tmp_path,
        {"id": 1, "data": {"left": "b.png", "right": "a.png"}, "annotations": [annotation(rectangle())]},
        {"id": 2, "data": {"audio": "a.wav", "number": 7}, "annotations": [annotation()]},
    )
    assert [(finding.source, finding.kind) for finding in dataset.findings] == [
        ("tasks.json: task 1", "ambiguous"),
        ("tasks.json: task 2", "skipped"),
    ]


def test_images_of_two_fields_have_their_own_regions(tmp_path, save):
    save("images/a.png")
    save("images/b.png")
    results = [
        {**rectangle("one"), "to_name": "left"},
        {**rectangle("two"), "to_name": "right"},
        {**rectangle("three"), "to_name": "right"},
    ]
    images = list(read(tmp_path, {"id": 1, "data": {"left": "b.png", "right": "a.png"}, "annotations": [annotation(*results)]}))
    assert [[each.name for each in image.objects] for image in images] == [["a.png#two", "a.png#three"], ["b.png#one"]]
    assert [image.id for image in images] == [None, None]


def test_images_of_a_list_have_the_regions_of_their_index(tmp_path, save):
    save("images/a.png")
    save("images/b.png")
    results = [{**rectangle("one"), "item_index": 1}, rectangle("two")]
    images = list(read(tmp_path, {"id": 1, "data": {"pages": ["b.png", "a.png"]}, "annotations": [annotation(*results)]}))
    assert [[each.name for each in image.objects] for image in images] == [["a.png#one"], ["b.png#two"]]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/1/0a1b2c3d-a.png", "a.png"),
        ("upload/12/0a1b2c3d-a.png", "a.png"),
        ("/data/upload/1/0a1b2c3d-c.png", "0a1b2c3d-c.png"),
        ("/data/local-files/?d=sub%2Fb.png", "sub/b.png"),
        ("s3://bucket/some/sub/b.png", "sub/b.png"),
        ("gs://bucket/a.png", "a.png"),
        ("https://x.org:80/y/a.png?token=b.png#top", "a.png"),
        ("/storage-data/uploaded/?filepath=upload/1/0a1b2c3d-a.png", "a.png"),
        ("/tasks/7/resolve/?fileuri=" + base64.b64encode(b"s3://bucket/sub/b.png").decode(), "sub/b.png"),
        ("C:\\data\\sub\\b.png", "sub/b.png"),
        ("sub/B.PNG", "sub/b.png"),
        ("d#1?.png", "d#1?.png"),
    ],
)
def test_an_address_of_any_storage_is_found(tmp_path, save, address, name):
    for each in ("a.png", "0a1b2c3d-c.png", "sub/b.png", "d#1?.png"):
        save(f"images/{each}")
    assert [image.name for image in read(tmp_path, task(address, [rectangle()]))] == [name]


def test_uploads_of_one_name_are_ambiguous(tmp_path, save):
    save("images/a.png")
    tasks = [task(f"/data/upload/1/{prefix}-a.png", [rectangle()]) for prefix in ("0a1b2c3d", "1a1b2c3d")]
    dataset = read(tmp_path, *tasks)
    assert (len(dataset), [finding.kind for finding in dataset.findings]) == (1, ["ambiguous"])


@pytest.mark.parametrize(
    "address",
    [
        "http://[x/a.png",
        "\0.png",
        "x" * 5000 + ".png",
        "/tasks/1/resolve/?fileuri=%%%.png",
        "../../etc/a.png",
        "\udcff.png",
        "a/" * 5000 + "a.png",
    ],
)
def test_an_address_that_no_file_can_have_is_a_finding(tmp_path, save, address):
    save("images/b.png")
    assert [finding.kind for finding in read(tmp_path, task(address, [rectangle()])).findings] == ["unpaired"]


def test_an_embedded_image_is_read_from_the_task(tmp_path):
    pixels = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)
    findings = []
    (tmp_path / "images").mkdir()
    (image,) = read(tmp_path, task(data_url(pixels), [rectangle()])).usable(findings)
    assert (image.name, image.objects[0].mask.area, [finding.kind for finding in findings]) == ("task-1.png", 4, ["converted"])
    assert (image.pixels() == pixels).all()


def test_the_form_json_min_is_read(tmp_path, save, square):
    save("images/a.png")
    value = {**rectangle()["value"], "original_width": 8, "original_height": 6}
    shared = {"image": "a.png", "id": 7, "annotator": 1, "lead_time": 3.5, "choice": "outdoor"}
    tasks = [
        {**shared, "label": [value], "annotation_id": 1, "updated_at": "2025-01-01"},
        {**shared, "label": [value, value], "annotation_id": 2, "updated_at": "2024-01-01"},
    ]
    (image,) = read(tmp_path, *tasks)
    assert (image.id, [each.label for each in image.objects]) == (7, ["cat"])
    assert (image.objects[0].mask.array == square).all()
    (image,) = read(tmp_path, {"image": "a.png", "id": 7, "label": [value]})
    assert len(image.objects) == 1


def test_a_file_of_one_task_is_read_and_old_exports_are(tmp_path, save):
    save("images/a.png")
    single = task("a.png", [rectangle()])
    (tmp_path / "one.json").write_text(json.dumps(single))
    assert len(read_label_studio(tmp_path / "images", tmp_path / "one.json")) == 1
    assert len(read(tmp_path, {"data": {"image": "a.png"}, "completions": [annotation(rectangle())]})) == 1


def test_what_cannot_be_read_is_named(tmp_path, save, stroke):
    save("images/a.png")
    cut = {**stroke, "value": {**stroke["value"], "rle": stroke["value"]["rle"][:-3]}}
    findings = []
    (image,) = read(tmp_path, task("a.png", [cut]), task("gone.png", []), 7, {"id": 3}).usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings] == [
        ("tasks.json: task at 2", "dropped"),
        ("tasks.json: task at 3", "dropped"),
        ("tasks.json: task 1", "unpaired"),
        ("a.png#x", "dropped"),
    ]


@pytest.mark.parametrize("content", ['{"images": []}', "[1, 2]", "7", "[" * 100_000, '[{"image": "a.png"}]', '"x"', "null"])
def test_a_file_that_is_no_export_is_refused(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(InputError, match=r"not a list of Label Studio tasks|other\.json"):
        read_label_studio(tmp_path / "images", tmp_path / "other.json")
