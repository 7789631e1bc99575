import csv
import json
from pathlib import Path

import numpy as np
import pytest

from promptseg import Prompt
from promptseg.annotation.sources import open_source
from promptseg.datasets.core import Category
from promptseg.errors import ConfigError, InputError


def names(source):
    return [image.name for image in source]


def write_csv(path, *rows):
    columns = dict.fromkeys(key for row in rows for key in row)
    with Path(path).open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_folder_gives_its_images_by_their_whole_names_in_order(image_folder):
    root = image_folder("b/0.png", "a/0.png", "a.png", "a-b/1.png", "a/deep/2.PNG", ".hidden/3.png", ".4.png")
    (root / "notes.txt").write_text("no image")
    (root / "folder.png").mkdir()
    assert names(open_source(root)) == ["a-b/1.png", "a.png", "a/0.png", "a/deep/2.PNG", "b/0.png"]
    assert names(open_source(root)) == sorted(names(open_source(root)))
    assert all(image.path == root / image.name and image.prompts is None for image in open_source(root))


def test_the_folder_of_the_results_is_not_looked_into(image_folder):
    root = image_folder("0.png", "out/gallery/0.png")
    assert names(open_source(root, out=root / "out")) == ["0.png"]
    assert names(open_source(str(root / "**/*.png"), out=root / "out")) == ["0.png"]


def test_a_pattern_gives_names_from_where_it_has_no_wildcard(image_folder):
    root = image_folder("b/0.png", "a/0.png", "a/0.jpg")
    assert names(open_source(str(root / "*" / "0.png"))) == ["a/0.png", "b/0.png"]
    assert names(open_source(str(root / "a" / "*"))) == ["0.jpg", "0.png"]


def test_one_image_is_a_source(image_folder):
    assert names(open_source(image_folder("a/0.png") / "a" / "0.png")) == ["0.png"]


def test_a_list_gives_its_lines_each_once(image_folder, tmp_path):
    root = image_folder("b/0.png", "a/0.png")
    (tmp_path / "list.txt").write_text(f"# two images\nb/0.png\n\n{root}/a/0.png\n./b/0.png\n")
    found = list(open_source(tmp_path / "list.txt", root))
    assert [(image.name, image.path) for image in found] == [("b/0.png", root / "b/0.png"), ("a/0.png", root / "a/0.png")]


def test_a_name_that_would_stand_for_two_files_is_refused(image_folder, tmp_path):
    root = image_folder("0.png")
    outside = f"{tmp_path}/other.png"
    (tmp_path / "list.txt").write_text(f"{outside}\n{root}{outside}\n")
    with pytest.raises(InputError, match="two images that would have the name"):
        open_source(tmp_path / "list.txt", root)


def test_a_coco_file_prompts_with_its_boxes_and_labels_them(image_folder, tmp_path):
    root = image_folder("a.png", "b.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 7, "name": "dog"}],
        "annotations": [
            {"image_id": 1, "bbox": [10, 20, 30, 5], "category_id": 7},
            {"image_id": 1, "bbox": [0, 0, 5, 5], "category_id": 7, "iscrowd": 1},
        ],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    a, b = open_source(tmp_path / "boxes.json", root)
    assert [prompt.xyxy.tolist() for prompt in a.prompts] == [[10, 20, 40, 25]]
    assert a.labels == ("dog",)
    assert b.prompts == ()


def coco(path, annotations, images=None, categories=()):
    images = images or [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": list(categories)}))
    return path


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"bbox": [10, 20, 5.5, 0.0]}, "no area"),
        ({"bbox": [10, 20, -5, 5]}, "no area"),
        ({"bbox": [10, 20, 5]}, "x, y, width, height"),
        ({"bbox": {"x": 1}}, "x, y, width, height"),
        ({"bbox": [10, 20, "wide", 5]}, "finite number, got 'wide'"),
        ({"bbox": [10, 20, True, 5]}, "finite number"),
        ({"bbox": [10, 20, float("nan"), 5]}, "finite number"),
        ({"bbox": [10, 20, 10**400, 5]}, "finite number"),
        ({"bbox": None}, "got none"),
        ({}, "got none"),
    ],
)
def test_an_annotation_without_a_usable_box_is_dropped_by_its_id_and_the_others_stay(image_folder, tmp_path, bad, problem):
    good = {"id": 7, "image_id": 1, "bbox": [10, 20, 5, 5]}
    file = coco(tmp_path / "boxes.json", [good, {"id": 918, "image_id": 1, **bad}, {**good, "id": 9, "image_id": 2}])
    a, b = open_source(file, image_folder("a.png", "b.png"))
    assert [each.id for each in a.asked] == [7]
    assert [each.id for each in b.asked] == [9]
    (dropped,) = a.dropped
    assert dropped.startswith("annotation 918: ")
    assert problem in dropped
    assert b.dropped == ()


