"""What each writer writes, on the raw files: the values were worked out by hand, and no reader of promptseg takes part.

The first image is 10 wide and 6 high. `c` is a cat with a hole, `d` a dog in two parts, and `i` a region to ignore::

    . . . . . . . . d d
    . . c c c c . . d d
    . . c . . c . . . .
    . . c . . c . . . .
    . . c c c c . d d .
    i i i . . . . d d .

The second image is 3 wide and 4 high, with a dog of one pixel in the middle of the last row.
"""

import base64
import io
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from promptseg.datasets.core import AnnotatedImage, AnnotatedObject, Category
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writing import write
from promptseg.masks import Mask

CAT = ["..........", "..####....", "..#..#....", "..#..#....", "..####....", ".........."]
DOG = ["........##", "........##", "..........", "..........", ".......##.", ".......##."]
IGNORED = ["..........", "..........", "..........", "..........", "..........", "###......."]
PIXEL = ["...", "...", "...", ".#."]
CLASSES = [Category("person", 1), Category("dog", 44), Category("cat", 90)]


def array(rows):
    return np.array([[letter == "#" for letter in row] for row in rows])


def values(**drawn):
    """The pixels of a label image, by its drawings: ``values(_1=CAT)`` is 1 where the cat is."""
    return sum(int(name[1:]) * array(rows).astype(int) for name, rows in drawn.items())


@pytest.fixture
def written(tmp_path):
    """Write both images in a format and return the output folder."""
    images = []
    for name, rows in (("img/a.png", CAT), ("b.png", PIXEL)):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((*array(rows).shape, 3), np.uint8)).save(tmp_path / "images" / name)
    cat, dog, pixel = (
        Mask.from_array(array(CAT), label="cat", score=0.75),
        *(Mask.from_array(array(each), label="dog") for each in (DOG, PIXEL)),
    )
    objects = AnnotatedObject("img/a.png#7", cat, 900), AnnotatedObject("img/a.png#x", dog)
    ignored = (Mask.from_array(array(IGNORED)),)
    images = [
        AnnotatedImage("img/a.png", tmp_path / "images" / "img" / "a.png", (6, 10), objects, ignored, id=139),
        AnnotatedImage("b.png", tmp_path / "images" / "b.png", (4, 3), (AnnotatedObject("b.png#1", pixel),)),
    ]

    def written(name, **options):
        write(name, images, tmp_path / "out", classes=CLASSES, **options)
        return tmp_path / "out"

    return written


def test_coco(written, capsys):
    file = written("coco") / "coco.json"
    content = json.loads(file.read_text())
    assert list(content) == ["info", "licenses", "images", "annotations", "categories"]
    assert content["images"] == [
        {"id": 139, "file_name": "img/a.png", "height": 6, "width": 10},
        {"id": 140, "file_name": "b.png", "height": 4, "width": 3},
    ]
    assert content["categories"] == [
        {"id": 1, "name": "person"},
        {"id": 44, "name": "dog"},
        {"id": 90, "name": "cat"},
        {"id": 91, "name": "object"},
    ]
    fields = ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "score")
    assert [tuple(each.get(field) for field in fields) for each in content["annotations"]] == [
        (900, 139, 90, [2, 1, 4, 4], 12, 0, 0.75),
        (901, 139, 44, [7, 0, 3, 6], 8, 0, None),
        (902, 139, 91, [0, 5, 3, 1], 3, 1, None),
        (903, 140, 44, [1, 3, 1, 1], 1, 0, None),
    ]
    assert [each["segmentation"]["size"] for each in content["annotations"]] == [[6, 10], [6, 10], [6, 10], [4, 3]]
    owners = COCO(str(file))
    owners.info()
    assert "promptseg" in capsys.readouterr().out
    found = [owners.annToMask(each).tolist() for each in owners.loadAnns([900, 901, 902, 903])]
    assert found == [array(rows).astype(int).tolist() for rows in (CAT, DOG, IGNORED, PIXEL)]
    results = [{"image_id": 139, "category_id": 90, "segmentation": content["annotations"][0]["segmentation"], "score": 0.5}]
    assert owners.loadRes(results).getAnnIds() == [1]


