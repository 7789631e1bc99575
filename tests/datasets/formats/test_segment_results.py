"""The format `promptseg`: results of `promptseg segment` as a dataset."""

from __future__ import annotations

import json

import numpy as np
import pytest

from promptseg.datasets.formats.segment_results import read_segment_results
from promptseg.datasets.reading import open_dataset, open_named
from promptseg.datasets.writing import write
from promptseg.errors import ConfigError, InputError
from promptseg.masks import Mask, Masks
from promptseg.results import Result


def result(pixels, source, *, labels=("dog",), score=0.25):
    return Result(Masks([Mask.from_array(pixels, label=label, score=score) for label in labels], pixels.shape), source=source).to_dict()


@pytest.fixture
def put(tmp_path):
    def put(name, values):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), "utf-8")
        return path

    return put


def read(*args, **options):
    findings = []
    images = list(read_segment_results(*args, **options).usable(findings))
    return images, [(each.source, each.kind) for each in findings]


def test_a_folder_of_results_is_read_with_labels_and_scores(tmp_path, save, square, put):
    for name in ("images/a.png", "images/sub/b.png"):
        save(name)
        put(f"out/{name.rpartition('/')[2][0]}-masks.json", result(square, f"elsewhere/{name}", labels=("dog", None)))
    images, findings = read(tmp_path / "out", tmp_path / "images")
    assert [(image.name, [each.name for each in image.objects]) for image in images] == [
        ("a.png", ["a.png#1", "a.png#2"]),
        ("sub/b.png", ["sub/b.png#1", "sub/b.png#2"]),
    ]
    assert [(each.label, each.mask.score) for each in images[0].objects] == [("dog", 0.25), (None, 0.25)]
    assert all((each.mask.array == square).all() for image in images for each in image.objects)
    assert {kind for _, kind in findings} == {"converted"}


@pytest.mark.parametrize("many", [lambda results: {"results": results, "failed": []}, list], ids=["--json", "a list"])
def test_one_file_may_hold_many_results(tmp_path, save, square, put, many):
    sources = [str(save(f"images/{name}.png")) for name in "ab"]
    path = put("masks.json", many([result(square, source) for source in sources]))
    images, findings = read(path)
    assert ([image.name for image in images], findings) == (["a.png", "b.png"], [])


def test_without_a_folder_each_image_is_where_its_result_says(tmp_path, save, square, put, monkeypatch):
    save("images/a.png"), save("out/b.png")
    put("out/a-masks.json", result(square, "images/a.png"))
    put("out/b-masks.json", result(square, "b.png"))
    monkeypatch.chdir(tmp_path)
    images, findings = read("out")
    assert ([image.name for image in images], findings) == (["images/a.png", "out/b.png"], [])


def test_a_result_of_an_array_has_the_image_of_its_file_name(tmp_path, save, square, put):
    save("images/a.png")
    put("out/a-masks.json", result(square, None))
    assert [image.name for image in read(tmp_path / "out", tmp_path / "images")[0]] == ["a.png"]


def test_a_bad_mask_is_dropped_alone(tmp_path, save, square, put):
    save("images/a.png")
    values = result(square, "a.png", labels=("a", "b", "c"))
    values["masks"][1]["segmentation"]["counts"] = "zzz"
    values["masks"][2]["segmentation"] = Mask.from_array(np.ones((3, 3), bool)).to_coco_rle()
    images, findings = read(put("a-masks.json", values), tmp_path / "images")
    assert [each.label for each in images[0].objects] == ["a"]
    assert findings == [("a.png#2", "dropped"), ("a.png#3", "dropped")]


def test_what_cannot_be_read_is_a_finding_and_the_rest_is_read(tmp_path, save, square, put):
    save("images/a.png"), save("images/big.png", np.zeros((60, 80, 3), np.uint8))
    put("out/a-masks.json", result(square, "a.png"))
    put("out/again.json", result(square, "a.png"))
    put("out/big-masks.json", result(square, "big.png"))
    put("out/coco.json", {"images": []})
    put("out/gone-masks.json", result(square, "gone.png"))
    put("out/list.json", {"results": [5], "failed": [{"source": "broken.png", "error": "truncated"}]})
    put("out/none-masks.json", {"size": {"height": 0, "width": 5}, "masks": [], "source": "a.png"})
    (tmp_path / "out" / "text.json").write_text("{", "utf-8")
    images, findings = read(tmp_path / "out", tmp_path / "images")
    assert [image.name for image in images] == ["a.png"]
    assert sorted(findings) == [
        ("a.png", "ambiguous"),
        ("a.png", "ambiguous"),
        ("big.png", "size"),
        ("broken.png", "failed"),
        ("coco.json", "skipped"),
        ("gone.png", "unpaired"),
        ("list.json#0", "unreadable"),
        ("text.json", "unreadable"),
    ]


def test_masks_of_another_size_are_fitted_on_request(tmp_path, save, square, put):
    save("images/a.png", np.zeros((12, 16, 3), np.uint8))
    path = put("a-masks.json", result(square, "a.png"))
    assert read(path, tmp_path / "images")[0] == []
    (image,), _ = read(path, tmp_path / "images", fit=True)
    assert image.objects[0].mask.area == 4 * square.sum()


@pytest.mark.parametrize("values", [{"images": []}, {"image": "coffee.jpg", "point": {}}, 5, None, "a", []], ids=repr)
def test_a_file_of_something_else_is_refused(tmp_path, put, values):
    with pytest.raises(InputError, match="result of promptseg"):
        read(put("a.json", values))


def test_a_folder_without_results_is_refused(tmp_path, put):
    put("out/coco.json", {"images": []})
    with pytest.raises(InputError, match=r"has no result of promptseg, such as photo-masks\.json"):
        read(tmp_path / "out")


def test_results_are_converted_without_loss(tmp_path, save, square, put):
    source = save("images/a.png")
    put("out/a-masks.json", result(square, str(source)))
    dataset = open_named(f"promptseg={tmp_path / 'out'}", tmp_path / "images")
    write("coco", dataset.usable([]), tmp_path / "coco")
    back = next(iter(open_dataset(tmp_path / "images", coco=tmp_path / "coco" / "coco.json")))
    assert [(each.mask, each.label, each.mask.score) for each in back.objects] == [(Mask.from_array(square), "dog", 0.25)]


def test_a_file_without_its_format_is_recognized_by_its_name():
    with pytest.raises(ConfigError, match=r"Did you mean 'promptseg=out/a-masks\.json'\?"):
        open_named("out/a-masks.json")
