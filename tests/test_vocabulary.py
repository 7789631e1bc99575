import pytest

from promptseg.errors import PromptError
from promptseg.vocabulary import Phrase, Vocabulary, parse_phrase, parse_phrases, split_phrases

NAMES = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, parking meter, "
    "bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, "
    "frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine "
    "glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, "
    "couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, "
    "sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
)
COCO = NAMES.split(", ")


def asked(phrase, names=COCO):
    """Return the names of the classes that phrases name."""
    return [names[index] for index in Vocabulary(names).labels([phrase])]


class TestPhrases:
    def test_a_phrase_is_its_own_label(self):
        assert parse_phrase("red car") == Phrase("red car", ("red car",))

    def test_alternatives_have_the_label_of_the_first_as_it_was_written(self):
        assert parse_phrase(" Car | automobile|auto ") == Phrase("Car", ("Car", "automobile", "auto"))

    def test_an_alternative_that_is_repeated_counts_once(self):
        assert parse_phrase("car|auto|car").alternatives == ("car", "auto")

    @pytest.mark.parametrize("phrase", ["", "  ", "\n", None, 3, b"dog"])
    def test_what_is_no_text_is_refused_with_its_value(self, phrase):
        with pytest.raises(PromptError, match="text that is not blank") as refusal:
            parse_phrase(phrase)
        assert repr(phrase) in str(refusal.value)

    @pytest.mark.parametrize("phrase", ["car|", "|car", "car||auto", "|", "car| |auto"])
    def test_a_blank_alternative_is_refused_with_the_phrase(self, phrase):
        with pytest.raises(PromptError, match="blank alternative") as refusal:
            parse_phrase(phrase)
        assert repr(phrase) in str(refusal.value)

    def test_phrases_keep_their_order_and_those_of_one_label_are_one(self):
        assert parse_phrases(["dog", "car|auto", "dog", "car|motor car"]) == (
            Phrase("dog", ("dog",)),
            Phrase("car", ("car", "auto", "motor car")),
        )

    def test_one_string_is_refused_for_phrases(self):
        with pytest.raises(PromptError, match=r"write \['dog'\]"):
            parse_phrases("dog")

    def test_an_empty_list_is_refused(self):
        with pytest.raises(PromptError, match="no phrases"):
            parse_phrases([])


