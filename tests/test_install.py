import json

import pytest

from promptseg import _install
from promptseg._install import install_command, install_extra


@pytest.fixture
def origin(monkeypatch, tmp_path):
    """Return a function that sets from where promptseg was installed."""

    def installed_from(**direct_url):
        monkeypatch.setattr(_install, "_origin", lambda: json.dumps(direct_url) if direct_url else "")

    return installed_from


def test_a_package_from_an_index_is_named(origin):
    origin()
    assert install_extra("video") == "pip install 'promptseg[video]'"
    assert install_command("pip install promptseg") == "pip install promptseg"


def test_a_clone_that_was_installed_in_editable_form_is_named_by_its_folder(origin, tmp_path):
    origin(url=tmp_path.as_uri(), dir_info={"editable": True})
    assert install_extra("video") == f"pip install -e '{tmp_path}[video]'"


def test_a_clone_with_a_space_in_its_path_is_quoted(origin, tmp_path):
    clone = tmp_path / "my clone"
    clone.mkdir()
    origin(url=clone.as_uri(), dir_info={})
    assert install_extra("sam") == f"pip install '{clone}[sam]'"


def test_a_clone_that_is_gone_is_a_clone_of_the_users(origin, tmp_path):
    origin(url=(tmp_path / "gone").as_uri(), dir_info={})
    assert install_extra("sam") == "pip install '.[sam]' (in your clone of promptseg)"


def test_a_repository_and_a_file_are_named_by_their_address(origin):
    origin(url="https://example.org/promptseg.git", vcs_info={"vcs": "git", "commit_id": "a" * 40})
    assert install_extra("sam") == "pip install 'promptseg[sam] @ git+https://example.org/promptseg.git'"
    origin(url="file:///tmp/promptseg-0.1.0-py3-none-any.whl", archive_info={})
    assert install_extra("sam") == "pip install 'promptseg[sam] @ file:///tmp/promptseg-0.1.0-py3-none-any.whl'"


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"url": null}', '{"url": "", "vcs_info": {}}', '{"url": "x", "vcs_info": {}}'])
def test_a_damaged_record_counts_as_none(text, monkeypatch):
    monkeypatch.setattr(_install, "_origin", lambda: text)
    assert install_extra("sam") == "pip install 'promptseg[sam]'"


def test_other_packages_of_a_command_stay_as_they_are(origin, tmp_path):
    origin(url=tmp_path.as_uri(), dir_info={"editable": True})
    command = "pip install torch && pip install 'promptseg[grounding-dino]' && pip install --no-deps promptseg-plugin (in this order)"
    assert install_command(command) == command.replace("'promptseg[grounding-dino]'", f"-e '{tmp_path}[grounding-dino]'")
    assert install_command("pip install promptseg-plugin") == "pip install promptseg-plugin"
