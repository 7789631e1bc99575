import json

import numpy as np
import pytest
from pycocotools import mask as coco

from promptseg import Mask
from promptseg.datasets.formats.coco import read_coco
from promptseg.errors import InputError

SQUARE = [[2, 1, 4, 1, 4, 3, 2, 3]]


@pytest.fixture
def write(tmp_path, save):
    """Writes a COCO file of annotations on one image ``a.png``: ``write(annotation, …)`` is the dataset."""

    def write(*annotations, **content):
        save("a.png")
        rows = [{"id": 10 + index, "image_id": 1, "category_id": 3, **row} for index, row in enumerate(annotations)]
        content = {
            "images": [{"id": 1, "file_name": "a.png", "height": 6, "width": 8}],
            "categories": [{"id": 3, "name": "dog"}],
            "annotations": rows,
            **content,
        }
        (tmp_path / "c.json").write_text(json.dumps(content))
        return read_coco(tmp_path, tmp_path / "c.json")

    return write


def test_polygons_and_run_lengths_of_both_sorts_are_objects_with_names_and_labels(write, square):
    compressed = Mask.from_array(square).to_coco_rle()
    runs = {"size": [6, 8], "counts": [13, 2, 4, 2, 27]}
    (image,) = write({"segmentation": [[2, 1, 4, 1, 4, 3, 2, 3]]}, {"segmentation": compressed}, {"segmentation": runs})
    assert [true.name for true in image.objects] == ["a.png#10", "a.png#11", "a.png#12"]
    assert all(true.label == "dog" for true in image.objects)
    assert all((true.mask.array == square).all() for true in image.objects)


def test_a_crowd_is_ignored_and_no_object(write, square):
    (image,) = write({"segmentation": Mask.from_array(square).to_coco_rle(), "iscrowd": 1})
    assert image.objects == ()
    assert image.ignored[0].area == 4


def test_what_is_no_mask_is_skipped_by_name(write):
    findings = []
    (image,) = write({"segmentation": [], "bbox": [1, 1, 3, 3]}).usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#10", "skipped"), ("a.png", "empty")]


