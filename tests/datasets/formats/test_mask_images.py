import numpy as np
import pytest

from promptseg.datasets.formats.mask_images import read_pictures
from promptseg.datasets.reading import open_dataset
from promptseg.errors import InputError


def test_without_a_table_the_pictures_in_a_folder_of_an_images_name_are_its_objects(tmp_path, save, square):
    for name in ("images/a.png", "images/b.png", "images/c.png"):
        save(name)
    for name in ("masks/a.png/1.png", "masks/a.png/2.png", "masks/b/x.png"):
        save(name, square.astype(np.uint8) * 255)
    findings = []
    images = list(open_dataset(tmp_path / "images", mask_folders=tmp_path / "masks").usable(findings))
    assert [[each.name for each in image.objects] for image in images] == [["a.png#1.png", "a.png#2.png"], ["b.png#x.png"]]
    assert all((each.mask.array == square).all() for image in images for each in image.objects)
    assert [(finding.source, finding.kind) for finding in findings] == [("c.png", "unpaired")]


def test_a_table_that_is_none_is_refused_and_what_it_lists_in_vain_is_named(tmp_path, save):
    (tmp_path / "masks").mkdir()
    table = tmp_path / "masks" / "objects.csv"
    table.write_text("picture,number\na.png,1\n")
    with pytest.raises(InputError, match="is not a table with the columns image, mask"):
        read_pictures(tmp_path, tmp_path / "masks")
    save("a.png")
    table.write_text("image,mask,number,label,score,ignored\na.png,a.png,1,cat,,0\nb.png,b.png,1,cat,,0\n")
    findings = []
    assert list(read_pictures(tmp_path, tmp_path / "masks").usable(findings)) == []
    assert [(finding.source, finding.kind) for finding in findings] == [("b.png", "unpaired"), ("a.png", "unreadable")]
