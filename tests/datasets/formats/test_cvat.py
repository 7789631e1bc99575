import numpy as np
import pytest

from promptseg.datasets.formats.cvat import decode_rle, encode_rle, read_cvat
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


@pytest.mark.parametrize("group", ["", 'group_id="0"'])
def test_shapes_without_a_group_stay_apart(group, tmp_path, save, square):
    shapes = f"""<polygon label="cat" points="2,1;4,1;4,3;2,3" {group}/><polygon label="cat" points="5,1;7,1;7,3;5,3" {group}/>"""
    (image,) = read(tmp_path, save, shapes)
    assert [each.mask for each in image.objects] == [Mask.from_array(square), Mask.from_array(np.roll(square, 3, axis=1))]


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
def test_a_broken_mask_is_dropped_by_name_and_the_others_are_read(mask, tmp_path, save):
    findings = []
    (image,) = read(tmp_path, save, f'<mask {mask}/><mask label="cat" rle="0, 4" left="2" top="1" width="2" height="2"/>').usable(findings)
    assert [each.name for each in image.objects] == ["a.png#2"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#1", "dropped")]
    assert "mask 1 of image a.png in cvat.xml" in findings[0].message


@pytest.mark.parametrize("box", [(0, 0, 60000, 60000), (0, 0, 10**9, 10**9), (10**30, 0, 2, 2), (-1, 0, 2, 2)])
def test_a_box_outside_the_image_is_refused_before_its_pixels_are_made(box):
    with pytest.raises(InputError, match="not inside the image"):
        decode_rle(str(box[2] * box[3]), box, (48, 64))


def test_a_rotated_box_is_a_rotated_filled_box(tmp_path, save):
    # A quarter turn about the center (4, 2) swaps width 4 and height 2.
    (image,) = read(tmp_path, save, '<box label="cat" xtl="2" ytl="1" xbr="6" ybr="3" rotation="90.0"/>', boxes=True)
    expected = np.zeros((6, 8), bool)
    expected[0:4, 3:5] = True
    assert (image.objects[0].mask.array == expected).all()
    assert image.objects[0].mask.from_box


def test_an_ellipse_is_an_object(tmp_path, save):
    (image,) = read(tmp_path, save, '<ellipse label="cat" cx="4" cy="3" rx="3" ry="2"/>')
    y, x = np.mgrid[:6, :8] + 0.5
    assert (image.objects[0].mask.array == (((x - 4) / 3) ** 2 + ((y - 3) / 2) ** 2 <= 1)).all()


def test_the_number_of_the_image_and_the_labels_of_the_task_are_kept(tmp_path, save):
    save("images/a.png")
    labels = "<meta><task><labels><label><name>dog</name></label><label><name>cat</name></label></labels></task></meta>"
    (tmp_path / "cvat.xml").write_text(f'<annotations>{labels}<image id="7" name="a.png" width="8" height="6"/></annotations>')
    dataset = read_cvat(tmp_path / "images", tmp_path / "cvat.xml")
    assert [each.name for each in dataset.categories] == ["dog", "cat"]
    assert next(iter(dataset)).id == 7


def test_a_size_that_is_not_the_images_is_refused(tmp_path, save):
    findings = []
    save("images/a.png")
    (tmp_path / "cvat.xml").write_text('<annotations><image id="0" name="a.png" width="16" height="12"/></annotations>')
    assert list(read_cvat(tmp_path / "images", tmp_path / "cvat.xml").usable(findings)) == []
    assert [finding.kind for finding in findings] == ["size"]


def test_a_file_of_videos_or_of_others_is_refused(tmp_path):
    for text in ("<annotations><track/></annotations>", "<annotation/>", "no xml"):
        (tmp_path / "cvat.xml").write_text(text)
        with pytest.raises(InputError, match=r"cvat\.xml is not"):
            read_cvat(tmp_path, tmp_path / "cvat.xml")


def test_attributes_are_read_and_those_of_a_group_belong_to_one_object(tmp_path, save):
    shapes = """<polygon label="cat" points="2,1;4,1;4,3;2,3"><attribute name="score">high</attribute><attribute name="age"/></polygon>
        <polygon label="dog" points="2,1;4,1;4,2;2,2" group_id="7" occluded="0"><attribute name="fur">short</attribute></polygon>
        <polygon label="dog" points="2,2;4,2;4,3;2,3" group_id="7" occluded="1">
        <attribute name="fur">long</attribute><attribute name="score">0.5</attribute></polygon>"""
    (image,) = read(tmp_path, save, shapes)
    found = {each.label: dict(each.attributes) for each in image.objects}
    assert found == {"cat": {"score": "high", "age": ""}, "dog": {"fur": "short", "occluded": "true"}}
