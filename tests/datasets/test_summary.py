import json
from dataclasses import replace

import numpy as np
import pytest

from promptseg.datasets.core import Finding
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.datasets.summary import content_key, same_content, summarize


@pytest.fixture
def dataset(tmp_path, save, square, photo):
    labels = square.astype(np.uint8)
    labels[5] = 2
    save("images/a.png", photo(6, 8))
    save("images/b.bmp", photo(6, 8))
    save("images/c.png", photo(10, 10))
    save("images/d.png")
    save("images/empty.png", photo(6, 8, seed=1))
    save("masks/a.png", labels)
    save("masks/b.png", square.astype(np.uint8))
    save("masks/c.png", np.ones((10, 10), np.uint8))
    save("masks/empty.png", square & False)
    return read_paired_masks(tmp_path / "images", tmp_path / "masks")


def test_a_summary_counts_images_objects_sizes_classes_and_pixels(dataset):
    summary = summarize(dataset)
    assert (summary.images, summary.objects) == (4, 4)
    assert dict(summary.sizes) == {(6, 8): 3, (10, 10): 1}
    assert {label: (one.objects, one.images) for label, one in summary.classes.items()} == {"1": (3, 3), "2": (1, 1)}
    assert summary.classes["1"].pixels == pytest.approx(108 / 244)
    assert summary.object_pixels == pytest.approx(116 / 244)
    assert summary.object_areas == (4, 4, 6, 31, 100)


def test_a_summary_names_the_same_image_under_two_names_and_what_is_broken(dataset):
    summary = summarize(dataset)
    assert summary.duplicates == (("a.png", "b.bmp"),)
    assert [(finding.source, finding.kind) for finding in summary.findings] == [("d.png", "unpaired"), ("empty.png", "empty")]
    for expected in ("4 images, 4 objects", "identical images: a.png, b.bmp", "d.png: there is no mask"):
        assert expected in str(summary)


def test_of_many_findings_of_one_kind_a_summary_shows_the_first_and_counts_the_rest(dataset):
    gray = [Finding(f"{number}.png", "converted", "it is gray") for number in range(9)]
    shown = str(replace(summarize(dataset), findings=(Finding("d.png", "unpaired", "there is no mask"), *gray))).splitlines()
    assert shown[-6:] == [
        "d.png: there is no mask",
        *(f"{number}.png: it is gray" for number in range(4)),
        "and 5 more of this kind (converted)",
    ]


def test_a_summary_can_be_written_as_json(dataset):
    content = json.loads(json.dumps(summarize(dataset).to_dict()))
    assert content["sizes"][0] == {"height": 6, "width": 8, "images": 3}
    assert content["findings"][0]["kind"] == "unpaired"


def test_an_image_that_breaks_off_is_found(dataset, tmp_path):
    path = tmp_path / "images" / "c.png"
    path.write_bytes(path.read_bytes()[:-60])
    summary = summarize(dataset)
    assert summary.images == 3
    assert ("c.png", "unreadable") in [(finding.source, finding.kind) for finding in summary.findings]


def test_content_is_the_same_only_with_the_same_pixels_and_shape(photo):
    image = photo(6, 8)
    assert content_key(image) == content_key(image.copy()) != content_key(photo(6, 8, seed=1))
    assert content_key(image) != content_key(image.reshape(8, 6, 3))


def test_names_of_the_same_content_are_grouped():
    assert same_content({"a": "1", "b": "2", "c": "1"}) == (("a", "c"),)
