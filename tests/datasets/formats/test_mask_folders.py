import numpy as np

from promptseg.datasets.reading import open_dataset


def test_the_images_in_a_folder_of_an_images_name_are_its_objects(tmp_path, save, square):
    for name in ("images/a.png", "images/b.png", "images/c.png"):
        save(name)
    for name in ("masks/a.png/1.png", "masks/a.png/2.png", "masks/b/x.png"):
        save(name, square.astype(np.uint8) * 255)
    findings = []
    images = list(open_dataset(tmp_path / "images", mask_folders=tmp_path / "masks").usable(findings))
    assert [[each.name for each in image.objects] for image in images] == [["a.png#1.png", "a.png#2.png"], ["b.png#x.png"]]
    assert all((each.mask.array == square).all() for image in images for each in image.objects)
    assert [(finding.source, finding.kind) for finding in findings] == [("c.png", "unpaired")]


def test_files_that_are_no_images_are_counted_in_both_folders(tmp_path, save, square):
    save("images/a.png")
    save("masks/a/1.png", square.astype(np.uint8) * 255)
    (tmp_path / "images" / "x.txt").touch()
    (tmp_path / "masks" / "a" / "y.csv").touch()
    findings = []
    assert len(list(open_dataset(tmp_path / "images", mask_folders=tmp_path / "masks").usable(findings))) == 1
    assert [(finding.kind, finding.message) for finding in findings] == [
        ("skipped", "left out: 1 file: 1 .txt (x.txt)"),
        ("skipped", "left out: 1 file: 1 .csv (y.csv)"),
    ]