def test_parts_of_a_coco_file_that_belong_to_no_image_are_named(image_folder, tmp_path):
    annotations = [{"id": 5, "image_id": 3, "bbox": [1, 1, 5, 5]}, "text", {"id": 6, "bbox": [1, 1, 5, 5]}]
    source = open_source(coco(tmp_path / "c.json", annotations, [{"id": 1, "file_name": "a.png"}, {"id": 2}, 5]), image_folder("a.png"))
    assert names(source) == ["a.png"]
    assert [each.split(":")[0] for each in source.dropped] == [
        "annotation number 1",
        "annotation 6",
        "image 2",
        "image number 2",
        "annotation 5",
    ]


def test_ids_of_a_coco_file_are_kept_and_its_categories_in_their_order_with_unused_ones(image_folder, tmp_path):
    categories = [{"id": 44, "name": "bottle"}, {"id": 1, "name": "person"}, {"id": 90, "name": "brush"}]
    annotations = [
        {"id": 900, "image_id": 139, "bbox": [1, 1, 5, 5], "category_id": 1},
        {"id": "x", "image_id": "139", "bbox": [2, 2, 5, 5]},
    ]
    source = open_source(coco(tmp_path / "c.json", annotations, [{"id": 139, "file_name": "a.png"}], categories), image_folder("a.png"))
    (image,) = source
    assert image.id == 139
    assert [(each.id, each.label, each.place) for each in image.asked] == [(900, "person", "annotation 900"), (None, None, "annotation x")]
    assert source.categories == (Category("bottle", 44), Category("person", 1), Category("brush", 90))


def test_a_category_that_the_file_does_not_name_is_its_number(image_folder, tmp_path):
    file = coco(tmp_path / "c.json", [{"id": 1, "image_id": 1, "bbox": [1, 1, 5, 5], "category_id": 8}])
    a, _ = open_source(file, image_folder("a.png", "b.png"))
    assert a.labels == ("8",)


def test_ids_of_images_may_be_text(image_folder, tmp_path):
    images = [{"id": "front/7", "file_name": "a.png"}]
    (a,) = open_source(coco(tmp_path / "c.json", [{"image_id": "front/7", "bbox": [1, 1, 5, 5]}], images), image_folder("a.png"))
    assert (a.id, len(a.asked)) == (None, 1)


def test_an_image_of_lvis_that_is_not_there_has_the_last_name_of_its_address(image_folder, tmp_path):
    images = [
        {"id": i, "coco_url": url} for i, url in enumerate(("http://images.example/x/a%20b.png?s=1", "http://[x/y/c.png", "c.png", ""))
    ]
    images.append({"id": 9, "file_name": "d.png"})
    source = open_source(coco(tmp_path / "c.json", [], images), image_folder("d.png"))
    assert names(source) == ["a b.png", "c.png", "d.png"]
    assert [each.partition(":")[0] for each in source.dropped] == ["image 2", "image 3"]


@pytest.mark.parametrize("name", ["a.png", "train2017/a.png", "data/train2017/a.png", "train2017/A.PNG"])
def test_an_image_of_lvis_has_the_name_at_the_end_of_its_address(image_folder, tmp_path, name):
    images = [{"id": 1, "coco_url": "http://images.example/data/train2017/a.png"}]
    (a,) = open_source(coco(tmp_path / "c.json", [], images), image_folder(name))
    assert a.name == name


@pytest.mark.parametrize(
    ("stated", "name", "other"),
    [
        ("images/a/0.png", "a/0.png", "1.png"),
        ("images\\a\\0.png", "a/0.png", "1.png"),
        ("/home/other/images/a/0.png", "a/0.png", "1.png"),
        ("A/0.PNG", "a/0.png", "1.png"),
        ("a/0", "a/0.png", "1.png"),
        ("b/0.png", "b/0.png", "1.png"),  # Not there: it fails later, under its own name.
        ("a/0.png", "a/0.png", "images/1.png"),  # One path is right as it stands: the other is of an image that is gone.
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".csv", ".txt"])
def test_an_image_is_found_as_others_wrote_its_path(image_folder, tmp_path, stated, name, other, suffix):
    root = image_folder("a/0.png", "1.png")
    path = tmp_path / f"source{suffix}"
    rows = json.dumps({"images": [{"id": 1, "file_name": stated}, {"id": 2, "file_name": "images/1.png"}]})
    text = {".json": rows, ".csv": f"image\n{stated}\nimages/1.png\n", ".txt": f"{stated}\nimages/1.png\n"}[suffix]
    path.write_text(text, "utf-8" if suffix == ".json" else "utf-8-sig")
    assert names(open_source(path, root)) == [name, other]


