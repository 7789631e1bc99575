import json

import numpy as np
import pytest

from promptseg.datasets.formats.label_studio import read_label_studio
from promptseg.datasets.formats.label_studio_brush import decode_brush, encode_brush
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


def test_the_bytes_are_those_that_label_studio_would_write():
    # 4 values: 32 bits of how many, 8 bits a value, widths 3, 4, 8, 16; then one run of 4 with the first width, each value 255.
    expected = f"{4:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "1" + "00" + f"{3:03b}" + "1" * 8
    data = encode_brush(Mask.from_array(np.ones((1, 1), bool)))
    assert "".join(f"{byte:08b}" for byte in data) == expected.ljust(len(data) * 8, "0")


def test_values_that_are_not_repeated_are_read():
    bits = f"{4:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "0" + "00" + f"{3:03b}" + f"{9:08b}{8:08b}{7:08b}{1:08b}"
    data = [int(bits.ljust(96, "0")[at : at + 8], 2) for at in range(0, 96, 8)]
    assert decode_brush(data, (1, 1)).area == 1
    assert decode_brush([*data[:-2], 0, 0, 0], (1, 1)).area == 0


def test_a_run_longer_than_a_length_can_say_is_written_in_pieces():
    mask = Mask.from_array(np.ones((200, 200), bool))
    assert decode_brush(encode_brush(mask), (200, 200)) == mask


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


def test_what_cannot_be_read_is_named(tmp_path, save, stroke):
    save("images/a.png")
    save("images/b.png")
    cut = {**stroke, "value": {**stroke["value"], "rle": stroke["value"]["rle"][:-3]}}
    box = {"id": "y", "type": "rectanglelabels", "value": {"x": 1}}
    findings = []
    images = list(read(tmp_path, task("a.png", [box]), task("b.png", [cut]), task("gone.png", [])).usable(findings))
    assert [image.name for image in images] == ["a.png"]
    assert [(finding.source, finding.kind) for finding in findings] == [
        ("tasks.json: task 1", "unpaired"),
        ("a.png#y", "skipped"),
        ("a.png", "empty"),
        ("b.png#x", "unreadable"),
    ]
    (tmp_path / "other.json").write_text('{"images": []}')
    with pytest.raises(InputError, match="not a list of Label Studio tasks"):
        read_label_studio(tmp_path / "images", tmp_path / "other.json")
