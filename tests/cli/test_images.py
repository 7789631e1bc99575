"""What the IMAGE of a command may be: a file, a folder, a pattern, an address, standard input, and any mixture."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from in_process import invoke
from promptseg.testing import FakeSegmenter

WORDS = "--model", "cutter", "--box", "10,10,30,30"


@pytest.fixture(autouse=True)
def _cutter(add_model):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())


@pytest.fixture
def folder(save_image):
    """A folder ``photos`` with images in it and below, and with other files."""
    Path("photos/deep").mkdir(parents=True)
    for name in ("photos/b.png", "photos/a.jpg", "photos/deep/a.png"):
        save_image(name)
    Path("photos/notes.txt").write_text("no image")
    return "photos"


@pytest.fixture
def png(photo):
    file = io.BytesIO()
    Image.fromarray(photo(60, 80, 3)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def pipe():
    """Run ``promptseg segment`` with content through standard input."""
    return lambda content, *words: invoke(["segment", *words, *WORDS], content)


def sources(result):
    assert result.exit_code == 0, result.stderr
    return [entry["source"] for entry in json.loads(result.stdout)["results"]]


def overlays():
    return sorted(path.name for path in Path("promptseg-out").iterdir() if path.suffix == ".png")


class TestFolders:
    def test_all_images_of_a_folder_and_its_subfolders(self, run, folder):
        result = run("segment", folder, *WORDS, "--json")
        assert sources(result) == [str(Path(name)) for name in ("photos/a.jpg", "photos/b.png", "photos/deep/a.png")]

    def test_what_is_left_out_is_told_on_standard_error(self, run, folder):
        result = run("segment", folder, *WORDS)
        assert result.stderr == "promptseg: photos: left out 1 file: 1 .txt (notes.txt)\n"

    def test_outputs_of_one_name_are_numbered(self, run, folder):
        assert run("segment", folder, *WORDS).exit_code == 0
        assert overlays() == ["a-2-overlay.png", "a-overlay.png", "b-overlay.png"]

    def test_outputs_in_the_folder_are_no_images_the_next_time(self, run, folder):
        first = sources(run("segment", ".", *WORDS, "--json", "--out", "old", "--masks"))
        run("segment", ".", *WORDS, "--masks")
        again = run("segment", ".", *WORDS, "--json")
        assert sources(again) == first
        assert "that promptseg wrote" in again.stderr

    def test_an_image_that_only_looks_like_an_output_is_one(self, run, save_image):
        save_image("my-overlay.png")
        assert sources(run("segment", ".", *WORDS, "--json")) == ["my-overlay.png"]

    def test_a_folder_with_one_image_is_a_list_too(self, run, save_image):
        Path("one").mkdir()
        save_image("one/a.png")
        assert sources(run("segment", "one", *WORDS, "--json")) == [str(Path("one/a.png"))]

    def test_a_folder_without_images_is_told_before_a_model_is_loaded(self, run, add_model):
        add_model("cutter", "segmenter", None)
        Path("empty").mkdir()
        Path("empty/a.txt").touch()
        result = run("segment", "empty", *WORDS)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "promptseg: empty: left out 1 file: 1 .txt (a.txt)\npromptseg: there is no image in empty\n"

    def test_the_folder_itself_takes_no_outputs(self, run, folder):
        result = run("segment", folder, *WORDS, "--out", folder)
        assert result.exit_code == 1
        assert "this folder is an input" in result.stderr


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            ("photos/*.jpg", ["a.jpg"]),
            ("photos/*", ["a.jpg", "b.png"]),
            ("photos/**/*.png", ["b.png", "deep/a.png"]),
            ("ph*/[ab].*", ["a.jpg", "b.png"]),
            ("photos/**", ["a.jpg", "b.png", "deep/a.png"]),
        ],
    )
    def test_a_pattern_in_quotes(self, run, folder, pattern, names):
        assert sources(run("segment", pattern, *WORDS, "--json")) == [str(Path(folder, name)) for name in names]

    def test_a_pattern_that_matches_nothing_is_named(self, run, folder):
        result = run("segment", "photos/*.tif", *WORDS)
        assert (result.exit_code, result.stderr) == (1, "promptseg: no image matches photos/*.tif\n")

    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(self, run, save_image):
        save_image("site [2].png")
        assert json.loads(run("segment", "site [2].png", *WORDS, "--json").stdout)["source"] == "site [2].png"


class TestAddresses:
    def test_an_address_is_fetched_and_named(self, run, file_server, png):
        file_server.files["/photos/caf%C3%A9.png"] = png
        result = run("segment", file_server.url("/photos/caf%C3%A9.png"), *WORDS)
        assert result.exit_code == 0
        assert result.stderr == f"Fetching {file_server.url('/photos/caf%C3%A9.png')}…\n"
        assert result.stdout.startswith(f"{file_server.url('/photos/caf%C3%A9.png')}: 1 mask (read ")
        assert overlays() == ["café-overlay.png"]

    def test_the_source_of_its_result_is_the_address_without_credentials(self, run, file_server, png):
        file_server.files["/a.png?key=secret"] = png
        result = run("segment", file_server.url("/a.png?key=secret"), *WORDS, "--json")
        assert json.loads(result.stdout)["source"] == file_server.url("/a.png?…")
        assert "secret" not in result.stdout + result.stderr

    def test_one_that_cannot_be_fetched_does_not_stop_the_others(self, run, file_server, save_image):
        result = run("segment", file_server.url("/a.png"), save_image("b.png"), *WORDS, "--json")
        assert result.exit_code == 1
        values = json.loads(result.stdout)
        assert [entry["source"] for entry in values["results"]] == ["b.png"]
        assert values["failed"][0]["source"] == file_server.url("/a.png")
        assert "the server answered 404" in values["failed"][0]["error"]

    def test_another_scheme_says_what_to_do(self, run):
        result = run("segment", "s3://bucket/a.png", *WORDS)
        assert "s3://bucket/a.png is an address, and an image is read from a file: download it" in result.stderr


class TestStandardInput:
    def test_an_image_through_standard_input(self, pipe, png):
        result = pipe(png, "-")
        assert (result.exit_code, result.stderr) == (0, "")
        assert overlays() == ["stdin-overlay.png"]
        assert result.stdout.startswith("-: 1 mask")

    def test_its_json_is_one_object(self, pipe, png):
        assert json.loads(pipe(png, "-", "--json").stdout)["source"] == "-"

    @pytest.mark.parametrize(
        ("content", "message"),
        [(b"", "standard input is empty: expected the content of an image"), (b"text", "standard input is not an image")],
    )
    def test_what_is_no_image_is_named(self, pipe, content, message):
        result = pipe(content, "-")
        assert result.exit_code == 1
        assert message in result.stderr

    def test_it_is_read_once_only(self, pipe, png):
        result = pipe(png, "-", "-")
        assert (result.exit_code, result.stderr) == (2, "promptseg: - is given twice, and standard input can be read once only\n")

    def test_a_file_named_by_a_path_is_a_file(self, run, save_image):
        Path(save_image("a.png")).rename("-")
        assert json.loads(run("segment", "./-", *WORDS, "--json").stdout)["source"] == "./-"


class TestMixtures:
    def test_files_folders_patterns_addresses_and_standard_input(self, pipe, folder, save_image, file_server, png):
        file_server.files["/a.png"] = png
        result = pipe(png, save_image("c.png"), "photos/*.jpg", "-", folder, file_server.url("/a.png"), "--json")
        named = ["c.png", "photos/a.jpg", "-", "photos/b.png", "photos/deep/a.png", file_server.url("/a.png")]
        assert sources(result) == [name if "://" in name else str(Path(name)) for name in named]

    def test_a_file_that_is_named_twice_is_segmented_once(self, run, save_image):
        assert sources(run("segment", save_image("a.png"), "./a.png", "*.png", *WORDS, "--json")) == ["a.png"]

    def test_an_empty_word_is_wrong_usage(self, run):
        result = run("segment", "", *WORDS)
        assert result.exit_code == 2
        assert "an IMAGE is empty: give a file, a folder, a pattern, an address, or -" in result.stderr
