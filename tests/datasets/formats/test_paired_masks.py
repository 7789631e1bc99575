import numpy as np
import pytest

from promptseg.datasets.core import AnnotationError
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import InputError


def kinds(findings):
    return [(finding.source, finding.kind) for finding in findings]


def test_images_and_masks_are_paired_by_their_paths_without_suffix(tmp_path, save, square):
    save("images/b/1.jpg")
    save("images/a.png")
    save("masks/b/1.png", square)
    save("masks/a_mask.png", square)
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    assert [image.name for image in dataset] == ["a.png", "b/1.jpg"]
    assert [[true.name for true in image.objects] for image in dataset] == [["a.png#1"], ["b/1.jpg#1"]]
    assert all((image.objects[0].mask.array == square).all() for image in dataset)
    assert [image.group for image in dataset] == ["a.png", "b/1.jpg"]
    assert dataset.findings == ()


def test_what_has_no_partner_or_several_is_named_and_the_rest_is_read(tmp_path, save, square):
    for name in ("images/alone.png", "images/good.png", "images/two.png", "images/two.jpg"):
        save(name)
    for name in ("masks/good.png", "masks/other.png", "masks/two.png"):
        save(name, square)
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    assert [image.name for image in dataset] == ["good.png"]
    assert kinds(dataset.findings) == [
        ("alone.png", "unpaired"),
        ("two.jpg", "ambiguous"),
        (str(tmp_path / "masks" / "other.png"), "unpaired"),
    ]


def test_a_mask_of_another_size_is_named_with_both_sizes_and_the_rest_is_read(tmp_path, save, square):
    for name in "ab":
        save(f"images/{name}.png")
    save("masks/a.png", square[:, :5])
    save("masks/b.png", square)
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    with pytest.raises(AnnotationError, match="8 wide and 6 high, its annotation 5 wide and 6 high"):
        list(dataset)
    findings = []
    assert [image.name for image in dataset.usable(findings)] == ["b.png"]
    assert kinds(findings) == [("a.png", "size")]
    assert findings[0].broken


def test_an_image_that_is_turned_upright_needs_an_upright_mask(tmp_path, save, square):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    save("images/a.jpg", np.zeros((8, 6, 3), np.uint8), exif=exif)
    save("masks/a.png", square)
    (image,) = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    assert image.size == image.pixels().shape[:2] == (6, 8)


def test_an_image_of_which_the_mask_is_black_is_named_and_has_no_object(tmp_path, save, square):
    save("images/a.png")
    save("masks/a.png", square & False)
    findings = []
    (image,) = read_paired_masks(tmp_path / "images", tmp_path / "masks").usable(findings)
    assert image.objects == ()
    assert kinds(findings) == [("a.png", "empty")]
    assert not findings[0].broken


def test_a_broken_image_or_mask_is_named_and_the_rest_is_read(tmp_path, save, square):
    for name in "abc":
        save(f"images/{name}.png")
        save(f"masks/{name}.png", square)
    (tmp_path / "images" / "a.png").write_bytes(b"no")
    (tmp_path / "masks" / "b.png").write_bytes(b"no")
    findings = []
    assert [image.name for image in read_paired_masks(tmp_path / "images", tmp_path / "masks").usable(findings)] == ["c.png"]
    assert kinds(findings) == [("a.png", "unreadable"), ("b.png", "unreadable")]


def test_absent_and_empty_folders_are_refused(tmp_path, save):
    save("images/a.png")
    with pytest.raises(InputError, match="nowhere is not a folder"):
        read_paired_masks(tmp_path / "images", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in"):
        read_paired_masks(tmp_path / "empty", tmp_path / "images")


def test_hidden_files_are_no_images(tmp_path, save, square):
    save("images/a.png")
    save("images/.trash/b.png")
    save("masks/a.png", square)
    assert [entry.name for entry in read_paired_masks(tmp_path / "images", tmp_path / "masks").entries] == ["a.png"]


def test_a_part_of_a_dataset_is_chosen_by_name(tmp_path, save, square):
    for name in "abc":
        save(f"images/{name}.png")
        save(f"masks/{name}.png", square)
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    assert [image.name for image in dataset.only(["c.png", "a.png"])] == ["a.png", "c.png"]
    with pytest.raises(InputError, match=r"no image 'd\.png'"):
        dataset.only(["d.png"])


@pytest.mark.shared
def test_the_flood_images_and_their_gray_masks_are_read(shared):
    findings = []
    images = list(read_paired_masks(shared / "data/flood_area/images", shared / "data/flood_area/masks").usable(findings))
    assert len(images) == 38
    assert all(len(image.objects) == 1 for image in images)
    assert {finding.kind for finding in findings} == {"converted"}


@pytest.mark.shared
def test_flood_masks_of_another_size_than_their_images_are_found(shared):
    findings = []
    assert list(read_paired_masks(shared / "data/flood_mismatch/images", shared / "data/flood_mismatch/masks").usable(findings)) == []
    assert [finding.kind for finding in findings] == ["size", "size"]


def test_files_that_are_no_images_and_broken_links_are_counted(tmp_path, save, square):
    save("images/a.png")
    save("masks/a.png", square)
    (tmp_path / "images" / "notes.txt").touch()
    (tmp_path / "masks" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    assert len(dataset) == 1
    assert [str(finding) for finding in dataset.findings] == [
        f"{tmp_path / 'images'}: left out: 1 file: 1 .txt (notes.txt)",
        f"{tmp_path / 'masks'}: left out: 1 file: 1 broken link (gone.png)",
    ]
    assert kinds(dataset.findings) == [(str(tmp_path / "images"), "skipped"), (str(tmp_path / "masks"), "skipped")]
