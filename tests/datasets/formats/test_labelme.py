import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

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


def test_broken_shapes_are_named(write):
    findings = []
    assert list(write({"shape_type": "polygon", "points": [[1, 1]]}).usable(findings)) == []
    assert (findings[0].source, findings[0].kind) == ("a.png#0", "unreadable")


def test_a_missing_image_and_a_broken_file_are_named(write, tmp_path):
    (tmp_path / "b.json").write_text("{")
    dataset = write(image_path="..\\gone\\x.png")
    assert [(finding.source, finding.kind) for finding in dataset.findings] == [("a.json", "unpaired"), ("b.json", "unreadable")]


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
