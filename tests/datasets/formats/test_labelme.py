import base64
import io
import json
import math
import re

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from promptseg.datasets.formats.labelme import read_labelme
from promptseg.errors import InputError


@pytest.fixture
def write(tmp_path, save):
    """Writes a file of LabelMe beside its image: ``write(shape, …)`` is the dataset."""

    def write(*shapes, image_path="a.png"):
        save("a.png")
        rows = [{"label": "dog", "group_id": None, **shape} for shape in shapes]
        (tmp_path / "a.json").write_text(json.dumps({"imagePath": image_path, "shapes": rows, "version": "5.4.1"}))
        return read_labelme(tmp_path)

    return write


def test_polygons_and_rectangles_are_objects_with_their_labels(write, square):
    polygon = {"shape_type": "polygon", "points": [[2, 1], [4, 1], [4, 3], [2, 3]]}
    rectangle = {"shape_type": "rectangle", "points": [[4, 3], [2, 1]], "label": "cat"}
    (image,) = write(polygon, rectangle)
    assert [(true.name, true.label) for true in image.objects] == [("a.png#0", "dog"), ("a.png#1", "cat")]
    assert all((true.mask.array == square).all() for true in image.objects)


def test_a_circle_has_a_center_and_a_point_on_its_rim(write):
    (image,) = write({"shape_type": "circle", "points": [[4, 3], [4, 1]]})
    rows, columns = np.ogrid[:6, :8]
    assert (image.objects[0].mask.array == ((columns + 0.5 - 4) ** 2 + (rows + 0.5 - 3) ** 2 <= 4)).all()


@pytest.mark.parametrize("corner", [(2, 1), (-1, -1), (7, 5)])
def test_a_mask_shape_lies_at_its_corner_and_is_cut_by_the_image(write, corner):
    crop = np.bool_([[True, False], [True, True]])
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "PNG")
    x, y = corner
    points = [[x, y], [x + 1, y + 1]]
    (image,) = write({"shape_type": "mask", "points": points, "mask": base64.b64encode(file.getvalue()).decode()})
    expected = {(y + r, x + c) for r, c in np.argwhere(crop).tolist() if 0 <= y + r < 6 and 0 <= x + c < 8}
    assert {tuple(place) for place in np.argwhere(image.objects[0].mask.array).tolist()} == expected


def test_shapes_of_one_group_are_one_object(write):
    parts = [{"points": [[x, 0], [x + 1, 0], [x + 1, 2], [x, 2]], "group_id": 5} for x in (1, 4)]
    (image,) = write(*parts, {"points": [[6, 0], [7, 0], [7, 1], [6, 1]]})
    assert [true.mask.area for true in image.objects] == [4, 1]


