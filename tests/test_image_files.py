import os

import pytest
from PIL import Image

from promptseg import image_files
from promptseg.errors import InputError
from promptseg.image_files import MARKER, Unused, files_under, image_size, list_names


@pytest.fixture
def folder(tmp_path):
    """Make files in a folder, and return the folder."""

    def make(*names):
        root = tmp_path / "p"
        root.mkdir(exist_ok=True)
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return root

    return make


class TestListing:
    def test_names_are_sorted_and_relative_with_subfolders(self, folder):
        root = folder("b.jpg", "a/2.png", "a/deep/1.PNG", "a.jpg", "a-b/3.tif")
        assert list_names(root) == (("a-b/3.tif", "a.jpg", "a/2.png", "a/deep/1.PNG", "b.jpg"), Unused())

    def test_all_suffixes_of_the_formats_are_images(self, folder):
        named = ("1.jfif", "2.jpe", "3.mpo", "4.HEIC", "5.jp2", "6.dib", "7.tga", "8.sgi", "9.pbm", "a.apng", "b.avif", "c.ico")
        assert list_names(folder(*named))[0] == named

    def test_what_is_not_used_is_counted_by_reason_with_an_example(self, folder):
        root = folder("a.jpg", "2.txt", "1.txt", "README", ".DS_Store", ".git/config", "b/3.txt", "c.PSD")
        (root / "gone.jpg").symlink_to(root / "nowhere.jpg")
        os.mkfifo(root / "pipe.png")
        names, unused = list_names(root)
        assert names == ("a.jpg",)
        assert unused.counts == {
            ".txt": 3,
            "hidden": 2,
            "without suffix": 1,
            ".psd": 1,
            "broken link": 1,
            "that is no regular file": 1,
        }
        assert unused.examples[".txt"] == "1.txt"
        assert str(unused) == (
            "9 files: 3 .txt (1.txt, …), 2 hidden (.DS_Store, …), 1 .psd (c.PSD), 1 broken link (gone.jpg), "
            "1 that is no regular file (pipe.png), 1 without suffix (README)"
        )

    def test_links_to_files_and_folders_are_followed(self, folder, tmp_path):
        root = folder("a.jpg")
        (tmp_path / "disk" / "s1").mkdir(parents=True)
        (tmp_path / "disk" / "s1" / "x.jpg").touch()
        (root / "s1").symlink_to(tmp_path / "disk" / "s1")
        (root / "b.jpg").symlink_to(tmp_path / "disk" / "s1" / "x.jpg")
        assert list_names(root) == (("a.jpg", "b.jpg", "s1/x.jpg"), Unused())

    def test_links_in_a_circle_are_counted_and_not_followed(self, folder):
        root = folder("a/x.jpg", "b/y.jpg")
        (root / "a" / "up").symlink_to(root)
        (root / "a" / "self").symlink_to(root / "a" / "self")
        (root / "a" / "beside").symlink_to(root / "b")
        (root / "b" / "beside").symlink_to(root / "a")
        names, unused = list_names(root)
        assert names == ("a/beside/y.jpg", "a/x.jpg", "b/beside/x.jpg", "b/y.jpg")
        # From `a` back to `a` through `b`, and the reverse; and up to the root, once from each place.
        assert unused.counts == {"circular link": 4, "broken link": 2}

    def test_links_that_stand_for_ever_more_folders_come_to_an_end(self, folder, monkeypatch):
        monkeypatch.setattr(image_files, "MAX_LINKED_FOLDERS", 50)
        root = folder("0/x.jpg")
        for depth in range(1, 25):
            (root / f"{depth}").mkdir()
            for link in "ab":
                (root / f"{depth}" / link).symlink_to(root / f"{depth - 1}")
        names, unused = list_names(root / "24")
        assert len(names) <= 50
        assert unused.counts

    def test_a_subfolder_that_cannot_be_read_is_counted(self, folder, monkeypatch):
        root = folder("a.jpg", "locked/b.jpg")
        scandir = os.scandir

        def refuse(path):
            if str(path).endswith("locked"):
                raise PermissionError(13, "Permission denied", path)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        names, unused = list_names(root)
        assert (names, unused.counts) == (("a.jpg",), {"unreadable folder": 1})
        with pytest.raises(InputError, match=r"cannot list .*locked: Permission denied"):
            list_names(root / "locked")

    def test_subfolders_that_promptseg_wrote_hold_no_images_to_read(self, folder):
        root = folder("a.jpg", f"out/{MARKER}", "out/images/a.jpg")
        assert list_names(root) == (("a.jpg",), Unused({"folder that promptseg wrote": 1}, {"folder that promptseg wrote": "out"}))
        assert list_names(root / "out")[0] == ("images/a.jpg",)  # It is named itself.

    def test_files_of_annotations_are_found_in_folders_that_promptseg_wrote(self, folder):
        root = folder(f"labelme/{MARKER}", "labelme/a.json")
        assert list(files_under(root, frozenset({".json"}))) == ["labelme/a.json"]

    def test_one_folder_may_be_passed_over(self, folder):
        root = folder("a.jpg", "out/b.jpg", "out2/c.jpg")
        (root / "link").symlink_to(root / "out")
        assert list_names(root, without=root / "out") == (("a.jpg", "out2/c.jpg"), Unused())

    def test_a_folder_alone_is_listed_without_its_subfolders(self, folder):
        assert list_names(folder("a.jpg", "b/c.jpg"), recursive=False) == (("a.jpg",), Unused())

    def test_a_folder_that_is_none_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        for name in ("absent", "file"):
            with pytest.raises(InputError, match=f"{name} is not a folder"):
                list_names(tmp_path / name)
        with pytest.raises(InputError, match=r"file: give the folder that it is in$"):
            list_names(tmp_path / "file")
        with pytest.raises(InputError, match="cannot list"):
            list_names(tmp_path / ("x" * 5000))

    def test_files_have_their_paths(self, folder):
        root = folder("a/b.jpg", "c.txt")
        listing = files_under(root)
        assert listing == {"a/b.jpg": root / "a/b.jpg"}
        assert listing.unused.counts == {".txt": 1}


