"""Nothing outside of the allowed folders is read, written, listed or named."""

import os
from pathlib import Path

import pytest

from promptseg.assistants.allowed_folders import AllowedFolders, default_folder
from promptseg.errors import ConfigError, InputError, OutputError


@pytest.fixture
def place(tmp_path):
    """A folder ``allowed`` beside a folder ``secret``, each with a file."""
    for name in ("allowed", "secret"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "a.png").write_bytes(name.encode())
    return tmp_path.resolve()


@pytest.fixture
def folders(place):
    return AllowedFolders([place / "allowed"])


def content(folders, path):
    with folders.open_file(str(path)) as file:
        return file.read()


class TestReading:
    @pytest.mark.parametrize("path", ["a.png", "./inner/../a.png", "{}/allowed/a.png", "{}/secret/../allowed/a.png"])
    def test_a_path_below_a_folder_is_opened(self, folders, place, path):
        assert content(folders, path.format(place)) == b"allowed"

    @pytest.mark.parametrize(
        "path",
        [
            "{}/secret/a.png",
            "../secret/a.png",
            "inner/../../secret/a.png",
            "/etc/hostname",
            "{}/allowed-too",
            "..",
            "/",
            "~/a.png",
            "",
            "a\0b",
        ],
    )
    def test_a_path_outside_is_refused_whether_it_exists_or_not(self, folders, place, path):
        (place / "allowed-too").write_bytes(b"beside")
        with pytest.raises(InputError):
            content(folders, path.format(place))

    @pytest.mark.parametrize("address", ["https://example.org/a.png", "file:///etc/hostname", "data:image/png;base64,AAAA"])
    def test_an_address_is_told_to_be_one(self, folders, place, address):
        with pytest.raises(InputError, match=f"is an address, and none is opened here: give a path below {place}/allowed"):
            content(folders, address)

    def test_a_link_that_leads_outside_is_refused(self, folders, place):
        (place / "allowed" / "link.png").symlink_to(place / "secret" / "a.png")
        (place / "allowed" / "folder").symlink_to(place / "secret")
        for path in ("link.png", "folder/a.png"):
            with pytest.raises(InputError, match="not below a folder that is allowed"):
                content(folders, path)

    def test_a_link_that_stays_inside_is_followed(self, folders, place):
        (place / "allowed" / "link.png").symlink_to("a.png")
        assert content(folders, "link.png") == b"allowed"

    def test_an_allowed_folder_may_be_a_link_itself(self, place):
        (place / "alias").symlink_to(place / "allowed")
        assert content(AllowedFolders([place / "alias"]), place / "alias" / "a.png") == b"allowed"

    def test_a_relative_path_is_looked_for_in_each_folder(self, place):
        (place / "secret" / "b.png").write_bytes(b"b")
        assert content(AllowedFolders([place / "allowed", place / "secret"]), "b.png") == b"b"

    def test_a_folder_and_an_absent_file_are_refused(self, folders):
        for path in ("inner", "absent.png"):
            with pytest.raises(InputError):
                content(folders, path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_refused_and_not_waited_for(self, folders, place):
        os.mkfifo(place / "allowed" / "pipe.png")
        with pytest.raises(InputError, match="is not a file"):
            content(folders, "pipe.png")


class TestWriting:
    def test_a_new_folder_below_is_allowed(self, folders, place):
        assert folders.output_folder("new/folder") == place / "allowed" / "new" / "folder"

    def test_a_folder_outside_is_refused_also_behind_a_link(self, folders, place):
        (place / "allowed" / "out").symlink_to(place / "secret" / "not-yet")
        for path in ("../secret", str(place / "secret" / "new"), "out", "out/new"):
            with pytest.raises(OutputError):
                folders.output_folder(path)

    def test_a_file_is_refused(self, folders):
        with pytest.raises(OutputError, match="is a file"):
            folders.output_folder("a.png")


class TestListing:
    def test_images_and_folders_are_listed_and_links_to_the_outside_are_not(self, folders, place):
        allowed = place / "allowed"
        (allowed / "notes.txt").write_text("")
        (allowed / ".hidden.png").write_text("")
        (allowed / "out").symlink_to(place / "secret")
        (allowed / "b.PNG").write_text("")
        assert folders.images_in(None, 10) == ([allowed / "a.png", allowed / "b.PNG"], [allowed / "inner"], 0)
        assert folders.images_in(None, 1) == ([allowed / "a.png"], [allowed / "inner"], 1)

    @pytest.mark.parametrize("folder", ["..", "absent", "a.png"])
    def test_another_folder_is_refused(self, folders, folder):
        with pytest.raises(InputError):
            folders.images_in(folder, 10)


class TestMessages:
    @pytest.mark.parametrize(
        ("message", "told"),
        [
            ("cannot read {0}/allowed/a b.png: denied", "cannot read {0}/allowed/a b.png: denied"),
            ("cannot read {0}/secret/my file.onnx: denied", "cannot read [path]: denied"),
            ("{0}/allowed/a.png of /root/.cache/x y/z", "{0}/allowed/a.png of [path]"),
            ("in {0}/allowed-too/a.png", "in [path]"),
            ("weights '~/models/sam.pth', C:\\Users\\me\\sam.pth and \\\\host\\share", "weights '[path]', [path]"),
            ("2 / 3 of km/h, see https://example.org/a/b and NAME=PATH", "2 / 3 of km/h, see https://example.org/a/b and NAME=PATH"),
            ("read {0}/allowed, then", "read {0}/allowed, then"),
            ("name=/opt/models/sam.pth", "name=[path]"),
            ("pip install -e '/home/me/my clone (2)[sam]': then", "pip install -e '[path]': then"),
            ("two: '/a b/c', \"/d e/f\" and '{0}/allowed/g h'", "two: '[path]', \"[path]\" and '{0}/allowed/g h'"),
        ],
    )
    def test_paths_outside_are_left_out(self, folders, place, message, told):
        assert folders.without_outside_paths(message.format(place)) == told.format(place)


def test_the_whole_disk_can_be_allowed_by_name(place):
    folders = AllowedFolders([place.anchor])
    assert content(folders, place / "secret" / "a.png") == b"secret"
    assert folders.without_outside_paths(f"cannot read {place}") == f"cannot read {place}"


def test_what_is_no_folder_cannot_be_allowed(place):
    for wrong in ([], [place / "allowed" / "a.png"], [place / "absent"]):
        with pytest.raises(ConfigError):
            AllowedFolders(wrong)


def test_the_current_folder_is_the_default_unless_it_is_the_whole_disk(place, monkeypatch):
    monkeypatch.chdir(place)
    assert default_folder() == place
    monkeypatch.chdir(Path(place.anchor))
    with pytest.raises(ConfigError, match="--allow FOLDER"):
        default_folder()
