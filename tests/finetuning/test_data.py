"""Training examples of a dataset, by content and group."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from promptseg.datasets.core import Dataset, Entry
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import InputError
from promptseg.finetuning.data import read_examples


@pytest.fixture
def folders(tmp_path):
    """Two empty folders, and ``put(name, image, mask)``."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()

    def put(name, image=(20, 30), mask=((5, 8), 255), shade=90):
        if image is not None:
            Image.fromarray(np.full((*image, 3), shade, np.uint8)).save(images / f"{name}.png")
        if mask is not None:
            pixels = mask if isinstance(mask, np.ndarray) else np.zeros(image, np.uint8)
            if not isinstance(mask, np.ndarray):
                pixels[: mask[0][0], : mask[0][1]] = mask[1]
            Image.fromarray(pixels).save(masks / f"{name}.png")

    return images, masks, put


def test_objects_are_those_of_the_dataset(folders):
    images, masks, put = folders
    put("b")
    labels = np.zeros((20, 30), np.uint16)
    labels[:4, :4], labels[10:, :] = 300, 7
    put("a", mask=labels, shade=91)
    found, findings = read_examples(read_paired_masks(images, masks))
    assert [(example.name, [mask.area for mask in example.objects]) for example in found] == [("a.png", [300, 16]), ("b.png", [40])]
    assert findings == []


def test_regions_that_do_not_count_are_kept(folders):
    images, masks, put = folders
    labels = np.zeros((20, 30), np.uint8)
    labels[:4, :4], labels[10:, :] = 3, 255
    put("a", mask=labels)
    ((example,), _) = read_examples(read_paired_masks(images, masks))
    assert [mask.area for mask in example.ignored] == [300]


def test_an_image_without_a_file_is_a_finding(folders):
    images, masks, put = folders
    put("a")
    put("b", shade=91)
    dataset = read_paired_masks(images, masks)

    def embedded(entry):
        image = entry.read()
        return replace(image, content=image.path.read_bytes())

    first, second = dataset.entries
    found, findings = read_examples(replace(dataset, entries=(Entry(first.name, partial(embedded, first)), second)))
    assert [example.name for example in found] == ["b.png"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png", "skipped")]


def test_unusable_images_are_findings_and_the_others_are_read(folders):
    images, masks, put = folders
    put("a")
    put("alone", mask=None, shade=1)
    put("nobody", image=None, mask=np.full((20, 30), 255, np.uint8))
    put("other size", mask=np.full((30, 20), 255, np.uint8), shade=2)
    put("nothing", mask=np.zeros((20, 30), np.uint8), shade=3)
    soft = np.tile(np.array([0, 100, 127, 128, 254, 255], np.uint8), (20, 5))
    put("soft", mask=np.where(np.arange(30) < 20, 255, soft).astype(np.uint8), shade=4)
    found, findings = read_examples(read_paired_masks(images, masks))
    assert [example.name for example in found] == ["a.png", "soft.png"]
    told = {finding.source.rpartition("/")[2]: (finding.kind, finding.message) for finding in findings}
    assert {name: kind for name, (kind, _) in told.items()} == {
        "alone.png": "unpaired",
        "nobody.png": "unpaired",
        "other size.png": "size",
        "nothing.png": "empty",
        "soft.png": "converted",
    }
    assert "127" in told["soft.png"][1]
    assert "30 wide" in told["other size.png"][1]


def test_copies_of_an_image_are_a_finding_and_one_group(folders):
    images, masks, put = folders
    put("a")
    put("b")
    put("c", shade=7)
    (one, copy, other), findings = read_examples(read_paired_masks(images, masks))
    assert one.content == copy.content != other.content
    assert one.group == copy.group != other.group
    assert [(finding.kind, finding.source) for finding in findings] == [("duplicate", "a.png")]


def test_groups_that_share_an_image_are_one(folders):
    images, masks, put = folders
    for index, name in enumerate("abcde"):
        put(name, shade=index if name != "d" else 1)  # "d" is a copy of "b".
    dataset = read_paired_masks(images, masks)
    sequence = {"a.png": "x", "b.png": "x", "c.png": "y", "d.png": "y", "e.png": "z"}

    def grouped(entry):
        return replace(entry.read(), group=sequence[entry.name])

    entries = tuple(Entry(entry.name, partial(grouped, entry)) for entry in dataset.entries)
    found, _ = read_examples(Dataset("videos", entries))
    groups = {example.name[0]: example.group for example in found}
    assert len({groups[name] for name in "abcd"}) == 1
    assert groups["e"] != groups["a"]


def test_nothing_to_learn_from_is_refused_with_the_reasons(folders):
    images, masks, put = folders
    put("a", mask=np.zeros((20, 30), np.uint8))
    with pytest.raises(InputError, match=r"no object to learn from in .*images.*\n.*a\.png"):
        read_examples(read_paired_masks(images, masks))