def test_broken_runs_are_named_by_their_annotation(write):
    findings = []
    (image,) = write({"segmentation": {"size": [6, 8], "counts": [3, 4]}}, {"segmentation": SQUARE}).usable(findings)
    assert [true.name for true in image.objects] == ["a.png#11"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#10", "dropped")]


def test_a_mask_of_another_size_is_named(write):
    findings = []
    mask = Mask.from_array(np.ones((5, 8), bool)).to_coco_rle()
    (image,) = write({"segmentation": mask}).usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#10", "size")]


def test_missing_images_and_annotations_of_no_image_are_named(write):
    dataset = write({"segmentation": [], "image_id": 9}, images=[{"id": 2, "file_name": "gone.png"}])
    assert [(finding.source, finding.kind) for finding in dataset.findings] == [
        ("gone.png", "unpaired"),
        ("c.json: image 9", "unpaired"),
    ]


def test_objects_with_one_id_keep_names_apart(write):
    polygon = [[2, 1, 4, 1, 4, 3, 2, 3]]
    (image,) = write({"segmentation": polygon, "id": 1}, {"segmentation": polygon, "id": 1})
    assert len({true.name for true in image.objects}) == 2


@pytest.mark.parametrize("content", ["no", "[]", '{"images": [{"id": 1}]}', '{"images": 3, "annotations": []}'])
def test_what_is_no_coco_file_is_refused(tmp_path, content):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(InputError, match=r"c\.json is not"):
        read_coco(tmp_path, tmp_path / "c.json")


@pytest.mark.shared
def test_real_annotations_are_read_as_pycocotools_reads_them(shared):
    folder = shared / "data" / "coco_tiny"
    content = json.loads((folder / "annotations" / "instances_train2017.json").read_text())
    by_id = {str(row["id"]): row for row in content["annotations"]}
    sizes = {row["file_name"]: (row["height"], row["width"]) for row in content["images"]}
    findings = []
    images = list(read_coco(folder / "train2017", folder / "annotations" / "instances_train2017.json").usable(findings))
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert sum(len(image.objects) for image in images) == sum(not row["iscrowd"] for row in content["annotations"]) > 100
    assert sum(len(image.ignored) for image in images) == sum(row["iscrowd"] for row in content["annotations"]) > 0
    assert {finding.kind for finding in findings} <= {"empty"}
    for image in images:
        for true in image.objects:
            row = by_id[true.name.partition("#")[2]]
            expected = coco.decode(coco.merge(coco.frPyObjects(row["segmentation"], *sizes[image.name])))
            assert true.label == names[row["category_id"]]
            assert (true.mask.array == expected).all()


@pytest.mark.parametrize(
    "bad",
    [
        [[2, 3, 3, 4]],
        [[]],
        [[1, 1, 2, 2, 3]],
        [["a", 1, 2, 2, 3, 3]],
        [[1e400, 1, 2, 2, 3, 3]],
        [None],
        {"size": [6, 8]},
        {"size": [6, 8], "counts": "~~"},
        "text",
        7,
    ],
)
def test_a_bad_annotation_is_dropped_by_name_and_the_others_are_read(write, bad):
    findings = []
    (image,) = write({"segmentation": SQUARE}, {"segmentation": bad}).usable(findings)
    assert [true.name for true in image.objects] == ["a.png#10"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#11", "dropped")]
    assert "annotation 11 of c.json" in findings[0].message


def test_a_bad_part_is_dropped_and_the_other_parts_are_read(write, square):
    findings = []
    (image,) = write({"segmentation": [*SQUARE, [1, 1, 2, 2]]}).usable(findings)
    assert (image.objects[0].mask.array == square).all()
    assert [finding.kind for finding in findings] == ["dropped"]


def test_one_polygon_may_stand_without_its_list(write, square):
    (image,) = write({"segmentation": SQUARE[0]})
    assert (image.objects[0].mask.array == square).all()


def test_ids_and_categories_are_those_of_the_file_also_unused_ones(write):
    dataset = write({"segmentation": SQUARE, "id": 70}, categories=[{"id": 90, "name": "cat"}, {"id": 3, "name": "dog"}])
    assert [(each.number, each.name) for each in dataset.categories] == [(90, "cat"), (3, "dog")]
    (image,) = dataset
    assert (image.id, image.objects[0].id) == (1, 70)


def test_annotations_of_another_size_are_refused_with_the_reason_and_fitted_on_request(write, tmp_path, square):
    twice = [{"id": 1, "file_name": "a.png", "height": 12, "width": 16}]
    findings = []
    doubled = [[2 * value for value in SQUARE[0]]]
    assert list(write({"segmentation": doubled}, images=twice).usable(findings)) == []
    assert findings[0].kind == "size"
    assert "fit=True" in findings[0].message
    (image,) = read_coco(tmp_path, tmp_path / "c.json", fit=True)
    assert (image.objects[0].mask.array == square).all()


def test_a_file_of_crowds_alone_says_how_to_read_them(write, tmp_path):
    dataset = write({"segmentation": SQUARE, "iscrowd": 1})
    assert any("crowds=True" in finding.message for finding in dataset.findings)
    (image,) = read_coco(tmp_path, tmp_path / "c.json", crowds=True)
    assert len(image.objects) == 1


def test_boxes_are_read_as_filled_boxes_on_request(write, tmp_path, square):
    write({"bbox": [2, 1, 2, 2]})
    (image,) = read_coco(tmp_path, tmp_path / "c.json", boxes=True)
    assert (image.objects[0].mask.array == square).all()
    assert image.objects[0].mask.from_box


@pytest.mark.parametrize(
    "address", ["http://images.cocodataset.org/val2017/a.png", "https://x/a%2Epng?size=1#top", "http://[no host/val2017/a.png"]
)
def test_an_image_of_lvis_is_found_by_the_end_of_its_address(write, address):
    (image,) = write({"segmentation": SQUARE}, images=[{"id": 1, "coco_url": address}])
    assert (image.name, len(image.objects)) == ("a.png", 1)


@pytest.mark.parametrize(
    ("address", "kind"), [("http://x/b.png", "unpaired"), ("http://x", "dropped"), ("a.png", "dropped"), (7, "dropped")]
)
def test_an_address_that_means_no_image_is_a_finding(write, address, kind):
    dataset = write(images=[{"id": 1, "coco_url": address}])
    assert [finding.kind for finding in dataset.findings] == [kind]


def test_attributes_are_texts_and_those_that_are_none_are_counted(write):
    attributes = {"breed": "pug", "occluded": True, "track_id": 4, "corners": [1, 2]}
    (image,) = write({"segmentation": SQUARE, "attributes": attributes}, {"segmentation": SQUARE, "attributes": ["odd"]})
    assert [each.attributes for each in image.objects] == [{"breed": "pug", "occluded": "true", "track_id": "4"}, {}]
    assert [(each.source, each.kind) for each in image.findings] == [("a.png", "attributes")]
    assert "2 attributes of its objects are left out, such as 'corners'" in image.findings[0].message