def test_what_cannot_be_a_path_is_dropped_and_named(image_folder, tmp_path):
    root = image_folder("a.png")
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b\0.png"}, {"id": 3, "file_name": "c\ud800.png"}]
    source = open_source(coco(tmp_path / "c.json", [], images), root)
    assert names(source) == ["a.png"]
    assert [dropped.split(":")[0] for dropped in source.dropped] == ["image 2", "image 3"]
    (tmp_path / "l.txt").write_text("a.png\nb\0.png\n")
    assert open_source(tmp_path / "l.txt", root).dropped[0].startswith("line 2: ")
    (tmp_path / "t.csv").write_text("image\na.png\n.\n")
    assert open_source(tmp_path / "t.csv", root).dropped[0].startswith("row 2: ")


def test_one_image_under_two_ids_has_the_boxes_of_both(image_folder, tmp_path):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "./a.png"}]
    (a,) = open_source(coco(tmp_path / "c.json", [{"image_id": 2, "bbox": [1, 1, 5, 5]}], images), image_folder("a.png"))
    assert len(a.asked) == 1


@pytest.mark.parametrize("suffix", [".json", ".csv", ".txt"])
def test_a_file_whose_images_are_all_elsewhere_is_refused_with_the_name_of_the_folder(image_folder, tmp_path, suffix):
    image_folder("a.png")
    path = tmp_path / f"source{suffix}"
    path.write_text({".json": '{"images": [{"id": 1, "file_name": "a.png"}]}', ".csv": "image\na.png\n", ".txt": "a.png\n"}[suffix])
    with pytest.raises(InputError, match=rf"the folder {tmp_path} does not have a.png of .*--images"):
        open_source(path)
    assert names(open_source(path, tmp_path / "images")) == ["a.png"]


def test_what_is_no_coco_file_is_refused(tmp_path):
    (tmp_path / "boxes.json").write_text('{"images": [{"id": 1}]}')
    with pytest.raises(InputError, match="is not a COCO file with boxes"):
        open_source(tmp_path / "boxes.json")


def test_the_rows_of_a_table_are_the_objects_of_their_images(image_folder, tmp_path):
    root = image_folder("a.png", "b.png", "c.png")
    table = write_csv(
        tmp_path / "t.csv",
        {"image": "a.png", "x0": 1, "y0": 2, "x1": 30, "y1": 40, "label": "dog"},
        {"image": "b.png", "x": 5, "y": 6, "object": "one"},
        {"image": "a.png", "x": 7, "y": 8},
        {"image": "b.png", "x": 9, "y": 9, "foreground": 0, "object": "one"},
        {"image": "b.png", "text": "a dog, red car"},
        {"image": "c.png"},
    )
    a, b, c = open_source(table, root)
    assert [repr(prompt) for prompt in a.prompts] == ["Prompt.box(1, 2, 30, 40)", "Prompt.point(7, 8)"]
    assert a.labels == ("dog", None)
    assert [repr(prompt) for prompt in b.prompts] == [
        "Prompt.point(5, 6) + Prompt.point(9, 9, foreground=False)",
        "Prompt.text('a dog', 'red car')",
    ]
    assert c.prompts is None


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"x0": 1, "y0": 2}, "only x0, y0"),
        ({"x": 1}, "a point needs x and y"),
        ({"x": "left", "y": 1}, "'left'"),
        ({"x": "inf", "y": 1}, "'inf'"),
        ({"x0": 9, "y0": 9, "x1": 1, "y1": 1}, "x0 < x1"),
        ({"text": "dog||cat"}, "blank alternative"),
        ({"text": ","}, "name what to find"),
    ],
)
def test_a_row_that_cannot_be_used_is_dropped_by_its_number_and_the_others_stay(image_folder, tmp_path, row, problem):
    table = write_csv(tmp_path / "t.csv", {"image": "a.png", "x": 3, "y": 4}, {"image": "a.png", **row}, {"image": "", "x": 1, "y": 1})
    source = open_source(table, image_folder("a.png"))
    (found,) = source
    assert [repr(prompt) for prompt in found.prompts] == ["Prompt.point(3, 4)"]
    (dropped,) = found.dropped
    assert dropped.startswith("row 2: ")
    assert problem in dropped
    assert source.dropped == ("row 3: it has no image",)


