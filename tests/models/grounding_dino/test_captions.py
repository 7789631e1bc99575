"""Captions: tokens, spans, and packing within the token limit."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptseg.errors import PromptError, WeightsMismatchError
from promptseg.vocabulary import Phrase, parse_phrases

pytest.importorskip("tokenizers", reason="Grounding DINO's tokenizer comes with transformers, which is not installed")

from promptseg.models.grounding_dino.captions import MAX_TOKENS, Span, WordPieceTokenizer, pack

CLS, SEP, STOP, QUESTION = 101, 102, 1012, 1029


@pytest.fixture
def caption(tokenizer):
    """Pack phrases that fit into one caption."""

    def make(*phrases):
        (only,) = pack(parse_phrases(phrases), tokenizer)
        return only

    return make


def words(caption, span):
    return caption.tokens[span.start : span.stop]


def test_a_caption_is_phrases_each_with_a_full_stop_between_its_marks(caption, vocabulary):
    found = caption("red car", "dog")
    assert found.tokens == (CLS, vocabulary["red"], vocabulary["car"], STOP, vocabulary["dog"], STOP, SEP)
    assert found.spans == (Span(0, 1, 3), Span(1, 4, 5))


def test_phrases_that_share_words_have_their_own_tokens(caption, vocabulary):
    found = caption("red car", "car", "car wheel")
    assert [words(found, span) for span in found.spans] == [
        (vocabulary["red"], vocabulary["car"]),
        (vocabulary["car"],),
        (vocabulary["car"], vocabulary["wheel"]),
    ]


@pytest.mark.parametrize("written", ["RED Car", "réd cär", "  red   car  ", "red\tcar", "Red\u00a0Car"])
def test_case_accents_and_spaces_do_not_count(written, caption):
    assert caption(written).tokens == caption("red car").tokens


def test_spanish_is_read_without_its_accents(tokenizer, vocabulary):
    assert tokenizer("Camión") == (vocabulary["camion"],)
    assert tokenizer("ñ") == tokenizer("n")


@pytest.mark.parametrize("written", ["St. Bernard", "st bernard.", "st bernard?", "...st? bernard"])
def test_full_stops_and_question_marks_do_not_end_a_phrase(written, caption, vocabulary):
    found = caption(written, "dog")
    assert [words(found, span) for span in found.spans] == [(vocabulary["st"], vocabulary["bernard"]), (vocabulary["dog"],)]
    assert found.tokens.count(STOP) == 2
    assert QUESTION not in found.tokens


def test_other_punctuation_stays(caption, vocabulary):
    found = caption("dog's", "traffic-light", "dog!")
    assert [words(found, span) for span in found.spans] == [
        (vocabulary["dog"], vocabulary["'"], vocabulary["s"]),
        (vocabulary["traffic"], vocabulary["-"], vocabulary["light"]),
        (vocabulary["dog"], vocabulary["!"]),
    ]


def test_what_looks_like_a_mark_is_text(tokenizer, vocabulary):
    assert tokenizer("[SEP]") == (vocabulary["["], vocabulary["sep"], vocabulary["]"])


def test_a_phrase_of_one_letter_is_one_token(caption, vocabulary):
    found = caption("x")
    assert words(found, found.spans[0]) == (vocabulary["x"],)


def test_a_word_that_the_vocabulary_lacks_is_split_into_word_pieces(tokenizer, vocabulary):
    assert tokenizer("redo") == (vocabulary["red"], vocabulary["##o"])


@pytest.mark.parametrize("phrase", [".", "?", "...", " . ? "])
def test_a_phrase_without_words_is_refused(phrase, caption):
    with pytest.raises(PromptError, match="has no words"):
        caption("dog", phrase)


def test_what_the_vocabulary_does_not_have_is_refused_by_name(caption):
    with pytest.raises(PromptError, match=r"no tokens for '犬', '\$' in phrase 'red 犬 \$'"):
        caption("red 犬 $")


def test_three_hundred_phrases_take_several_captions_and_lose_none(tokenizer):
    phrases = tuple(Phrase(label, (label,)) for label in (f"{a}{b} car" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmno"))
    captions = pack(phrases, tokenizer)
    assert len(phrases) == 300
    assert len(captions) == 5
    assert all(len(caption.tokens) <= MAX_TOKENS for caption in captions)
    assert [span.phrase for caption in captions for span in caption.spans] == list(range(300))
    for caption in captions:
        assert (caption.tokens[0], caption.tokens[-1]) == (CLS, SEP)
        assert [words(caption, span) for span in caption.spans] == [tokenizer(phrases[span.phrase].label) for span in caption.spans]


def test_the_longest_phrase_fits_exactly(tokenizer):
    longest = " ".join("x" * (MAX_TOKENS - 3))
    (caption,) = pack(parse_phrases([longest]), tokenizer)
    assert len(caption.tokens) == MAX_TOKENS
    with pytest.raises(PromptError, match="has 254 tokens, and the model reads at most 253 per phrase"):
        pack(parse_phrases([longest + " y"]), tokenizer)


@given(phrases=st.lists(st.text("abcxyz .?-'", min_size=1, max_size=120).filter(lambda text: text.strip(" .?")), min_size=1, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_span_holds_its_phrase_and_nothing_else(phrases, tokenizer):
    distinct = {tokenizer(text): text.strip() for text in phrases}  # Phrases that are the same to the model are refused.
    asked = tuple(Phrase(text, (text,)) for text in distinct.values())
    captions = pack(asked, tokenizer)
    assert [span.phrase for caption in captions for span in caption.spans] == list(range(len(asked)))
    for caption in captions:
        assert len(caption.tokens) <= MAX_TOKENS
        outside = list(caption.tokens)
        for span in reversed(caption.spans):
            assert words(caption, span) == tokenizer(asked[span.phrase].label)
            assert outside[span.stop] == STOP
            del outside[span.start : span.stop + 1]
        assert outside == [CLS, SEP]


class TestAlternatives:
    def test_each_has_a_span_of_the_same_phrase(self, caption, vocabulary):
        found = caption("car|camion", "dog")
        assert [(span.phrase, words(found, span)) for span in found.spans] == [
            (0, (vocabulary["car"],)),
            (0, (vocabulary["camion"],)),
            (1, (vocabulary["dog"],)),
        ]

    def test_those_that_are_the_same_to_the_model_are_one(self, caption):
        assert caption("car|Car|CAR.", "dog").spans == caption("car", "dog").spans

    def test_phrases_that_are_the_same_to_the_model_are_refused(self, caption):
        with pytest.raises(PromptError, match=r"'camion' and 'Camión' are the same to the model.*'camion\|Camión'"):
            caption("camion", "dog", "Camión")


def test_captions_can_be_held_to_fewer_phrases(tokenizer):
    captions = pack(parse_phrases(["dog", "cat", "red car"]), tokenizer, max_phrases=2)
    assert [[span.phrase for span in caption.spans] for caption in captions] == [[0, 1], [2]]
    assert captions[1].tokens == pack(parse_phrases(["red car"]), tokenizer)[0].tokens


class TestVocabulary:
    def test_both_forms_of_file_are_read_alike(self, tokenizer, vocabulary, bert_vocabulary_file, tmp_path):
        other = tmp_path / "tokenizer.json"
        # As published with other models: with settings that would cut and fill every caption.
        other.write_text(
            json.dumps({"truncation": {"max_length": 4}, "padding": {"strategy": {"Fixed": 9}}, "model": {"vocab": vocabulary}})
        )
        for path in (bert_vocabulary_file, other):
            assert WordPieceTokenizer.from_file(path)("A red car St. Bernard's") == tokenizer("a red car st bernard's")

    def test_lines_end_as_on_any_system(self, tokenizer, bert_vocabulary_file, tmp_path):
        path = tmp_path / "vocab.txt"
        path.write_bytes(bert_vocabulary_file.read_bytes().replace(b"\n", b"\r\n"))
        assert WordPieceTokenizer.from_file(path)("red car") == tokenizer("red car")

    def test_another_models_vocabulary_is_refused(self, bert_vocabulary_file, tmp_path):
        path = tmp_path / "vocab.txt"
        path.write_text("[PAD]\n" + bert_vocabulary_file.read_text("utf-8"), "utf-8")
        with pytest.raises(WeightsMismatchError, match=r"is not that of bert-base-uncased.*expected ID 100 for token '\[UNK\]', got 101"):
            WordPieceTokenizer.from_file(path)

    @pytest.mark.parametrize(
        ("name", "content"), [("tokenizer.json", b"{}"), ("tokenizer.json", b"[1]"), ("tokenizer.json", b"not"), ("vocab.txt", b"\xff")]
    )
    def test_a_file_that_holds_none_is_refused_with_its_path(self, name, content, tmp_path):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=str(path)):
            WordPieceTokenizer.from_file(path)

    @pytest.mark.shared
    def test_the_real_vocabulary_is_read_as_transformers_reads_it(self, shared):
        transformers = pytest.importorskip("transformers", reason="transformers is not installed")
        folder = shared / "weights" / "bert-base-uncased"
        theirs = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        text = "A red car; the señora's CAMIÓN, 3 dogs & a traffic-light (left) façade 犬 naïve x xylophonist"
        expected = theirs(text, add_special_tokens=False, padding=False, truncation=False)["input_ids"]
        for name in ("vocab.txt", "tokenizer.json"):
            assert list(WordPieceTokenizer.from_file(folder / name)(text)) == expected


def test_a_caption_of_256_tokens_is_one_and_of_257_is_two(tokenizer):
    def lengths(*counts):
        return [len(caption.tokens) for caption in pack(parse_phrases([" ".join("x" * count) for count in counts]), tokenizer)]

    assert lengths(100, 152) == [256]  # Two marks, and a full stop after each phrase.
    assert lengths(100, 153) == [103, 156]
