"""Tokens of CLIP: those of transformers' tokenizer, without truncation and without marks from a phrase."""

import json

import pytest

from promptseg.errors import PromptError, WeightsMismatchError, WeightsNotFoundError

pytest.importorskip("transformers", reason="transformers is not installed")

from promptseg.models.transformers.clip_text import ClipTokenizer
from transformers_models import save_clip_vocabulary


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip")
    save_clip_vocabulary(path)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder):
    return ClipTokenizer.from_folder(folder, 520)


@pytest.mark.parametrize("text", ["cat", "a Dog!", "  two   cats  ", "été 12", "日本", "it's a dog's cat", "🦆"])
def test_tokens_are_those_of_transformers(text, tokenizer, folder):
    from transformers import CLIPTokenizer

    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    merges = [tuple(line.split()) for line in (folder / "merges.txt").read_text("utf-8").splitlines()[1:]]
    assert tokenizer(text, 77) == CLIPTokenizer(vocab=vocabulary, merges=merges)(text)["input_ids"]


def test_a_phrase_that_is_too_long_is_refused_and_not_cut(tokenizer):
    assert len(tokenizer("cat " * 14, 16)) == 16
    with pytest.raises(PromptError, match="has 15 tokens, and the model reads at most 14"):
        tokenizer("cat " * 15, 16)


@pytest.mark.parametrize("text", ["a <|endoftext|> cat", "<|startoftext|>dog"])
def test_a_mark_of_the_model_in_a_phrase_is_refused(text, tokenizer):
    with pytest.raises(PromptError, match="has a mark of the model in it"):
        tokenizer(text, 16)


def test_a_phrase_of_nothing_is_refused(tokenizer):
    with pytest.raises(PromptError, match="has no words"):
        tokenizer(" ", 16)


def test_one_file_holds_what_the_two_hold(folder, tokenizer, tmp_path):
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    lines = (folder / "merges.txt").read_text("utf-8").splitlines()[1:]
    for merges in (lines, [line.split() for line in lines]):
        (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary, "merges": merges}}), "utf-8")
        assert ClipTokenizer.from_folder(tmp_path, 520)("a cat", 16) == tokenizer("a cat", 16)


def test_a_folder_without_a_tokenizer_says_what_is_expected(tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"vocab\.json and merges\.txt, or tokenizer\.json"):
        ClipTokenizer.from_folder(tmp_path, 520)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cat": "x"}', '{"cat": 1e999}', '{"<|startoftext|>": 0, "<|endoftext|>": 1}'])
def test_another_vocabulary_is_refused_with_its_path(content, folder, tmp_path):
    (tmp_path / "merges.txt").write_bytes((folder / "merges.txt").read_bytes())
    (tmp_path / "vocab.json").write_text(content)
    with pytest.raises(WeightsMismatchError, match=r"vocab\.json"):
        ClipTokenizer.from_folder(tmp_path, 520)


@pytest.mark.parametrize("merges", ["a b c\n", "a\n", "q z\n"])
def test_damaged_merges_are_refused(merges, folder, tmp_path):
    (tmp_path / "vocab.json").write_bytes((folder / "vocab.json").read_bytes())
    (tmp_path / "merges.txt").write_text(merges)
    with pytest.raises(WeightsMismatchError, match="vocabulary of CLIP"):
        ClipTokenizer.from_folder(tmp_path, 520)


def test_a_vocabulary_larger_than_the_model_is_refused(folder):
    with pytest.raises(WeightsMismatchError, match="the model has 500 tokens"):
        ClipTokenizer.from_folder(folder, 500)