class TestVocabulary:
    def test_no_phrases_ask_for_every_class_under_its_own_name(self):
        assert list(Vocabulary(COCO).labels(None).values()) == COCO

    @pytest.mark.parametrize("name", COCO)
    def test_every_class_is_named_by_its_name_in_any_case_and_spacing(self, name):
        for phrase in (
            name,
            name.upper(),
            name.title(),
            name.replace(" ", ""),
            name.replace(" ", "-"),
            name.replace(" ", "_"),
            f"the {name}",
        ):
            assert asked(phrase) == [name]

    def test_the_label_is_the_phrase_as_it_was_written(self):
        assert Vocabulary(COCO).labels(["Cell-Phone", "a dog", "TRUCKS"]) == {67: "Cell-Phone", 16: "a dog", 7: "TRUCKS"}

    @pytest.mark.parametrize(
        ("plural", "name"),
        [
            ("dogs", "dog"),
            ("people", "person"),
            ("persons", "person"),
            ("buses", "bus"),
            ("benches", "bench"),
            ("knives", "knife"),
            ("mice", "mouse"),
            ("wine glasses", "wine glass"),
            ("toothbrushes", "toothbrush"),
            ("dining tables", "dining table"),
            ("sheep", "sheep"),
            ("TVs", "tv"),
            ("boxes", "box"),
            ("berries", "berry"),
            ("keys", "key"),
            ("potatoes", "potato"),
        ],
    )
    def test_a_plural_names_its_class(self, plural, name):
        assert asked(plural, [*COCO, "box", "berry", "key", "potato"]) == [name]

    @pytest.mark.parametrize(
        ("synonym", "name"),
        [
            ("human", "person"),
            ("television", "tv"),
            ("mobile phone", "cell phone"),
            ("smartphones", "cell phone"),
            ("phone", "cell phone"),
            ("sofa", "couch"),
            ("motorbike", "motorcycle"),
            ("aeroplane", "airplane"),
            ("automobiles", "car"),
            ("fridge", "refrigerator"),
            ("hair dryer", "hair drier"),
            ("doughnuts", "donut"),
            ("plant", "potted plant"),
            ("ball", "sports ball"),
        ],
    )
    def test_a_synonym_names_its_class(self, synonym, name):
        assert asked(synonym) == [name]

    @pytest.mark.parametrize(
        ("phrase", "name"), [("couch", "sofa"), ("airplane", "aeroplane"), ("tv", "tvmonitor"), ("table", "diningtable")]
    )
    def test_synonyms_hold_for_the_names_of_other_data_sets(self, phrase, name):
        assert asked(phrase, ["sofa", "aeroplane", "tvmonitor", "diningtable"]) == [name]

    def test_the_name_of_a_class_has_precedence_over_a_synonym_of_another(self):
        assert asked("plant", ["potted plant", "plant"]) == ["plant"]
        assert asked("bike", ["bicycle", "bike"]) == ["bike"]

    def test_classes_of_one_name_are_named_together(self):
        assert Vocabulary(["cat", "dog", "cat"]).labels(["cats"]) == {0: "cats", 2: "cats"}

    def test_alternatives_fold_into_one_label(self):
        assert Vocabulary(COCO).labels(["cat|dogs"]) == {15: "cat", 16: "cat"}

    def test_synonyms_in_one_phrase_are_one_class(self):
        assert Vocabulary(COCO).labels(["car|automobile"]) == {2: "car"}

    def test_two_phrases_for_one_class_are_refused_with_how_to_write_it(self):
        with pytest.raises(PromptError, match=r"'sofa' and 'couch' both mean class 'couch'.*'sofa\|couch'"):
            Vocabulary(COCO).labels(["sofa", "couch"])

    @pytest.mark.parametrize(
        ("phrase", "near"),
        [("red car", "car"), ("dogg", "dog"), ("tennis", "tennis racket"), ("motor cycel", "motorcycle"), ("sofaa", "couch")],
    )
    def test_an_unknown_phrase_is_refused_with_similar_classes(self, phrase, near):
        with pytest.raises(PromptError, match=f"'{phrase}' names none of the 80 classes.*Similar classes: .*'{near}'"):
            Vocabulary(COCO).labels(["cat", phrase])

    def test_an_unknown_phrase_without_similar_classes_is_refused_with_the_first_classes(self):
        with pytest.raises(PromptError, match=r"It knows 'person', 'bicycle', .* and 68 more"):
            Vocabulary(COCO).labels(["xqzw"])

    def test_an_unknown_alternative_is_refused_with_its_phrase(self):
        with pytest.raises(PromptError, match=r"'hamster' \(in 'dog\|hamster'\) names none"):
            Vocabulary(COCO).labels(["dog|hamster"])

    @pytest.mark.parametrize(("phrase", "wider"), [("woman", "person"), ("children", "person"), ("taxi", "car"), ("puppies", "dog")])
    def test_a_word_that_would_be_wrong_for_some_of_a_class_is_refused_with_the_class(self, phrase, wider):
        with pytest.raises(PromptError, match=f"Ask for the wider class '{wider}'"):
            Vocabulary(COCO).labels([phrase])

    def test_accents_count(self):
        assert asked("MÄNNER", ["männer"]) == ["männer"]
        with pytest.raises(PromptError, match="Similar classes: 'männer'"):
            Vocabulary(["männer"]).labels(["manner"])


@pytest.mark.parametrize("phrases", [5, [5], [None], ["a" * 1001], ["a"] * 10_001], ids=["number", "numbers", "none", "long", "many"])
def test_phrases_are_text_and_limited_in_number_and_length(phrases):
    with pytest.raises(PromptError, match=r"phrases? ") as caught:
        parse_phrases(phrases)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("cat", ("cat",)),
        ("cat, dog", ("cat", "dog")),
        (",cat,, ,red car,", ("cat", "red car")),
        ("cat . dog .", ("cat", "dog")),
        ("cat . red dog", ("cat", "red dog")),
        ("cat. a remote control.", ("cat", "a remote control")),
        ("cat . dog, bird .", ("cat", "dog", "bird")),
        ("cat\t.\ndog", ("cat", "dog")),
        ("car|automobile . dog .", ("car|automobile", "dog")),
        ("cat .", ("cat",)),
        ("cat.", ("cat",)),
        (". cat", ("cat",)),
    ],
)
def test_a_text_is_split_at_commas_and_at_full_stops_as_captions_of_grounding_dino_are_written(text, phrases):
    assert split_phrases(text) == phrases


@pytest.mark.parametrize(
    "text",
    ["St. Bernard", "St. Bernard.", "3.5 inch disk", "U.S. flag", "U.S. flag.", "flag of the U.S.", "No. 5 sign", "cat.dog", "vitamin C."],
)
def test_the_full_stop_of_an_abbreviation_or_number_does_not_split(text):
    expected = text.removesuffix(".") if text in ("St. Bernard.", "U.S. flag.") else text
    assert split_phrases(text) == (expected,)


@pytest.mark.parametrize("text", ["", " ", ",", " . ", ".", "...", " , . ,"])
def test_a_text_without_a_phrase_is_refused_with_an_example(text):
    with pytest.raises(PromptError, match="name what to find, such as"):
        split_phrases(text)


def test_one_string_for_a_list_of_phrases_is_refused_with_the_list_that_it_means():
    with pytest.raises(PromptError, match=r"write \['cat', 'dog'\]"):
        parse_phrases("cat . dog .")