def test_coco_polygons(written):
    file = written("coco-polygons") / "coco-polygons.json"
    annotations = json.loads(file.read_text())["annotations"]
    assert [(each["id"], each["category_id"], each["bbox"], each["area"], each["iscrowd"]) for each in annotations] == [
        (900, 90, [2, 1, 4, 4], 12, 0),
        (901, 44, [7, 0, 3, 6], 8, 0),
        (902, 91, [0, 5, 3, 1], 3, 1),
        (903, 44, [1, 3, 1, 1], 1, 0),
    ]
    assert annotations[1]["segmentation"] == [[8, 0, 10, 0, 10, 2, 8, 2], [7, 4, 9, 4, 9, 6, 7, 6]]
    assert annotations[3]["segmentation"] == [[1, 3, 2, 3, 2, 4, 1, 4]]
    (ring,) = annotations[0]["segmentation"]
    points = list(zip(ring[::2], ring[1::2], strict=True))
    assert set(points) == {(2, 1), (6, 1), (6, 5), (2, 5), (3, 2), (5, 2), (5, 4), (3, 4)}
    assert len(points) == 4 + 4 + 2  # The bridge to the hole goes there and back.
    owners = COCO(str(file))
    assert [owners.annToMask(owners.anns[number]).tolist() for number in (900, 901)] == [
        array(rows).astype(int).tolist() for rows in (CAT, DOG)
    ]


def test_cvat(written):
    root = ET.fromstring((written("cvat") / "cvat.xml").read_text())
    assert (root.findtext("version"), root.findtext("meta/task/size")) == ("1.1", "2")
    assert [each.text for each in root.iterfind("meta/task/labels/label/name")] == ["person", "dog", "cat"]
    assert {each.findtext("attributes/attribute/name") for each in root.iterfind("meta/task/labels/label")} == {"score"}
    assert [each.attrib for each in root.iterfind("image")] == [
        {"id": "0", "name": "img/a.png", "width": "10", "height": "6"},
        {"id": "1", "name": "b.png", "width": "3", "height": "4"},
    ]
    cat, dog, pixel = root.iterfind("image/mask")
    box = {"left": "2", "top": "1", "width": "4", "height": "4"}
    assert cat.attrib == {"label": "cat", "source": "auto", "occluded": "0", "rle": "0, 5, 2, 2, 2, 5", **box, "z_order": "0"}
    box = {"left": "7", "top": "0", "width": "3", "height": "6"}
    assert dog.attrib == {"label": "dog", "source": "file", "occluded": "0", "rle": "1, 2, 1, 2, 6, 2, 1, 2, 1", **box, "z_order": "1"}
    assert {name: pixel.get(name) for name in ("rle", "left", "top", "width", "height", "z_order")} == {
        "rle": "0, 1", "left": "1", "top": "3", "width": "1", "height": "1", "z_order": "0"
    }  # fmt: skip
    assert [(each.get("name"), each.text) for each in cat.iterfind("attribute")] == [("score", "0.75")]
    assert dog.find("attribute") is None


def test_label_studio(written):
    out = written("label-studio", address="https://images/")
    first, second = json.loads((out / "label-studio.json").read_text())
    assert [each["data"] for each in (first, second)] == [{"image": "https://images/img/a.png"}, {"image": "https://images/b.png"}]
    assert (first["annotations"], second["predictions"]) == ([], [])
    (prediction,), (annotation,) = first["predictions"], second["annotations"]
    assert (prediction["score"], prediction["model_version"]) == (0.75, "promptseg")
    assert [(each["value"]["brushlabels"], each.get("score")) for each in prediction["result"]] == [(["cat"], 0.75), (["dog"], None)]
    for each, size in [*((each, (10, 6)) for each in prediction["result"]), (annotation["result"][0], (3, 4))]:
        assert (each["original_width"], each["original_height"], each["image_rotation"]) == (*size, 0)
        assert (each["type"], each["from_name"], each["to_name"], each["value"]["format"]) == ("brushlabels", "label", "image", "rle")
    assert len({each["id"] for each in prediction["result"]}) == 2
    # 48 values of 8 bits, in runs whose lengths have 3, 4, 8 or 16 bits: 40 zeros, then 4 and 4.
    bits = f"{48:032b} 00111 0010 0011 0111 1111 1 10 00100111 00000000 1 00 011 11111111 1 00 011 00000000".replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    assert bytes(annotation["result"][0]["value"]["rle"]) == int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert (out / "label-studio.xml").read_text() == (
        '<View>\n  <Image name="image" value="$image"/>\n  <BrushLabels name="label" toName="image">\n'
        '    <Label value="person"/>\n    <Label value="dog"/>\n    <Label value="cat"/>\n  </BrushLabels>\n</View>\n'
    )