def test_an_image_whose_only_row_cannot_be_used_does_not_get_the_prompts_of_the_run(image_folder, tmp_path):
    (found,) = open_source(write_csv(tmp_path / "t.csv", {"image": "a.png", "x": "?", "y": 1}), image_folder("a.png"))
    assert found.asked == ()


def test_a_table_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="no column image: its columns are file"):
        open_source(write_csv(tmp_path / "t.csv", {"file": "a.png"}))


def test_a_parquet_table_says_the_same_as_a_csv_one(image_folder, tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    from pyarrow import parquet

    root = image_folder("a.png", "b.png")
    columns = {"image": ["a.png", "b.png"], "x": [5.0, None], "y": [6.0, float("nan")], "label": ["dog", None]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    a, b = open_source(tmp_path / "t.parquet", root)
    assert (repr(a.prompts[0]), a.labels) == ("Prompt.point(5, 6)", ("dog",))
    assert b.prompts is None


def test_python_values_are_paths_and_pairs(image_folder):
    root = image_folder("a.png", "b.png")
    a, b = open_source([root / "a.png", (root / "b.png", Prompt.point(3, 4))])
    assert a.prompts is None
    assert np.array_equal(b.prompts[0].xy, [[3, 4]])


@pytest.mark.parametrize(
    ("source", "message"), [("nowhere", "there is no nowhere"), ("*.tiff", "there is no image"), ("x.docx", "is not a source of images")]
)
def test_a_source_that_is_none_is_refused_by_its_name(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.docx").write_text("")
    with pytest.raises(InputError, match=message):
        open_source(source)


def test_a_folder_of_which_nothing_is_an_image_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"there is no image in .*; left out: 1 file: 1 \.txt \(notes\.txt\)"):
        open_source(tmp_path)


def test_a_pattern_follows_links_to_folders_and_counts_what_it_matches_alone(image_folder, tmp_path):
    root = image_folder("a/0.png")
    (tmp_path / "other").mkdir()
    (root / "a" / "0.png").rename(tmp_path / "other" / "1.png")
    (root / "b").symlink_to(tmp_path / "other")
    (root / "a" / "x.txt").touch()
    (root / "y.csv").touch()
    source = open_source(root / "*" / "*")
    assert names(source) == ["b/1.png"]
    assert source.unused.counts == {".txt": 1}


def test_a_folder_whose_name_looks_like_a_pattern_is_taken_as_it_stands(image_folder, tmp_path):
    root = image_folder("0.png").rename(tmp_path / "site [2]")
    assert names(open_source(root / "*.png")) == ["0.png"]


def test_every_nth_frame_of_a_video_becomes_an_image_once(tmp_path, photo):
    av = pytest.importorskip("av", reason="videos need av")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 80, 60, "yuv420p"
        for index in range(7):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(photo(60, 80, index), format="rgb24")))
        container.mux(stream.encode())
    source = open_source(tmp_path / "clip.mp4", out=tmp_path / "out", every=3)
    assert names(source) == ["clip-00000000.jpg", "clip-00000003.jpg", "clip-00000006.jpg"]
    assert {image.group for image in source} == {"clip.mp4"}
    before = [image.path.stat().st_mtime_ns for image in source]
    assert [image.path.stat().st_mtime_ns for image in open_source(tmp_path / "clip.mp4", out=tmp_path / "out", every=3)] == before
    for damage in (b"{", b"[1]", b"\xff", b"[" * 100_000):  # What is known of the frames is lost, and found again.
        next((tmp_path / "out").rglob(".video.json")).write_bytes(damage)
        assert names(open_source(tmp_path / "clip.mp4", out=tmp_path / "out", every=3)) == names(source)


def test_a_video_needs_every_and_nothing_else_takes_it(image_folder, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(ConfigError, match="every=30"):
        open_source(tmp_path / "clip.mp4", out=tmp_path / "out")
    with pytest.raises(ConfigError, match="every is for a video"):
        open_source(image_folder("0.png"), every=3)
