import numpy as np
import pytest

from promptseg.datasets.formats.cvat import encode_rle, read_cvat
from promptseg.errors import InputError
from promptseg.masks import Mask

HEAD = '<annotations><version>1.1</version><image id="0" name="a.png" width="8" height="6">'


def read(tmp_path, save, shapes, **options):
    save("images/a.png")
    (tmp_path / "cvat.xml").write_text(f"{HEAD}{shapes}</image></annotations>")
    return read_cvat(tmp_path / "images", tmp_path / "cvat.xml", **options)


def test_run_lengths_go_row_by_row_through_the_box_and_begin_with_the_background():
    pixels = np.zeros((4, 5), bool)
    pixels[1, 2:4] = pixels[2, 1:3] = True
    assert encode_rle(Mask.from_array(pixels)) == ("1, 4, 1", (1, 1, 3, 2))


def test_masks_and_polygons_are_objects_and_those_of_one_group_are_one(tmp_path, save, square):
    shapes = """<mask label="cat" rle="0, 4" left="2" top="1" width="2" height="2"><attribute name="score">0.5</attribute></mask>
        <polygon label="cat" points="2,1;4,1;4,2;2,2" group_id="7"/><polygon label="cat" points="2,2;4,2;4,3;2,3" group_id="7"/>"""
    (image,) = read(tmp_path, save, shapes)
    assert [each.mask for each in image.objects] == [Mask.from_array(square)] * 2
    assert [(each.label, each.mask.score) for each in image.objects] == [("cat", 0.5), ("cat", None)]


def test_a_box_is_skipped_or_filled(tmp_path, save, square):
    box = '<box label="cat" xtl="2.0" ytl="1.0" xbr="4.0" ybr="3.0"/>'
    (image,) = read(tmp_path, save, box)
    assert [finding.kind for finding in image.findings] == ["skipped", "empty"]
    ((each,),) = (image.objects for image in read(tmp_path, save, box, boxes=True))
    assert (each.mask.array == square).all()
    assert each.mask.from_box


@pytest.mark.parametrize(
    "mask",
    [
        'rle="0, 5" left="2" top="1" width="2" height="2"',
        'rle="0, x" left="2" top="1" width="2" height="2"',
        'rle="0, 4" left="7" top="1" width="2" height="2"',
        'left="2"',
    ],
)
def test_a_broken_mask_is_named(mask, tmp_path, save):
    findings = []
    assert list(read(tmp_path, save, f"<mask {mask}/>").usable(findings)) == []
    assert (findings[0].source, findings[0].kind) == ("a.png#1", "unreadable")


def test_a_file_of_videos_or_of_others_is_refused(tmp_path):
    for text in ("<annotations><track/></annotations>", "<annotation/>", "no xml"):
        (tmp_path / "cvat.xml").write_text(text)
        with pytest.raises(InputError, match=r"cvat\.xml is not"):
            read_cvat(tmp_path, tmp_path / "cvat.xml")