def test_the_score_of_a_prediction_of_label_studio_is_the_mean_of_its_objects(tmp_path):
    masks = [Mask.from_array(array(CAT), score=score) for score in (0.5, None, 1.0)]
    objects = tuple(AnnotatedObject(f"a.png#{number}", mask) for number, mask in enumerate(masks))
    write("label-studio", [AnnotatedImage("a.png", tmp_path / "a.png", (6, 10), objects)], tmp_path)
    (task,) = json.loads((tmp_path / "label-studio.json").read_text())
    assert [each["score"] for each in task["predictions"]] == [0.75]


def test_labelme(written):
    out = written("labelme") / "labelme"
    content = json.loads((out / "img" / "a.json").read_text())
    assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == ("../../../images/img/a.png", 6, 10)
    assert content["imageData"] is None
    cat, dog = content["shapes"]
    assert (cat["label"], cat["shape_type"], cat["group_id"], cat["score"]) == ("cat", "mask", None, 0.75)
    assert (cat["points"], dog["points"]) == ([[2, 1], [5, 4]], [[7, 0], [9, 5]])
    assert "score" not in dog
    for shape, rows, (left, top, right, bottom) in ((cat, CAT, (2, 1, 6, 5)), (dog, DOG, (7, 0, 10, 6))):
        png = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        assert png.tolist() == array(rows)[top:bottom, left:right].tolist()
    assert json.loads((out / "b.json").read_text())["shapes"][0]["points"] == [[1, 3], [1, 3]]


def test_labelme_polygons(written):
    cat, left, right = json.loads((written("labelme-polygons") / "labelme-polygons" / "img" / "a.json").read_text())["shapes"]
    assert [(each["label"], each["shape_type"], each["group_id"], each.get("score")) for each in (cat, left, right)] == [
        ("cat", "polygon", None, 0.75),
        ("dog", "polygon", 2, None),
        ("dog", "polygon", 2, None),
    ]
    assert left["points"] == [[8.25, 0.25], [9.75, 0.25], [9.75, 1.75], [8.25, 1.75]]
    assert right["points"] == [[7.25, 4.25], [8.75, 4.25], [8.75, 5.75], [7.25, 5.75]]
    outer = {(2.25, 1.25), (5.75, 1.25), (5.75, 4.75), (2.25, 4.75)}
    assert set(map(tuple, cat["points"])) == outer | {(2.75, 1.75), (5.25, 1.75), (5.25, 4.25), (2.75, 4.25)}


def test_voc(written):
    voc = written("voc") / "voc"
    root = ET.fromstring((voc / "Annotations" / "img" / "a.xml").read_text())
    assert [root.findtext(tag) for tag in ("filename", "size/width", "size/height", "size/depth", "segmented")] == [
        "img/a.png",
        "10",
        "6",
        "3",
        "1",
    ]
    tags = ("name", "bndbox/xmin", "bndbox/ymin", "bndbox/xmax", "bndbox/ymax")
    assert [[each.findtext(tag) for tag in tags] for each in root.iterfind("object")] == [
        ["cat", "3", "2", "6", "5"],
        ["dog", "8", "1", "10", "6"],
    ]
    for part, expected in (("Object", values(_1=CAT, _2=DOG, _255=IGNORED)), ("Class", values(_3=CAT, _2=DOG, _255=IGNORED))):
        with Image.open(voc / f"Segmentation{part}" / "img" / "a.png") as image:
            assert (image.mode, np.asarray(image).tolist()) == ("P", expected.tolist())
            palette = image.getpalette()
            assert (palette[:12], palette[765:]) == ([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0], [224, 224, 192])
    assert (voc / "ImageSets" / "Segmentation" / "all.txt").read_text() == "img/a\nb\n"
    assert (voc / "labelmap.txt").read_text() == (
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nperson:128,0,0::\ndog:0,128,0::\ncat:128,128,0::\nignored:224,224,192::\n"
    )


