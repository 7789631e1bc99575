"""Manifest of a folder of weights that promptseg wrote."""

import json

import pytest

from promptseg.errors import WeightsMismatchError, WeightsNotFoundError
from promptseg.registry import manifest
from promptseg.registry.manifest import Manifest

EXPORTED = Manifest("mini-sam", "onnx_sam", "sam", {"a.encoder.onnx": "0" * 64})
FINE_TUNED = Manifest("m", "sam", "v", {"decoder.safetensors": "1" * 64}, "torch", {"w.pth": "2" * 64}, {"w.pth": "/somewhere/w.pth"})


@pytest.mark.parametrize("written", [EXPORTED, FINE_TUNED])
def test_what_is_written_is_read_again(written, tmp_path):
    written.write(tmp_path)
    assert manifest.read(tmp_path) == written


@pytest.mark.parametrize("path", [".", "absent", "file.pt"])
def test_a_path_without_a_manifest_has_none(path, tmp_path):
    (tmp_path / "file.pt").touch()
    assert manifest.read(tmp_path / path) is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[]", "should have model, backend, variant"),
        ("{}", "should have model, backend, variant"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": {}, "more": 1}, "should have model"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": ["a.onnx"]}, "should have model"),
        ({"model": 3, "backend": "b", "variant": "v", "sha256": {}}, "should hold names and digests"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": {"a": 1}}, "should hold names and digests"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": {"../a": "0"}}, "should hold names and digests of files beside it"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": {}, "base": {"../a": "0"}}, "should hold names and digests"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": {}, "base": ["a"]}, "should have model"),
        ({"model": "m", "backend": "b", "variant": "v", "sha256": {}, "engine": 1}, "should hold names and digests"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_path(content, complaint, tmp_path):
    (tmp_path / "promptseg.json").write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    with pytest.raises(WeightsMismatchError, match=rf"promptseg\.json {complaint}"):
        manifest.read(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "promptseg.json").mkdir()
    with pytest.raises(WeightsNotFoundError, match=r"promptseg\.json is a folder: give the file in it"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["..", "", "a/b/c", "a/../b", "a//b", "a\\b", "/etc/passwd", "a" * 5000, "a\0b"],
    ids=["up", "empty", "deep", "and up", "nothing", "backslash", "absolute", "long", "null"],
)
def test_a_manifest_names_only_files_beside_it(name, tmp_path):
    values = {"model": "a", "backend": "b", "variant": "c", "sha256": {name: "0" * 64}}
    (tmp_path / manifest.NAME).write_text(json.dumps(values))
    with pytest.raises(WeightsMismatchError, match="should hold names and digests of files beside it") as caught:
        manifest.read(tmp_path)
    assert len(str(caught.value)) < 500


def test_a_manifest_that_nests_deep_is_refused(tmp_path):
    (tmp_path / manifest.NAME).write_text("[" * 100_000)
    with pytest.raises(WeightsMismatchError, match="too deep"):
        manifest.read(tmp_path)
