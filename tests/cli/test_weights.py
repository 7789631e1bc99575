"""``promptseg weights fetch|verify|path``."""

import hashlib
import json

import pytest

from promptseg import registry
from promptseg.models.sam.onnx.preparing_code import graphs_code
from promptseg.runtime.home import cache_dir
from promptseg.runtime.prepared import prepared_folder, write_prepared
from promptseg.weights.store import WeightFile, weights_folder

CONTENT = {"one.bin": b"the first file", "two.bin": b"the second file, which is longer"}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A model of two weights files, which lie in the folder ``source``."""
    (tmp_path / "source").mkdir()
    files = []
    for name, content in CONTENT.items():
        (tmp_path / "source" / name).write_bytes(content)
        files.append(WeightFile(name, hashlib.sha256(content).hexdigest(), (f"file:{tmp_path / 'source' / name}",), len(content)))
    engines = (registry.Engine("first", "none", "", tuple(files)), registry.Engine("second", "none", "", (files[0],)))
    monkeypatch.setitem(registry.list_models(), "tiny", registry.ModelSpec("tiny", "For a test", "MIT", engines))
    return tmp_path / "source"


def in_cache():
    return {path.name: path.read_bytes() for path in weights_folder("tiny").glob("[!.]*")}


class TestFetch:
    def test_the_files_are_fetched_and_named(self, run, tiny):
        result = run("weights", "fetch", "tiny")
        assert (result.exit_code, result.stderr) == (0, "")
        assert in_cache() == CONTENT
        assert [line.split()[0] for line in result.stdout.splitlines()] == ["one.bin", "two.bin"]
        assert str(weights_folder("tiny") / "two.bin") in result.stdout

    def test_json_has_paths_and_hashes(self, run, tiny):
        values = json.loads(run("weights", "fetch", "tiny", "--json").stdout)
        assert values["model"] == "tiny"
        assert values["files"] == {name: str(weights_folder("tiny") / name) for name in CONTENT}
        assert values["sha256"] == {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}

    def test_only_the_files_of_the_engine_are_fetched(self, run, tiny):
        assert run("weights", "fetch", "tiny", "--engine", "second").exit_code == 0
        assert set(in_cache()) == {"one.bin"}

    def test_files_that_are_here_are_not_fetched_again(self, run, tiny):
        run("weights", "fetch", "tiny")
        (tiny / "one.bin").unlink()
        assert run("weights", "fetch", "tiny").exit_code == 0

    def test_a_source_that_fails_is_named_with_the_reason(self, run, tiny):
        (tiny / "two.bin").unlink()
        result = run("weights", "fetch", "tiny")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("promptseg: weights two.bin of tiny could not be fetched")
        assert f"there is no file {tiny / 'two.bin'}" in result.stderr

    def test_a_file_with_the_wrong_hash_is_not_kept(self, run, tiny):
        (tiny / "two.bin").write_bytes(b"something else")
        result = run("weights", "fetch", "tiny")
        assert result.exit_code == 1
        assert hashlib.sha256(b"something else").hexdigest() in result.stderr
        assert set(in_cache()) == {"one.bin"}

    def test_offline_nothing_is_fetched(self, run, tiny, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        result = run("weights", "fetch", "tiny")
        assert result.exit_code == 1
        assert "PROMPTSEG_OFFLINE forbids" in result.stderr
        assert in_cache() == {}

    def test_a_model_without_weights_says_so(self, run):
        result = run("weights", "fetch", "superpixel")
        assert (result.exit_code, result.stdout) == (0, "superpixel has no weights\n")

    def test_json_of_a_model_without_weights_is_json(self, run):
        assert json.loads(run("weights", "fetch", "superpixel", "--json").stdout) == {"model": "superpixel", "files": {}, "sha256": {}}


class TestVerify:
    def test_what_is_right_is_ok(self, run, tiny):
        run("weights", "fetch", "tiny")
        result = run("weights", "verify", "tiny")
        assert (result.exit_code, result.stderr) == (0, "")
        assert [line.split() for line in result.stdout.splitlines()] == [["one.bin", "ok"], ["two.bin", "ok"]]

    def test_what_is_absent_or_damaged_is_named_and_fails(self, run, tiny):
        run("weights", "fetch", "tiny", "--engine", "second")
        (weights_folder("tiny") / "one.bin").write_bytes(b"the first fi1e")
        result = run("weights", "verify", "tiny", "--json")
        assert result.exit_code == 1
        values = json.loads(result.stdout)
        assert values["model"] == "tiny"
        assert values["files"]["two.bin"] == "absent"
        assert values["files"]["one.bin"].startswith("damaged: ")
        assert hashlib.sha256(b"the first fi1e").hexdigest() in values["files"]["one.bin"]

    def test_damage_is_found_where_size_and_time_are_unchanged_and_fetching_again_mends_it(self, run, tiny):
        import os

        run("weights", "fetch", "tiny")
        path = weights_folder("tiny") / "one.bin"
        status = path.stat()
        path.write_bytes(b"the first fi1e")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert run("weights", "verify", "tiny").exit_code == 1
        assert run("weights", "fetch", "tiny").exit_code == 0
        assert in_cache() == CONTENT
        assert run("weights", "verify", "tiny").exit_code == 0

    def test_what_killed_processes_left_in_the_cache_is_removed_and_counted(self, run, tiny):
        run("weights", "fetch", "tiny")
        weights = weights_folder("tiny")
        left = [weights / "..one.bin.verified.abcd1234.tmp", weights / ".two.bin.part.abcd1234.tmp", weights / ".one.bin.part"]
        for name in ("prepared/0123-45", "embeddings"):
            (cache_dir() / name).mkdir(parents=True)
            left.append(cache_dir() / name / ".x.npz.abcd1234.tmp")
        (weights / ".three.bin.part").touch()  # The beginning of a file that is not here yet.
        for path in left:
            path.touch()
        result = run("weights", "verify", "tiny")
        assert result.exit_code == 0
        assert result.stdout.splitlines()[-1] == "removed 5 temporary files that killed processes left in the cache"
        assert not any(path.exists() for path in left)
        assert (weights / ".three.bin.part").exists()
        assert json.loads(run("weights", "verify", "tiny", "--json").stdout)["leftovers_removed"] == 0

    def test_graphs_that_another_version_prepared_are_removed_and_said_in_one_line(self, run, tiny):
        run("weights", "fetch", "tiny")
        own = hashlib.sha256(CONTENT["one.bin"]).hexdigest()
        write_prepared(prepared_folder(own, graphs_code()), {"a.onnx": b"graph a"})
        old = [prepared_folder(own, "0" * 8), prepared_folder("1" * 64, "0" * 8), prepared_folder(own, "2" * 8, ["3" * 64])]
        for folder in old:
            write_prepared(folder, {"old.onnx": bytes(500_000)})
        (cache_dir() / "prepared" / "notes").mkdir()
        result = run("weights", "verify", "tiny")
        assert result.exit_code == 0
        assert "old.onnx" not in result.stdout
        assert result.stdout.splitlines()[-1] == "removed graphs that another version prepared: 3 folders with 1.5 MB"
        assert not any(folder.exists() for folder in old)
        assert prepared_folder(own, graphs_code()).exists()
        assert (cache_dir() / "prepared" / "notes").exists()
        assert json.loads(run("weights", "verify", "tiny", "--json").stdout)["outdated_removed"] == 0

    def test_damaged_graphs_that_were_prepared_from_the_weights_are_named(self, run, tiny):
        run("weights", "fetch", "tiny")
        folder = prepared_folder(hashlib.sha256(CONTENT["one.bin"]).hexdigest(), graphs_code())
        write_prepared(folder, {"a.onnx": b"graph a", "b.onnx": b"graph b"})
        of_another_model = prepared_folder("0" * 64, graphs_code())
        write_prepared(of_another_model, {"c.onnx": b"graph c"})
        assert run("weights", "verify", "tiny").exit_code == 0
        (folder / "b.onnx").write_bytes(b"graph ?")
        result = run("weights", "verify", "tiny")
        assert result.exit_code == 1
        lines = result.stdout.splitlines()
        assert lines[-2:] == [
            f"prepared/{folder.name}/a.onnx  ok",
            f"prepared/{folder.name}/b.onnx  damaged: it is made again when the model is fetched or loaded",
        ]
        (folder / "sha256.json").unlink()
        states = json.loads(run("weights", "verify", "tiny", "--json").stdout)["prepared"]
        assert [state.partition(":")[0] for state in states.values()] == ["damaged", "damaged"]


class TestPath:
    def test_the_folder_is_printed_whether_it_is_there_or_not(self, run, tiny):
        assert run("weights", "path", "tiny").stdout == f"{weights_folder('tiny')}\n"
        assert json.loads(run("weights", "path", "tiny", "--json").stdout) == {"model": "tiny", "path": str(weights_folder("tiny"))}
        assert not weights_folder("tiny").exists()


@pytest.mark.parametrize("command", ["fetch", "verify", "path"])
def test_an_unknown_model_or_engine_is_wrong_usage(command, run, tiny):
    result = run("weights", command, "tinny")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no model 'tinny'. Did you mean 'tiny'" in result.stderr
    result = run("weights", command, "tiny", "--engine", "third")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no engine 'third': it has first, second" in result.stderr


@pytest.mark.weights
def test_the_published_weights_are_what_they_should_be(mini_sam, run):
    values = json.loads(run("weights", "verify", "mini-sam", "--json").stdout)
    assert values["files"] == {"encoder.onnx": "ok", "sam.onnx": "ok"}