@pytest.mark.parametrize("name", ["yolo", "yolo-seg"])
def test_the_classes_and_images_of_yolo(written, name):
    folder = written(name) / name
    names = {0: "person", 1: "dog", 2: "cat"}
    assert yaml.safe_load((folder / "data.yaml").read_text()) == {"train": "images", "val": "images", "names": names}
    assert (folder / "images" / "img" / "a.png").resolve() == folder.parent.parent / "images" / "img" / "a.png"


def test_yolo(written):
    labels = written("yolo") / "yolo" / "labels"
    assert (labels / "img" / "a.txt").read_text() == "2 0.4 0.5 0.4 0.666666667\n1 0.85 0.5 0.3 1\n"
    assert (labels / "b.txt").read_text() == "1 0.5 0.875 0.333333333 0.25\n"


def test_yolo_seg(written):
    labels = written("yolo-seg") / "yolo-seg" / "labels"
    ring = "0.416666667 0.8125 0.583333333 0.8125 0.583333333 0.9375 0.416666667 0.9375"
    assert (labels / "b.txt").read_text() == f"1 {ring}\n"
    cat, dog = (
        (int(number), np.array(rest, float).reshape(-1, 2))
        for number, *rest in map(str.split, (labels / "img" / "a.txt").read_text().splitlines())
    )
    assert (cat[0], dog[0]) == (2, 1)
    corners = {tuple(corner) for corner in (dog[1] * [10, 6]).round(5).tolist()}
    assert corners == {(x, y) for x in (8.25, 9.75) for y in (0.25, 1.75)} | {(x, y) for x in (7.25, 8.75) for y in (4.25, 5.75)}
    assert len(cat[1]) == len(dog[1]) == 4 + 4 + 2


def test_label_images(written):
    folder = written("labels") / "labels"
    with Image.open(folder / "img" / "a.png") as image:
        assert (image.mode, np.asarray(image).tolist()) == ("L", values(_1=CAT, _2=DOG, _255=IGNORED).tolist())
    assert (folder / "objects.csv").read_text() == (
        '"image","mask","number","label","score","ignored"\n'
        '"img/a.png","img/a.png",1,"cat",0.75,0\n"img/a.png","img/a.png",2,"dog","",0\n"b.png","b.png",1,"dog","",0\n'
    )


def test_palette_images(written):
    with Image.open(written("palette") / "palette" / "img" / "a.png") as image:
        assert (image.mode, np.asarray(image).tolist()) == ("P", values(_1=CAT, _2=DOG, _255=IGNORED).tolist())
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]


def test_mask_images(written):
    folder = written("masks") / "masks"
    for number, rows in enumerate((CAT, DOG, IGNORED), 1):
        with Image.open(folder / "img" / "a.png" / f"{number:04}.png") as image:
            assert (image.mode, np.asarray(image).tolist()) == ("1", array(rows).tolist())
    assert (folder / "objects.csv").read_text().splitlines()[1:] == [
        '"img/a.png","img/a.png/0001.png",1,"cat",0.75,0',
        '"img/a.png","img/a.png/0002.png",2,"dog","",0',
        '"img/a.png","img/a.png/0003.png",3,"","",1',
        '"b.png","b.png/0001.png",1,"dog","",0',
    ]