def test_points_and_lines_are_skipped_by_name(write):
    findings = []
    (image,) = write({"shape_type": "point", "points": [[1, 1]]}, {"shape_type": "line", "points": [[1, 1], [2, 2]]}).usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings][:2] == [("a.png#0", "skipped"), ("a.png#1", "skipped")]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"shape_type": "polygon", "points": [[1, 1]]}, "three corners"),
        ({"shape_type": "polygon", "points": [[1, 1], [2], [3, 3]]}, "list of \\[x, y\\]"),
        ({"shape_type": "polygon", "points": [[1, 1], [2, math.nan], [3, 3]]}, "finite"),
        ({"shape_type": "polygon"}, "points"),
        ({"shape_type": "circle", "points": [[1, 1], [2, 2], [3, 3]]}, "a circle has two points, got 3"),
        ({"shape_type": "blob", "points": [[1, 1]]}, "no shape_type 'blob'"),
        ({"shape_type": 7, "points": [[1, 1]]}, "a shape_type is a name"),
        ({"label": ["cat"], "points": [[2, 1], [4, 1], [4, 3]]}, "a label is a name"),
        ({"group_id": [1], "points": [[2, 1], [4, 1], [4, 3]]}, "unhashable"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]]}, "text in base64"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "x"}, "base64"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "eHh4"}, "not a PNG"),
    ],
)
def test_a_bad_shape_is_left_out_by_name_and_the_others_are_read(write, shape, reason):
    findings = []
    (image,) = write(shape, {"points": [[2, 1], [4, 1], [4, 3], [2, 3]]}).usable(findings)
    assert [each.name for each in image.objects] == ["a.png#1"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#0", "dropped")]
    assert "shape 0 of a.json" in findings[0].message
    assert re.search(reason, findings[0].message)


def test_a_shape_that_is_no_object_is_left_out(tmp_path, save):
    save("a.png")
    (tmp_path / "a.json").write_text(json.dumps({"imagePath": "a.png", "shapes": [None, "x"]}))
    findings = []
    assert [len(image.objects) for image in read_labelme(tmp_path).usable(findings)] == [0]
    assert [finding.kind for finding in findings] == ["dropped", "dropped"]


def test_a_missing_image_and_a_broken_file_are_named(tmp_path, save):
    save("a.png")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text(json.dumps({"imagePath": "..\\gone\\x.png", "shapes": []}))
    (tmp_path / "settings.json").write_text(json.dumps({"editor.tabSize": 4}))
    (tmp_path / "list.json").write_text("[]")
    findings = read_labelme(tmp_path).findings
    assert [(finding.source, finding.kind) for finding in findings] == [
        ("b.json", "unreadable"),
        ("c.json", "unpaired"),
        ("list.json", "skipped"),
        ("settings.json", "skipped"),
    ]


@pytest.mark.parametrize("points", [[[2, 1], [4, 3]], [[4, 3], [2, 1]], [[2, 3], [4, 1]], [[2, 1], [4, 1], [4, 3], [2, 3]]])
def test_a_rectangle_has_opposite_corners_in_any_order_or_all_four(write, points, square):
    (image,) = write({"shape_type": "rectangle", "points": points})
    assert (image.objects[0].mask.array == square).all()


def test_an_oriented_rectangle_has_four_corners(write):
    points = [[4, 1], [6, 3], [4, 5], [2, 3]]
    (image,) = write({"shape_type": "oriented_rectangle", "points": points}, {"shape_type": "polygon", "points": points})
    oriented, polygon = (each.mask for each in image.objects)
    assert oriented.box.tolist() == [2, 1, 6, 4]
    assert (oriented.array == polygon.array).all()


def mask_shape(crop, corner, **more):
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "PNG")
    (x, y), (height, width) = corner, crop.shape[:2]
    encoded = base64.b64encode(file.getvalue()).decode()
    return {"shape_type": "mask", "points": [[x, y], [x + width - 1, y + height - 1]], "mask": encoded, **more}


def test_a_mask_of_another_size_than_its_points_is_left_out(write):
    findings = []
    shape = mask_shape(np.ones((2, 3), bool), (1, 1))
    (image,) = write({**shape, "points": [[1, 1], [2, 2]]}).usable(findings)
    assert image.objects == ()
    assert "its mask is 3 wide and 2 high, its points are the corners of 2 x 2 pixels" in findings[0].message


def test_a_mask_larger_than_its_image_is_not_unpacked(write, monkeypatch):
    shape = mask_shape(np.ones((7, 8), bool), (0, 0))
    load = PngImageFile.load
    monkeypatch.setattr(PngImageFile, "load", lambda png: pytest.fail("unpacked") if png.size == (8, 7) else load(png))
    findings = []
    (image,) = write(shape).usable(findings)
    assert image.objects == ()
    assert "larger than the image of 8 x 6" in findings[0].message


def test_a_mask_in_color_is_left_out(write):
    findings = []
    (image,) = write(mask_shape(np.zeros((2, 2, 3), np.uint8), (0, 0))).usable(findings)
    assert (image.objects, findings[0].kind) == ((), "dropped")