class TestUnused:
    def test_a_name_of_any_kind_is_shown_on_one_line(self, folder):
        root = folder("two\nlines.txt", "x." + "y" * 200)
        text = str(list_names(root)[1])
        assert "two?lines.txt" in text
        assert "\n" not in text
        assert len(text) < 300

    def test_many_reasons_are_summed_up(self, folder):
        text = str(list_names(folder(*(f"a.{number}" for number in range(100, 150))))[1])
        assert text.startswith("50 files: 1 .100 (a.100), ")
        assert text.endswith("42 of 42 other kinds")

    def test_reasons_can_be_left_out(self, folder):
        unused = list_names(folder("a.txt", "b.csv"))[1]
        assert unused.without(".txt").counts == {".csv": 1}
        assert not unused.without(".txt", ".csv")


class TestSize:
    @pytest.mark.parametrize(("orientation", "size"), [(1, (3, 5)), (3, (3, 5)), (6, (5, 3)), (8, (5, 3))])
    def test_the_size_is_that_of_the_upright_image(self, tmp_path, orientation, size):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", (5, 3)).save(tmp_path / "a.jpg", exif=exif)
        assert image_size(tmp_path / "a.jpg") == size

    def test_a_file_of_several_images_has_no_size(self, tmp_path):
        Image.new("L", (5, 3), 1).save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (5, 3), 2)])
        with pytest.raises(InputError, match=r"a\.gif has 2 frames"):
            image_size(tmp_path / "a.gif")

    def test_a_file_that_is_no_image_is_named(self, tmp_path):
        (tmp_path / "a.jpg").write_text("no image")
        with pytest.raises(InputError, match=r"a\.jpg is not an image"):
            image_size(tmp_path / "a.jpg")
