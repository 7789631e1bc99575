"""Paths of the files of a model, fetched or given by the user."""

import pytest

from promptseg.backends._grounding_dino import find_weights
from promptseg.errors import WeightsNotFoundError, WeightsOfflineError
from promptseg.models.grounding_dino.files import GroundingDinoFiles, files_of
from promptseg.registry import Engine, find_model
from promptseg.weights.store import ModelWeights, WeightFile, file_sha256

MODEL = find_model("grounding-dino-swin-t")
NAME = "groundingdino_swint_ogc.pth"


def folder_with(folder, *names):
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def given_in(path, engine="transformers"):
    return find_weights(path, MODEL, MODEL.engine(engine))


def test_one_download_serves_both_engines():
    assert MODEL.engine("transformers").files == MODEL.engine("groundingdino").files
    assert [file.name for file in MODEL.engines[0].files] == [NAME, "vocab.txt"]


def test_fetched_weights_are_a_checkpoint_and_a_vocabulary(tmp_path):
    folder_with(tmp_path, NAME, "vocab.txt")
    weights = ModelWeights({name: tmp_path / name for name in (NAME, "vocab.txt")}, {})
    assert files_of(weights) == GroundingDinoFiles(tmp_path, tmp_path / NAME, tmp_path / "vocab.txt")


def test_a_folder_as_published_is_taken_with_its_hashes(tmp_path):
    weights = given_in(folder_with(tmp_path, NAME, "vocab.txt", "other.txt"))
    assert weights.files == {NAME: tmp_path / NAME, "vocab.txt": tmp_path / "vocab.txt"}
    assert weights.sha256[NAME] == file_sha256(tmp_path / NAME)
    assert files_of(weights) == GroundingDinoFiles(tmp_path, tmp_path / NAME, tmp_path / "vocab.txt")


def test_a_checkpoint_of_any_name_finds_the_vocabulary_beside_it(tmp_path):
    weights = given_in(folder_with(tmp_path, "mine.pt", "tokenizer.json") / "mine.pt")
    assert files_of(weights) == GroundingDinoFiles(tmp_path, tmp_path / "mine.pt", tmp_path / "tokenizer.json")


def test_a_folder_that_transformers_saved_is_taken_with_all_its_parts(tmp_path):
    names = ("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json")
    weights = given_in(folder_with(tmp_path, *names, "preprocessor_config.json"))
    assert tuple(weights.files) == names
    assert files_of(weights) == GroundingDinoFiles(tmp_path, None, tmp_path / "tokenizer.json")


def test_the_list_of_pieces_is_preferred_to_another_form_of_it(tmp_path):
    weights = given_in(folder_with(tmp_path, NAME, "vocab.txt", "tokenizer.json"))
    assert files_of(weights).vocabulary == tmp_path / "vocab.txt"


def test_a_vocabulary_that_is_not_beside_the_checkpoint_is_the_catalogs(tmp_path):
    published = tmp_path / "published.txt"
    published.write_text("the vocabulary")
    file = WeightFile("vocab.txt", file_sha256(published), (f"file:{published}",))
    own = folder_with(tmp_path, "mine.pth") / "mine.pth"
    weights = find_weights(own, MODEL, Engine("transformers", "grounding_dino", "swin-t", (MODEL.engines[0].files[0], file)))
    assert files_of(weights).checkpoint == own
    assert files_of(weights).vocabulary.read_text() == "the vocabulary"


def test_without_a_network_the_missing_vocabulary_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
    with pytest.raises(WeightsOfflineError, match=r"vocab\.txt"):
        given_in(folder_with(tmp_path, NAME) / NAME)


def test_a_path_that_is_not_there_is_refused_with_its_name(tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"nowhere\.pth"):
        given_in(tmp_path / "nowhere.pth")


@pytest.mark.parametrize(
    "names", [(), ("vocab.txt",), ("config.json",), ("model.safetensors",), ("config.json", "pytorch_model.bin")], ids=repr
)
def test_a_folder_that_lacks_something_is_refused_with_both_layouts(names, tmp_path):
    with pytest.raises(WeightsNotFoundError, match=rf"contains neither {NAME} nor the config\.json and \.safetensors"):
        given_in(folder_with(tmp_path, *names))