def test_a_moved_mask_is_rounded_toward_zero_as_in_labelme(write):
    shape = mask_shape(np.ones((1, 1), bool), (3, 2))
    (image,) = write({**shape, "points": [[3.9, 2.9], [3.9, 2.9]]})
    assert np.argwhere(image.objects[0].mask.array).tolist() == [[2, 3]]


def test_a_mask_outside_the_image_is_empty(write):
    findings = []
    (image,) = write(mask_shape(np.ones((2, 2), bool), (100, 1))).usable(findings)
    assert (image.objects, [finding.kind for finding in findings]) == ((), ["empty"])


def test_a_circle_that_touches_nothing_is_empty(write):
    findings = []
    list(write({"shape_type": "circle", "points": [[4, 3], [4, 3]]}).usable(findings))
    assert [finding.kind for finding in findings] == ["empty"]


def test_of_a_group_only_the_bad_shape_is_left_out(write):
    findings = []
    good = {"points": [[0, 0], [1, 0], [1, 2], [0, 2]], "group_id": 5}
    (image,) = write(good, {"points": [[1, 1]], "group_id": 5}).usable(findings)
    assert [each.mask.area for each in image.objects] == [2]
    assert [finding.source for finding in findings] == ["a.png#1"]


def test_a_group_holds_shapes_of_one_label(write):
    ring = [[0, 0], [1, 0], [1, 2], [0, 2]]
    (image,) = write({"points": ring, "group_id": 5}, {"points": ring, "group_id": 5, "label": "cat"})
    assert [each.label for each in image.objects] == ["dog", "cat"]


def test_members_that_say_nothing_of_the_area_are_no_obstacle(write):
    shape = {"points": [[2, 1], [4, 1], [4, 3], [2, 3]], "flags": {"hidden": True}, "description": "x", "difficult": False, "score": 0.5}
    (image,) = write({**shape, "label": 7, "shape_type": None})
    assert (image.objects[0].label, image.objects[0].mask.score) == ("7", 0.5)


def test_a_stated_size_that_differs_is_refused_or_fitted(tmp_path, save):
    save("a.png")
    shape = {"label": "dog", "points": [[4, 2], [8, 2], [8, 6], [4, 6]]}
    content = {"imagePath": "a.png", "shapes": [shape], "imageHeight": 12, "imageWidth": 16}
    (tmp_path / "a.json").write_text(json.dumps(content))
    findings = []
    assert list(read_labelme(tmp_path).usable(findings)) == []
    assert (findings[0].kind, "--fit" in findings[0].message) == ("size", True)
    (image,) = read_labelme(tmp_path, fit=True)
    assert image.objects[0].mask.box.tolist() == [2, 1, 4, 3]
    (tmp_path / "a.json").write_text(json.dumps({**content, "imageHeight": None, "imageWidth": 0}))
    assert [each.mask.box.tolist() for image in read_labelme(tmp_path) for each in image.objects] == [[4, 2, 8, 6]]


def test_images_may_lie_in_a_folder_of_their_own(tmp_path, save):
    save("images/a.png")
    (tmp_path / "labels").mkdir()
    shape = {"label": "dog", "points": [[2, 1], [4, 1], [4, 3]]}
    (tmp_path / "labels" / "a.json").write_text(json.dumps({"imagePath": "../elsewhere/a.png", "shapes": [shape]}))
    (image,) = read_labelme(tmp_path / "labels", tmp_path / "images")
    assert image.name == "a.png"


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="no JSON file"):
        read_labelme(tmp_path)


def test_flags_and_descriptions_are_attributes(write):
    points = [[2, 1], [4, 1], [4, 3], [2, 3]]
    own = {"description": "asleep", "flags": {"crowded": True, "old": False}, "attributes": {"fur": "long"}}
    odd = {"points": points, "label": "cat", "flags": [], "description": None, "attributes": "text"}
    (image,) = write({"points": points, **own}, odd)
    assert [each.attributes for each in image.objects] == [{"description": "asleep", "crowded": "true", "fur": "long"}, {}]
    assert [each.kind for each in image.findings] == ["attributes"]