def test_geojson(written):
    folder = written("geojson") / "geojson"
    content = json.loads((folder / "img" / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    assert content["promptseg"] == {"image": "img/a.png", "width": 10, "height": 6, "coordinates": "pixels"}
    cat, dog, ignored = content["features"]
    assert [(each["id"], each["properties"]) for each in (cat, dog, ignored)] == [
        ("7", {"label": "cat", "score": 0.75}),
        ("x", {"label": "dog"}),
        ("ignored 1", {"ignored": True}),
    ]
    # Exteriors run counterclockwise, when y is read upwards, and holes clockwise. The first corner comes again at the end.
    assert cat["geometry"] == {
        "type": "Polygon",
        "coordinates": [[[2, 1], [6, 1], [6, 5], [2, 5], [2, 1]], [[5, 2], [3, 2], [3, 4], [5, 4], [5, 2]]],
    }
    assert dog["geometry"] == {
        "type": "MultiPolygon",
        "coordinates": [[[[8, 0], [10, 0], [10, 2], [8, 2], [8, 0]]], [[[7, 4], [9, 4], [9, 6], [7, 6], [7, 4]]]],
    }


def test_parquet(written):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(written("parquet") / "masks.parquet")
    assert table.column_names == ["image", "height", "width", "object", "label", "score", "ignored", "counts"]
    rows = table.to_pylist()
    assert [tuple(row.values())[:-1] for row in rows] == [
        ("img/a.png", 6, 10, "7", "cat", 0.75, False),
        ("img/a.png", 6, 10, "x", "dog", None, False),
        ("img/a.png", 6, 10, "ignored 1", None, None, True),
        ("b.png", 4, 3, "1", "dog", None, False),
    ]
    for row, drawn in zip(rows, (CAT, DOG, IGNORED, PIXEL), strict=True):
        decoded = coco_masks.decode({"size": [row["height"], row["width"]], "counts": row["counts"].encode()})
        assert decoded.tolist() == array(drawn).astype(int).tolist()


ATTRIBUTES = {"occluded": "yes", 'what "it" <is>': "a & b\r"}


@pytest.fixture
def with_attributes(tmp_path):
    """Write an object with attributes and one without in a format, and return the file and the report."""
    Image.fromarray(np.zeros((6, 10, 3), np.uint8)).save(tmp_path / "a.png")
    given = (("cat", CAT, {**ATTRIBUTES, "score": "mine"}), ("dog", DOG, {}))
    objects = tuple(AnnotatedObject(label, Mask.from_array(array(rows), label=label), attributes=own) for label, rows, own in given)

    def written(name):
        report = write(name, [AnnotatedImage("a.png", tmp_path / "a.png", (6, 10), objects)], tmp_path / "out")
        return report.path, report

    return written


@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
def test_annotations_of_coco_have_the_attributes_of_their_objects(name, with_attributes):
    path, report = with_attributes(name)
    cat, dog = json.loads(path.read_text())["annotations"]
    assert cat["attributes"] == {**ATTRIBUTES, "score": "mine"}
    assert "attributes" not in dog
    assert report.notes == ()


def test_shapes_of_cvat_have_the_attributes_that_their_label_lists(with_attributes):
    path, report = with_attributes("cvat")
    root = ET.parse(path).getroot()
    cat, dog = root.iter("mask")
    assert {each.get("name"): each.text for each in cat} == ATTRIBUTES
    assert (cat.get("occluded"), dog.get("occluded"), list(dog)) == ("1", "0", [])
    listed = {label.findtext("name"): [each.findtext("name") for each in label.iter("attribute")] for label in root.iter("label")}
    assert listed == {"cat": ["score", *ATTRIBUTES], "dog": ["score"]}
    assert report.notes == ("1 attribute is not in the files: the format cannot hold them",)  # Its score is an attribute of that name.


@pytest.mark.parametrize("name", ["coco", "coco-polygons", "cvat", "geojson", "labelme", "labelme-polygons"])
def test_attributes_come_back(name, with_attributes, tmp_path):
    path, report = with_attributes(name)
    (image,) = open_dataset(tmp_path, **{name.removesuffix("-polygons"): path})
    found = [dict(each.attributes) for each in sorted(image.objects, key=lambda each: each.label)]
    assert found == [{**ATTRIBUTES, **({} if report.notes else {"score": "mine"})}, {}]
    assert [each.kind for each in image.findings] == []
