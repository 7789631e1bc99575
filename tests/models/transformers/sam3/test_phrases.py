"""Phrases as tokens of SAM 3: padded and cut at 32, by any number of threads; and the bounded store of their embeddings."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from promptseg.errors import WeightsMismatchError, WeightsNotFoundError
from promptseg.models.transformers.sam3.phrases import LatestPhrases, Tokenizer

START, END, CAT, DOG = 516, 517, 513, 515


@pytest.fixture
def tokenizer(transformers_library, clip_tokenizer_folder):
    return Tokenizer.from_folder(clip_tokenizer_folder, 600)


def test_a_phrase_is_padded_to_32_tokens(tokenizer):
    tokens, used = tokenizer("dog cat")
    assert tokens[:4].tolist() == [START, DOG, CAT, END]
    assert len(tokens) == len(used) == 32
    assert used.tolist() == [1] * 4 + [0] * 28


def test_a_long_phrase_is_cut_and_keeps_its_end(tokenizer, caplog):
    with caplog.at_level(logging.WARNING):
        tokens, used = tokenizer("dog " * 40)
    assert tokens.tolist() == [START, *[DOG] * 30, END]
    assert used.all()
    assert "42" in caplog.text


def test_a_phrase_that_just_fits_is_not_reported(tokenizer, caplog):
    with caplog.at_level(logging.WARNING):
        tokenizer("dog " * 30)
    assert not caplog.text


def test_threads_may_share_a_tokenizer(tokenizer):
    phrases = ["dog", "cat dog", "dog " * 40, "a"] * 25
    expected = [tokenizer(phrase) for phrase in phrases]
    with ThreadPoolExecutor(4) as pool:
        for found, tokens in zip(pool.map(tokenizer, phrases), expected, strict=True):
            assert np.array_equal(found, tokens)


def test_the_files_of_a_saved_tokenizer_are_read(tokenizer, transformers_library, clip_tokenizer_folder, tmp_path):
    transformers_library.CLIPTokenizer.from_pretrained(clip_tokenizer_folder).save_pretrained(tmp_path)
    assert not (tmp_path / "vocab.json").exists()
    assert np.array_equal(Tokenizer.from_folder(tmp_path, 600)("dog cat"), tokenizer("dog cat"))


def test_a_folder_without_a_tokenizer_is_refused(transformers_library, tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"no tokenizer: expected tokenizer\.json"):
        Tokenizer.from_folder(tmp_path, 600)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(transformers_library, clip_tokenizer_folder):
    with pytest.raises(WeightsMismatchError, match="largest ID is 517, the model has 517 tokens"):
        Tokenizer.from_folder(clip_tokenizer_folder, 517)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": 3}', '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {}}}'])
def test_a_damaged_tokenizer_is_refused(transformers_library, tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(WeightsMismatchError, match=r"tokenizer\.json"):
        Tokenizer.from_folder(tmp_path, 600)


def test_a_vocabulary_without_its_marks_is_refused(transformers_library, clip_tokenizer_folder, tmp_path):
    vocabulary = json.loads((clip_tokenizer_folder / "vocab.json").read_text("utf-8"))
    (tmp_path / "vocab.json").write_text(json.dumps({piece: number for piece, number in vocabulary.items() if number < 300}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(WeightsMismatchError):
        Tokenizer.from_folder(tmp_path, 500)


class TestLatestPhrases:
    def test_a_phrase_is_made_once(self):
        made = []
        store = LatestPhrases(lambda phrase: made.append(phrase) or phrase.upper())
        assert [store["dog"], store["cat"], store["dog"]] == ["DOG", "CAT", "DOG"]
        assert made == ["dog", "cat"]

    def test_the_phrase_that_was_not_used_for_longest_is_dropped(self):
        made = []
        store = LatestPhrases(lambda phrase: made.append(phrase) or phrase, most=2)
        for phrase in ("a", "b", "a", "c", "a", "b"):
            assert store[phrase] == phrase
            assert len(store) <= 2
        assert made == ["a", "b", "c", "b"]

    def test_an_error_leaves_nothing_behind(self):
        answers = iter([ValueError("no"), "yes"])

        def make(_):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        store = LatestPhrases(make)
        with pytest.raises(ValueError, match="no"):
            store["dog"]
        assert store["dog"] == "yes"
