import csv
import json
from pathlib import Path

import numpy as np
import pytest

from promptseg import Prompt
from promptseg.annotation.sources import open_source
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


def test_a_box_that_is_none_is_a_problem_of_its_image_alone(image_folder, tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [{"image_id": 1, "bbox": [10, 20, 0, 5]}, {"image_id": 2, "bbox": [10, 20, 5, 5]}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    a, b = open_source(tmp_path / "boxes.json", image_folder("a.png", "b.png"))
    assert "x0 < x1" in a.problem
    assert b.problem is None


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
        ({"x0": 9, "y0": 9, "x1": 1, "y1": 1}, "x0 < x1"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_problem_of_its_image(image_folder, tmp_path, row, problem):
    (found,) = open_source(write_csv(tmp_path / "t.csv", {"image": "a.png", **row}), image_folder("a.png"))
    assert problem in found.problem


def test_a_table_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a column image, got file"):
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


def test_a_video_needs_every_and_nothing_else_takes_it(image_folder, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(ConfigError, match="every=30"):
        open_source(tmp_path / "clip.mp4", out=tmp_path / "out")
    with pytest.raises(ConfigError, match="every is for a video"):
        open_source(image_folder("0.png"), every=3)
